"""I/O: record files played into a collector, and live frames listened to only to be recorded."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp

from ticker import clock
from ticker.collect import feed, rest
from ticker.collect.collector import Collector
from ticker.errors import BadFrame
from ticker.exchanges import EXCHANGES, Exchange
from ticker.exchanges.exchange import Memory, read
from ticker.listing import wanted_of
from ticker.model import Board, Instant, Market, Suspension, Tick
from ticker.tools import tape


async def play(
    files: Sequence[Path], exchange: str | None, speed: float, collector: Collector, boards: Mapping[str, Board]
) -> None:
    """Give the frames of record files to a collector at their own pace times `speed`."""
    for name in EXCHANGES:
        collector.prices.watch(Market(name, symbol, quote, "") for symbol, quote in wanted_of(boards, name))
        collector.opened(name, 0, 1, clock.now())
    for file in files:
        memories: dict[tuple[str, str], Memory] = {}
        before: float | None = None
        for line in tape.decode(file, exchange, bar=True):
            await asyncio.sleep(max(0.0, line.t - (before or line.t)) / speed)
            before = line.t
            _give(collector, line, memories.setdefault((line.exchange, line.conn), {}))


def _give(collector: Collector, line: tape.Line, memory: Memory) -> None:
    try:
        events = read(EXCHANGES[line.exchange], line.frame, memory)
    except BadFrame:
        collector.dropped(line.exchange, "malformed")
        return
    for event in events:
        if isinstance(event, Tick | Suspension):
            collector.event(line.exchange, 0, 1, event, clock.now())


class Deaf:
    """A sink for those who only record."""

    def opened(self, exchange: str, shard: int, epoch: int, instant: Instant) -> None:
        """Nothing to do."""

    def closed(self, exchange: str, shard: int, instant: Instant, reason: str) -> None:
        """Nothing to do."""

    def event(self, exchange: str, shard: int, epoch: int, event: Tick | Suspension, instant: Instant) -> None:
        """Nothing to do."""

    def received(self, exchange: str) -> None:
        """Nothing to do."""

    def dropped(self, exchange: str, reason: str) -> None:
        """Nothing to do."""


async def listen(
    exchanges: Mapping[str, Exchange], boards: Mapping[str, Board], proxy: str | None, record: tape.Recorder
) -> None:
    """Subscribe to what the boards want and record every frame."""
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        for exchange in exchanges.values():
            listed = await rest.list_markets(session, exchange, rest.Pace(1.0), proxy=proxy)
            wanted = wanted_of(boards, exchange.name)
            markets = [market for market in listed if (market.symbol, market.quote) in wanted]
            tasks.create_task(feed.run(exchange, markets, Deaf(), clock.now, proxy=proxy, record=record))
