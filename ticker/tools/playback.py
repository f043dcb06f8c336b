"""I/O: record files played into a collector, and live frames listened to only to be recorded."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import aiohttp

from ticker import clock
from ticker.collect import feed, rest
from ticker.collect.collector import Collector
from ticker.errors import BadFrame
from ticker.exchanges import EXCHANGES, Exchange
from ticker.exchanges.exchange import Memory, read
from ticker.listing import choose, wanted_of
from ticker.model import Board, Event, Instant, Market, Suspension, Tick
from ticker.tools import tape


async def play(
    files: Sequence[Path], exchange: str | None, speed: float, collector: Collector, boards: Mapping[str, Board]
) -> None:
    """Give the frames of record files to a collector at their own pace times `speed`."""
    for name in EXCHANGES:
        collector.prices.watch(Market(name, symbol, quote, "") for symbol, quote in wanted_of(boards, name))
        collector.opened(name, 0, 1)
    before: dict[Path, float] = {}
    for file, line, events in read_files(files, exchange, bar=True):
        await asyncio.sleep(max(0.0, line.t - before.get(file, line.t)) / speed)
        before[file] = line.t
        if events is None:
            collector.dropped(line.exchange, "malformed")
        for event in events or ():
            if isinstance(event, Tick | Suspension):
                collector.event(line.exchange, 1, event, clock.now())


def read_files(
    files: Iterable[Path], exchange: str | None, *, bar: bool
) -> Iterator[tuple[Path, tape.Line, list[Event] | None]]:
    """Every received frame of record files and what it means; None where it cannot be read."""
    for file in files:
        memories: dict[tuple[str, str], Memory] = {}
        for line in tape.decode(file, exchange, bar=bar):
            events = None
            with contextlib.suppress(BadFrame):
                memory = memories.setdefault((line.exchange, line.conn), {})
                events = read(EXCHANGES[line.exchange], line.frame, memory)
            yield file, line, events


class Deaf:
    """A sink for those who only record."""

    def opened(self, exchange: str, shard: int, epoch: int) -> None:
        """Nothing to do."""

    def closed(self, exchange: str, shard: int, instant: Instant, reason: str) -> None:
        """Nothing to do."""

    def event(self, exchange: str, epoch: int, event: Tick | Suspension, instant: Instant) -> None:
        """Nothing to do."""

    def received(self, exchange: str) -> None:
        """Nothing to do."""

    def dropped(self, exchange: str, reason: str) -> None:
        """Nothing to do."""


async def listen(
    exchanges: Mapping[str, Exchange], boards: Mapping[str, Board], proxy: str | None, record: tape.Recorder
) -> None:
    """Subscribe to what the boards want and record every frame."""

    async def follow(session: aiohttp.ClientSession, exchange: Exchange) -> None:
        found = await rest.listed(session, exchange, rest.Pace(1.0), proxy=proxy)
        markets, _ = choose(wanted_of(boards, exchange.name), found)
        await feed.run(exchange, markets, Deaf(), clock.now, proxy=proxy, record=record)

    async with aiohttp.ClientSession(trust_env=False) as session, asyncio.TaskGroup() as tasks:
        for exchange in exchanges.values():
            tasks.create_task(follow(session, exchange))
