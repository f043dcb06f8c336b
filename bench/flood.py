"""Two thousand markets on all eighteen simulated exchanges at once, five thousand ticks a second: does it hold?

    make bench-flood

The simulators speak the real protocols from a process of their own; here runs the whole collector, feeds, guard, rows
and batches into a real Redis, dialling and subscribing at each exchange's own pace. Yesterday's candles are left out:
what is measured is the stream. Written to bench/results/flood.json; exit 1 when it does not hold.
"""

import asyncio
import itertools
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import orjson

from ticker import clock, sim
from ticker.collect.collector import Collector
from ticker.exchanges import EXCHANGES, Exchange
from ticker.model import Board
from ticker.sim.world import currency
from ticker.start import event_loop
from ticker.store import Writer, embedded
from ticker.store.writer import Batch

RESULTS: Final = Path(__file__).parent / "results"
COINS: Final = {f"Q{i:03}": (str(1000 + 137 * i), "1") for i in range(112)}
"""On each of the 18 exchanges: 2,016 markets."""
RATE: Final = 5_000
BURST: Final = RATE
"""What a pause of the machine kept back comes all the same, as fast as it goes, a second's trades at most."""
SECONDS: Final = 60
ROUNDS: Final = 3
"""Of which the best counts: the machine may be shared."""
SETTLE_S: Final = 90
WARM_UP_S: Final = 240
Counted: TypeAlias = Any
"""A number in shared memory: the trades so far."""
PAGE: Final = resource.getpagesize()
FLAT_MB: Final = 1.0
"""Resident memory that may be gained a minute: allocator's noise."""
SHORT: Final = 0.98
"""The share of the ticks that must be offered, and accepted: what is under way at both ends is no loss."""


# -- the other process: simulated exchanges ---------------------------------------------------------------------------


def simulate(parent: Connection, traded: Counted) -> None:
    """Tell where each exchange is, and trade at the rate until it is enough."""
    with asyncio.Runner(loop_factory=event_loop()) as runner:
        runner.run(_simulate(parent, traded))


async def _simulate(parent: Connection, traded: Counted) -> None:
    world = sim.World(clock.now().wall, EXCHANGES, coins=COINS)
    for coin in all_coins(world):
        coin.due = sys.maxsize  # trades are made here, evenly
        coin._day = {0: coin._home}  # yesterday is one price
    venues = {venue.protocol.name: venue for venue in sim.venues(world, clock.now)}
    async with sim.serve(list(venues.values())) as exchanges:
        parent.send({name: (exchange.ws_url, exchange.rest_url) for name, exchange in exchanges.items()})
        coins, start = itertools.cycle(all_coins(world)), time.monotonic()
        skipped = 0
        while not parent.poll():
            owed = round((time.monotonic() - start) * RATE) - traded.value - skipped
            skipped += max(0, owed - BURST)
            for coin in itertools.islice(coins, min(owed, 50)):
                coin.trade(clock.now().wall)
                coin.due = sys.maxsize
                await venues[coin.exchange].publish(coin)
                traded.value += 1
            await asyncio.sleep(0.005 if owed < 50 else 0)  # handshakes want their turn


def all_coins(world: sim.World) -> list[Any]:
    """In turn one of each exchange."""
    return [coins[symbol] for symbol in COINS for coins in world.coins.values()]


# -- this process: the collector --------------------------------------------------------------------------------------


def boards() -> dict[str, Board]:
    """One for each currency, with every exchange simulated in it."""
    by_quote: dict[str, list[str]] = {}
    for name in EXCHANGES:
        by_quote.setdefault(currency(name), []).append(name)
    names = {symbol: {"ko": symbol, "en": symbol} for symbol in COINS}
    return {
        quote.lower(): Board(quote.lower(), quote, tuple(COINS), tuple(sources), {"ko": "", "en": ""}, names)
        for quote, sources in by_quote.items()
    }


class Counting(Writer):
    """Counts what it has written."""

    batches = 0

    async def commit(self, batch: Batch) -> list[str]:
        accepted = await super().commit(batch)
        self.batches += 1
        return accepted


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20


