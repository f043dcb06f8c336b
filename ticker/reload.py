"""I/O: SIGHUP: the configuration is read again while everything goes on; a bad one changes nothing."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import msgspec

from ticker.errors import UsageError
from ticker.settings import Settings

log = logging.getLogger(__name__)

Tell: TypeAlias = Callable[[Settings], Awaitable[None]]
"""Somebody who takes new settings."""


RESTART: Final = ("admin.", "redis.", "network.", "log.", "server.host", "server.port", "server.stale_after_s")
"""Where the names begin of what a running process does not change."""


def waits(name: str) -> bool:
    """Whether a setting is read at the start only."""
    return name.startswith(RESTART)


def changed(before: Settings, after: Settings) -> list[str]:
    """`server.port`, `boards.krw`: what differs, without what it is: it may be a password."""
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(after)
    names = [(section, key) for section in new for key in {**old[section], **new[section]}]
    return [f"{section}.{key}" for section, key in names if old[section].get(key) != new[section].get(key)]


class Reload:
    """Waits for SIGHUP from the moment it is made."""

    def __init__(self, read: Callable[[], Settings], *told: Tell) -> None:
        self.told = list(told)
        """Who is told, one after the other."""
        self._read = read
        self._started = self._last = read()
        self._asked = asyncio.Event()
        self._terminal = sys.stderr.isatty()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hear)

    async def run(self) -> None:
        """Read again whenever asked, forever."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                settings = self._read()
            except UsageError as error:
                log.error("SIGHUP: nothing changes: %s", error)  # noqa: TRY400 - the user's mistake, not ours
                continue
            for tell in self.told:
                await tell(settings)
            log.info("SIGHUP: the configuration has been read again: %s", self._news(settings))

    def _news(self, settings: Settings) -> str:
        """What differs, whichever process it is for, and what is not in force."""
        taken = [name for name in changed(self._last, settings) if not waits(name)]
        waiting = [name for name in changed(self._started, settings) if waits(name)]
        self._last = settings
        news = f"{', '.join(taken)} changed, each process takes its part" if taken else "nothing changed"
        return f"{news}; {', '.join(waiting)} must wait for a restart" if waiting else news

    def _hear(self) -> None:
        """A terminal that was closed says the same, and means the end."""
        if self._terminal and not sys.stderr.isatty():
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for stream in (1, 2):  # what is logged on the way out would fail there, and the exit code with it
                os.dup2(nowhere, stream)
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            self._asked.set()
