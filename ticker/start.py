"""I/O: what every command does first: its settings, its logging, its event loop."""

import asyncio
import gc
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

import click

from ticker import logs
from ticker.errors import TickerError, innermost
from ticker.settings import Settings, load

log = logging.getLogger(__name__)

Result = TypeVar("Result")
config_option = click.option("--config", metavar="FILE", help="The configuration file.", default=None)


def settings_of(context: click.Context, config: str | None, worker: str = "") -> Settings:
    """The settings for a command, with logging set up by them."""
    settings = load(config or context.find_root().obj)
    logs.setup(settings.log, worker)
    return settings


def again(context: click.Context, config: str | None) -> Callable[[], Settings]:
    """Reads the settings for a command once more."""
    return partial(load, config or context.find_root().obj)


def start(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a process; a single expected failure speaks for the whole group of tasks.

    The hundred thousand objects that were imported stay for good: to look for garbage among them, as Python does now
    and then, would hold the event loop for 30 ms. How rarely Python looks depends on how many it found the last time;
    so it looks once without them.
    """
    gc.freeze()
    gc.collect()
    try:
        with asyncio.Runner(loop_factory=event_loop()) as runner:
            return runner.run(work)
    except BaseExceptionGroup as group:
        expected = group.subgroup(TickerError)
        if expected is None:
            raise
        raise innermost(expected) from None


def stay(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a process that lasts until it is told to end, and say when it has."""
    result = start(work)
    log.info("ended")
    return result


def event_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes the fastest event loop that is installed."""
    try:
        import uvloop  # noqa: PLC0415 - optional where it does not install
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
