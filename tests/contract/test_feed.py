"""What a feed decides by itself: how long to wait, which connection carries what, and that it ends when told."""

import asyncio

import msgspec

from tests.venues import Log, until
from ticker import clock
from ticker.collect.backoff import Backoff
from ticker.collect.feed import Feed, shards
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
