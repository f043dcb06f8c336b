"""The program runs on uvloop where it installs: what depends on sockets and transports is proved there too."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop

from tests.contract import test_server_lobby as lobby
from tests.contract import test_server_rules as rules
from tests.contract import test_server_slow as slow
from tests.server import serving

SCENARIOS = [
    found
    for module in (rules, slow, lobby)
    for name, found in vars(module).items()
    if name.startswith("test_") and set(inspect.signature(found).parameters) <= {"node"}
]


async def with_node(scenario: Callable[..., Awaitable[None]], **arguments: Any) -> None:
    if "node" in inspect.signature(scenario).parameters:
        async with serving() as node:
            await scenario(node, **arguments)
    else:
        await scenario(**arguments)


def on_uvloop(scenario: Callable[..., Awaitable[None]], **arguments: Any) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(with_node(scenario, **arguments))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_what_holds_on_asyncio_holds_here(scenario: Callable[..., Awaitable[None]]) -> None:
    on_uvloop(scenario)


@pytest.mark.parametrize("path", ["/v1/stream/krw", "/v1/events/krw"])
def test_slow_readers(path: str) -> None:
    on_uvloop(slow.test_who_never_reads_is_bounded_and_closed_and_the_others_do_not_notice, path=path)
    on_uvloop(slow.test_who_resumes_gets_whole_frames_and_then_a_fresh_snapshot, path=path)


@pytest.mark.parametrize(("data", "code"), rules.BROKEN[1:6:4])
def test_broken_rules(data: bytes, code: int) -> None:
    on_uvloop(rules.test_broken_rules_end_with_their_code, data=data, code=code)
