"""The day of as many markets as eighteen exchanges have: what one market costs nothing, 360 must not cost a second."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.pipeline import HELD_S, Lag
from tests.redis_server import RedisServer
from ticker.history import LENGTH, History, minute_of
from ticker.model import DAY, MINUTE
from ticker.sample import SCALES
from ticker.store import FAILURES, Writer
from ticker.store.writer import Batch

MARKETS = 360
pytestmark = pytest.mark.timeout(120)


async def test_an_emptied_redis_gets_it_back_and_a_successor_reads_it_and_no_loop_is_held(tmp_path: Path) -> None:
    """Seen failing with everything in one batch and minute by minute: never written, the loop held for 2.5 s.

    And with 0.055 s of `time.sleep` before each batch.
    """
    redis, now = RedisServer(tmp_path), time.time_ns() // 1_000_000
    history, first = History(), minute_of(now - DAY)
    for number in range(MARKETS):
        history.open(f"exchange:C{number}/KRW")
        history.load(f"exchange:C{number}/KRW", first, range(SCALES * (number + 1), SCALES * 2_000_000, SCALES * 1000))
    lag = Lag()
    watching = asyncio.create_task(lag.run())
    try:
        async with Writer(redis.url) as writer:
            assert await writer.claim(now) == "empty"
            history.rewrite()
            while samples := history.take():
                try:
                    await writer.commit(Batch(now, {}, samples, history.slots))
                except FAILURES:  # a busy machine
                    history.give_back(samples)
            found = History()
            await writer.load(found, now)
    finally:
        watching.cancel()
        redis.end()
    for key in history.slots:
        minutes = range(max(first, minute_of(now) - (LENGTH - 1) * MINUTE), minute_of(now), MINUTE)
        assert [found.series(key).get(at) for at in minutes] == [history.series(key).get(at) for at in minutes]
    assert lag.held() < HELD_S