def slope(samples: list[float]) -> float:
    """MB a minute, of samples a second apart."""
    return statistics.linear_regression(range(len(samples)), samples).slope * 60


def quantile(counted: Counter[int], part: float) -> int:
    """Ms from a trade to its acceptance; the prices as they stand are looked at once a second."""
    passed = itertools.accumulate(counted[ms] for ms in sorted(counted))
    return next(ms for ms, n in zip(sorted(counted), passed, strict=True) if n >= part * counted.total())


async def collect(addresses: Mapping[str, tuple[str, str]], url: str, traded: Counted) -> dict[str, Any]:
    exchanges: dict[str, Exchange] = {
        name: msgspec.structs.replace(EXCHANGES[name], ws_url=ws, rest_url=rest, candles=None, rolling=None)
        for name, (ws, rest) in addresses.items()
    }
    async with Counting(url) as store, asyncio.TaskGroup() as tasks:
        collector = Collector(boards(), exchanges, store, clock.now)
        task = tasks.create_task(collector.run())
        await warm_up(collector)
        rounds = [await measure(collector, store, traded) for _ in range(ROUNDS)]
        task.cancel()
    return max(rounds, key=lambda found: found["accepted_per_s"])


async def warm_up(collector: Collector) -> None:
    """Until every market has a price, and the guards remember as much as they ever do."""
    quotes, deadline = collector.prices.quotes, time.monotonic() + WARM_UP_S
    while sum(quote.price is not None for quote in quotes) < len(COINS) * len(EXCHANGES):
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.5)
    await asyncio.sleep(SETTLE_S)


async def measure(collector: Collector, store: Counting, traded: Counted) -> dict[str, Any]:
    quotes = collector.prices.quotes
    counts, batches = collector.counts.copy(), store.batches
    memory: list[float] = []
    late: Counter[int] = Counter()
    cpu, start, before = time.process_time(), time.monotonic(), traded.value
    for second in range(1, SECONDS + 1):
        await asyncio.sleep(start + second - time.monotonic())
        memory.append(resident_mb())
        late.update(quote.received - quote.ts for quote in quotes if quote.price is not None)
    took, told = time.monotonic() - start, collector.counts - counts
    states = [row.state for rows in collector.prices.rows.values() for row in rows.values()]
    kinds = {kind for _, kind in told} - {"messages"}
    happened = {what: sum(n for (_, kind), n in told.items() if kind == what) for what in kinds}
    return {
        "markets": sum(quote.price is not None for quote in quotes),
        "seconds": round(took, 1),
        "offered_per_s": round((traded.value - before) / took),
        "accepted_per_s": round(happened.pop("accepted", 0) / took),
        "otherwise": happened,
        "collector_cores": round((time.process_time() - cpu) / took, 2),
        "batches_per_s": round((store.batches - batches) / took, 1),
        "late_ms_median": quantile(late, 0.5),
        "late_ms_p99": quantile(late, 0.99),
        "rows_live": f"{states.count('live')} of {len(states)}",
        "memory_mb": round(memory[-1], 1),
        "memory_mb_per_minute": round(slope(memory), 2),
    }


def main() -> None:
    ours, theirs = multiprocessing.Pipe()
    spawn = multiprocessing.get_context("spawn")
    traded = spawn.Value("Q", lock=False)
    simulators = spawn.Process(target=simulate, args=(theirs, traded), daemon=True)
    simulators.start()
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded.server(Path(folder)) as url,
        asyncio.Runner(loop_factory=event_loop()) as runner,
    ):
        found = runner.run(collect(ours.recv(), url, traded))
    ours.send("enough")
    simulators.join(10)
    found = {"python": sys.version.split()[0], "asked_per_s": RATE} | found
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "flood.json").write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    for name, value in found.items():
        print(f"{name:24} {value!s:>12}")
    enough = found["accepted_per_s"] >= SHORT * max(RATE, found["offered_per_s"])
    enough = enough and found["markets"] == len(COINS) * len(EXCHANGES)
    if not enough or found["memory_mb_per_minute"] > FLAT_MB:
        sys.exit("it does not hold")


if __name__ == "__main__":
    main()
