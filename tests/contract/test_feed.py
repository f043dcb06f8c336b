"""What a feed decides by itself: how long to wait, which connection carries what, and that it ends when told."""

import asyncio
import contextlib
import logging
import re

import msgspec
import pytest

from tests.venues import Log, staged, until
from ticker import clock
from ticker.collect.backoff import Backoff
from ticker.collect.feed import Feed, shards
from ticker.exchanges import EXCHANGES
from ticker.exchanges.upbit import UPBIT
from ticker.model import Market


class Failing(Feed):
    """A feed whose connection fails at the moment it is cancelled."""

    async def _stretch(self) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise OSError("the socket broke")


async def test_a_feed_that_fails_while_it_is_cancelled_ends() -> None:
    """A task group tells only of the failure: the feed would begin again, and nobody could end it any more."""
    task = asyncio.create_task(Failing(UPBIT, [], 0, Log(), clock.now, jitter=lambda: 0.0).run())
    await asyncio.sleep(0)
    task.cancel()
    await until(task.done)
    assert task.cancelled()


def test_the_wait_doubles_to_twenty_seconds_and_starts_again_after_good_data() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.wait() for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 20, 20]
    backoff.reset()
    assert backoff.wait() == 0.5
    assert Backoff(lambda: 0.25).wait() == 0.125


def test_more_markets_than_a_connection_carries_are_spread() -> None:
    exchange = msgspec.structs.replace(UPBIT, most_markets=2)
    markets = [Market("x", f"C{i}", "KRW", f"C{i}") for i in range(5)]
    assert [len(shard) for shard in shards(exchange, markets)] == [2, 2, 1]


async def test_a_venue_that_comes_back_is_well_again(caplog: pytest.LogCaptureFixture) -> None:
    """Seen failing with each of many failures told, and without a word about their end."""
    caplog.set_level(logging.INFO, "ticker")
    async with staged(["upbit"]) as (stage,):
        stage.venue.faults.reject = 503
        async with stage.feeding(jitter=0.02) as log:
            await until(lambda: len(log.reasons) > 2)
            stage.venue.faults.reject = None
            await stage.hear()
    said = [record.getMessage() for record in caplog.records]
    assert said == ["upbit: HTTP 503 at the handshake", "upbit: well again"]


async def test_no_text_of_a_frame_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Seen failing with a frame's beginning in the line."""
    caplog.set_level(logging.DEBUG, "ticker")
    async with staged() as stages:
        for stage in stages:
            stage.venue.faults.garbage = b'{"hunter2'
        async with contextlib.AsyncExitStack() as stack:
            for stage in stages:
                await stack.enter_async_context(stage.feeding())
            for stage in stages:
                await until(stage.subscribed)
                await stage.publish()
            await until(lambda: all("malformed" in stage.log.drops for stage in stages))
    said = {record.getMessage() for record in caplog.records}
    assert {line.partition(":")[0] for line in said} == EXCHANGES.keys()
    assert not [line for line in said if not re.fullmatch(r"\w+: malformed: \w+ in 9 bytes", line)]
