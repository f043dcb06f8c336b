"""Simulated exchanges for the contract tests: one, or all of them at once with one check for each."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Final

import aiohttp
import msgspec
import pytest

from ticker import clock, sim
from ticker.collect import feed, rest
from ticker.exchanges import EXCHANGES, Exchange
from ticker.exchanges.exchange import Keepalive
from ticker.listing import choose
from ticker.model import Instant, Market, Suspension, Tick
from ticker.sim.venue import Venue
from ticker.sim.world import ARTICLE, Coin

COINS: Final = {symbol: ARTICLE[symbol] for symbol in ("BTC", "XRP", "BSV", "DASH", "QTUM")}
"""Some exchanges have older names for the last three."""


class Log:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.opened_epochs: list[int] = []
        self.reasons: list[str] = []
        self.ticks: list[tuple[int, Tick]] = []
        self.drops: list[str] = []

    def opened(self, exchange: str, shard: int, epoch: int) -> None:
        self.opened_epochs.append(epoch)

    def closed(self, exchange: str, shard: int, instant: Instant, reason: str) -> None:
        self.reasons.append(reason)

    def event(self, exchange: str, epoch: int, event: Tick | Suspension, instant: Instant) -> None:
        if isinstance(event, Tick):
            self.ticks.append((epoch, event))

    def received(self, exchange: str) -> None:
        pass

    def dropped(self, exchange: str, reason: str) -> None:
        self.drops.append(reason)


async def until(condition: Callable[[], Any], deadline: float = 8.0) -> None:
    async with asyncio.timeout(deadline):
        while not condition():  # noqa: ASYNC110 - what is waited for is no event
            await asyncio.sleep(0.01)


class Stage:
    """One simulated exchange and what its market list says."""

    def __init__(self, venue: Venue, exchange: Exchange, session: aiohttp.ClientSession) -> None:
        self.venue = venue
        self.exchange = msgspec.structs.replace(exchange, connects_per_s=1000.0, frame_gap_s=0.0)
        self.session = session
        self.log = Log()
        self.markets: list[Market] = []

    @property
    def coins(self) -> dict[str, Coin]:
        return self.venue.world.coins[self.exchange.name]

    def heard(self) -> set[str]:
        """The symbols that ticks came for, by our names."""
        ours = {market.listed or market.symbol: market.symbol for market in self.markets}
        return {ours.get(tick.symbol, tick.symbol) for _, tick in self.log.ticks}

    def subscribed(self) -> bool:
        return {code for client in self.venue.clients for code in client.codes} == set(self.venue.coins)

    async def publish(self) -> None:
        for coin in self.coins.values():
            await self.venue.publish(coin)

    async def hear(self) -> None:
        """Until every market has delivered since now."""
        self.log.ticks.clear()
        async with asyncio.timeout(8):
            while not self.heard() >= set(self.coins):
                await self.publish()
                await asyncio.sleep(0.02)

    async def list(self) -> None:
        """What the venue lists of the coins in the currency it is simulated in."""
        listed = await rest.list_markets(self.session, self.exchange, rest.Pace(1000))
        self.markets, absent = choose({(symbol, listed[0].quote) for symbol in self.coins}, listed)
        assert absent == []

    @contextlib.asynccontextmanager
    async def feeding(self, *, also: Iterable[Market] = (), jitter: float = 0.1, **changes: Any) -> AsyncIterator[Log]:
        exchange = msgspec.structs.replace(self.exchange, **changes)
        work = feed.run(exchange, [*self.markets, *also], self.log, clock.now, jitter=lambda: jitter)
        task = asyncio.create_task(work)
        try:
            yield self.log
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def kept_alive(self, every_s: float) -> Keepalive:
        """Its own keepalive, more often."""
        return msgspec.structs.replace(self.exchange.keepalive, every_s=every_s)


@contextlib.asynccontextmanager
async def staged(
    names: Iterable[str] = EXCHANGES, *, frozen: bool = True, coins: Iterable[str] = COINS, **rules: Any
) -> AsyncIterator[list[Stage]]:
    """Simulated exchanges without limits, whose prices stand still, and whose protocols are changed by these rules."""
    venues = sim.venues(
        sim.World(clock.now().wall, names, frozen=frozen, coins={symbol: COINS[symbol] for symbol in coins}), clock.now
    )
    for venue in venues:
        unlimited = {"connects_per_s": 1000, "rest_per_s": 1000}
        venue.protocol = msgspec.structs.replace(venue.protocol, **{**unlimited, **rules})
    async with sim.serve(venues) as exchanges, aiohttp.ClientSession() as session:
        stages = [Stage(venue, exchanges[venue.protocol.name], session) for venue in venues]
        await asyncio.gather(*(stage.list() for stage in stages))
        yield stages


async def each(check: Callable[[Stage], Awaitable[None]], names: Iterable[str] = EXCHANGES, **rules: Any) -> None:
    """The check of every exchange at once; the failures by name."""
    async with staged(names, **rules) as stages:
        ends = await asyncio.gather(*(check(stage) for stage in stages), return_exceptions=True)
    failed = [
        f"{stage.exchange.name}: {end!r:.300} {stage.log.reasons[-2:]} {stage.log.drops[-2:]} {sorted(stage.heard())}"
        for stage, end in zip(stages, ends, strict=True)
        if end is not None
    ]
    if failed:
        pytest.fail("\n".join(failed), pytrace=False)
