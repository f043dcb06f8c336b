"""Feeds and REST against simulated exchanges that speak the real protocols, with everything that goes wrong."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import msgspec
import pytest

from ticker import clock, sim
from ticker.collect import rest
from ticker.collect.connection import Connection
from ticker.collect.feed import Backoff, Feed, shards
from ticker.errors import BadFrame
from ticker.exchanges import Exchange
from ticker.exchanges.exchange import Keepalive, Request
from ticker.exchanges.upbit import UPBIT
from ticker.model import MINUTE, Instant, Market, Suspension, Tick
from ticker.sim.venue import Venue
from ticker.sim.world import ARTICLE


class Log:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.opened_epochs: list[int] = []
        self.reasons: list[str] = []
        self.ticks: list[tuple[int, Tick]] = []
        self.drops: list[str] = []

    def opened(self, exchange: str, shard: int, epoch: int, instant: Instant) -> None:
        self.opened_epochs.append(epoch)

    def closed(self, exchange: str, shard: int, instant: Instant, reason: str) -> None:
        self.reasons.append(reason)

    def event(self, exchange: str, shard: int, epoch: int, event: Tick | Suspension, instant: Instant) -> None:
        if isinstance(event, Tick):
            self.ticks.append((epoch, event))

    def dropped(self, exchange: str, reason: str) -> None:
        self.drops.append(reason)


async def until(condition: Callable[[], Any], deadline: float = 8.0) -> None:
    async with asyncio.timeout(deadline):
        while not condition():  # noqa: ASYNC110 - what is waited for is no event
            await asyncio.sleep(0.01)


class Stage:
    """One simulated exchange and a feed of two of its coins."""

    def __init__(self, venue: Venue, exchange: Exchange) -> None:
        self.venue = venue
        self.exchange = exchange
        self.log = Log()
        self.markets = [Market(exchange.name, symbol, "KRW", f"KRW-{symbol}") for symbol in ARTICLE]

    @contextlib.asynccontextmanager
    async def feeding(self, jitter: float = 0.1, **changes: Any) -> AsyncIterator[Log]:
        exchange = msgspec.structs.replace(self.exchange, **changes)
        feed = Feed(exchange, self.markets, 0, self.log, clock.now, jitter=lambda: jitter)
        task = asyncio.create_task(feed.run())
        try:
            yield self.log
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


both = pytest.mark.parametrize("stage", ["upbit", "bithumb"], indirect=True)


@pytest.fixture
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    name = getattr(request, "param", "upbit")
    world = sim.World(clock.now().wall)
    venues = [venue for venue in sim.venues(world, clock.now) if venue.protocol.name == name]
    async with sim.serve(venues) as exchanges:
        yield Stage(venues[0], exchanges[name])


@both
async def test_one_subscription_brings_the_last_prices_and_then_the_moving_ones(stage: Stage) -> None:
    async with stage.feeding() as log:
        await until(lambda: len(log.ticks) > len(ARTICLE) + 5)
        assert {tick.symbol for _, tick in log.ticks[: len(ARTICLE)]} == set(ARTICLE)
        assert {tick.quote for _, tick in log.ticks} == {"KRW"}
        coin = stage.venue.world.coins[stage.exchange.name]["BTC"]
        assert log.ticks[-1][1].ts
        assert coin.price > 0
        assert len(next(iter(stage.venue.clients)).received) == 1
        assert (log.reasons, log.drops, len(log.opened_epochs)) == ([], [], 1)


async def test_a_refused_subscription_is_retried_with_patience(stage: Stage) -> None:
    stage.venue.faults.refuse = True
    async with stage.feeding(jitter=1.0) as log:
        await until(lambda: len(stage.venue.dials) >= 3)
        gaps = [b - a for a, b in zip(stage.venue.dials, list(stage.venue.dials)[1:], strict=False)]
        assert gaps[0] >= 500
        assert gaps[1] >= 1000
        assert "refused" in log.drops
        stage.venue.faults.refuse = False
        await until(lambda: log.ticks)


async def test_a_feed_that_fails_while_it_is_cancelled_ends(stage: Stage) -> None:
    """A TaskGroup raises the failure and forgets the cancellation: without a second look the feed lived on."""

    class Failing(Feed):
        async def _carry(self, connection: Connection) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                raise OSError("cut while leaving")

    feed = Failing(stage.exchange, stage.markets, 0, stage.log, clock.now, jitter=lambda: 0.0)
    running = asyncio.create_task(feed.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_connected_is_not_alive_pings_do_not_count(stage: Stage) -> None:
    stage.venue.faults.silent = True
    async with stage.feeding(silence_s=0.3, keepalive=Keepalive(0.05)) as log:
        await until(lambda: log.reasons)
        assert log.reasons[0].startswith("Silence: no data for 0.3 s")
        stage.venue.faults.silent = False
        await until(lambda: log.ticks)


async def test_status_frames_do_not_count_as_data(stage: Stage) -> None:
    stage.venue.faults.silent = True
    async with stage.feeding(silence_s=0.4, keepalive=Keepalive(0.05, lambda _ms: "PING")) as log:
        await until(lambda: log.reasons)
        assert log.reasons[0].startswith("Silence")


async def test_garbage_is_dropped_and_counted_and_the_feed_goes_on(stage: Stage) -> None:
    stage.venue.faults.garbage = b'{"type":"ticker","code":"KRW-BTC"'
    async with stage.feeding() as log:
        await until(lambda: len(log.drops) > 3)
        assert set(log.drops) == {"malformed"}
        stage.venue.faults.garbage = None
        await until(lambda: log.ticks)
        assert log.reasons == []


async def test_a_cut_connection_begins_a_new_epoch(stage: Stage) -> None:
    async with stage.feeding() as log:
        await until(lambda: log.ticks)
        await stage.venue.drop()
        await until(lambda: len(log.opened_epochs) == 2)
        before = len(log.ticks)
        await until(lambda: len(log.ticks) > before)
        assert len(log.reasons) == 1
        assert len({epoch for epoch, _ in log.ticks}) == 2


async def test_an_old_connection_is_handed_over_without_a_gap(stage: Stage) -> None:
    async with stage.feeding(max_age_s=0.3, frame_gap_s=0.0) as log:
        await until(lambda: len(log.opened_epochs) >= 3)
        await until(lambda: len(stage.venue.clients) == 1)
        assert log.reasons == []
        assert len(set(log.opened_epochs)) == 1


async def test_a_venue_that_says_wait_is_obeyed(stage: Stage) -> None:
    stage.venue.faults.reject = 429
    async with stage.feeding(jitter=0.0) as log:
        await until(lambda: log.reasons)
        await asyncio.sleep(0)
        assert log.reasons == ["HTTP 429 at the handshake"]
        assert len(stage.venue.dials) == 1


@both
async def test_the_market_list_and_the_candles_of_yesterday(stage: Stage) -> None:
    pace = rest.Pace(1000)
    async with aiohttp.ClientSession() as session:
        markets = await rest.list_markets(session, stage.exchange, pace)
        assert Market(stage.exchange.name, "BTC", "KRW", "KRW-BTC") in markets
        candles = stage.exchange.candles
        assert candles
        end = clock.now().wall // MINUTE * MINUTE - 60 * MINUTE
        body = await rest.fetch(session, stage.exchange, candles.request(stage.markets[0], end, 50), pace)
        found = candles.parse(body)
    coin = stage.venue.world.coins[stage.exchange.name]["BTC"]
    expected = sorted((minute for minute in coin.closes if minute < end), reverse=True)[:50]
    assert found == [(minute, coin.closes[minute]) for minute in expected]


async def test_a_limit_is_answered_by_waiting(stage: Stage) -> None:
    stage.venue.faults.reject = 418
    pace = rest.Pace(1000)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(BadFrame, match="HTTP 418"):
            await rest.fetch(session, stage.exchange, Request("/v1/market/all"), pace)
        stage.venue.faults.reject = None
        start = asyncio.get_running_loop().time()
        await rest.fetch(session, stage.exchange, Request("/v1/market/all"), pace)
        assert asyncio.get_running_loop().time() - start >= 0.9  # the venue said Retry-After: 1


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
