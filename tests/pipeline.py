"""Collector and server in the test's own event loop, where what blocks it is measured and what they hold looked at.

Exchanges and reader are in another thread: their work is not ours.
"""

import asyncio
import contextlib
import gc
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from tests.stage import Stage
from tests.watcher import Watcher
from ticker import clock, sim
from ticker.collect.collector import Collector
from ticker.model import Instant
from ticker.serve import door
from ticker.serve.hub import Hub
from ticker.serve.node import Node
from ticker.settings import Server, Settings
from ticker.store import FAILURES, Reader, Writer

STEP_S = 0.005
NAP_S = 0.001
STALE_S = 3.0
HELD_S = 0.05
"""What no turn of the event loop may take."""


class Bystander(threading.Thread):
    """A thread that only sleeps: where it is late although there was a core for it, others had Python's one lock."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.kept_out: list[tuple[float, float, float]] = []
        """From when until when it was late, and for how much of that it waited for the lock."""
        self._over = False

    def run(self) -> None:
        woke, waited = time.monotonic(), delayed()
        while not self._over:
            time.sleep(NAP_S)
            due, woke, before, waited = woke + NAP_S, time.monotonic(), waited, delayed()
            if (lock := woke - due - (waited - before)) > NAP_S:
                self.kept_out.append((due, woke, lock))

    def stop(self) -> None:
        self._over = True
        self.join()


class Turn(NamedTuple):
    """One turn of the event loop, by the steady clock; seconds."""

    began: float
    ended: float
    worked: float
    late: float
    """What it took, work and waiting, without the time in which the machine had no core for the loop's thread."""

    def held(self, kept_out: Iterable[tuple[float, float, float]]) -> float:
        """What its own code took: without what others held the lock for, which is no more than they kept others out."""
        overlaps = ((min(woke, self.ended) - max(due, self.began), lock) for due, woke, lock in kept_out)
        others = sum(min(overlap, lock) for overlap, lock in overlaps if overlap > 0)
        return max(self.worked, self.late - max(0.0, others - self.worked))  # its own work keeps others out too


class Lag:
    """How long our code held the event loop in one turn at most, at work or asleep in some call.

    Left out is what is not its doing: that the machine had no core for its thread, which the kernel counts, and that
    another thread held Python's one lock, as one does that begins a process: the bystander tells for how long.
    """

    def __init__(self) -> None:
        self._bystander = Bystander()
        self._turns: list[Turn] = []

    def start_over(self) -> None:
        """Forget what was."""
        self._turns.clear()
        self._bystander.kept_out.clear()

    def held(self) -> float:
        """Seconds."""
        longest = 0.0
        for turn in sorted(self._turns, key=lambda turn: max(turn.worked, turn.late), reverse=True):
            if max(turn.worked, turn.late) <= longest:
                break
            longest = max(longest, turn.held(self._bystander.kept_out))
        return longest

    async def run(self) -> None:
        gc.freeze()  # as the program does when it starts
        self._bystander.start()
        try:
            await self._measure()
        finally:
            self._bystander.stop()
            gc.unfreeze()

    async def _measure(self) -> None:
        while True:
            began, worked, waited = time.monotonic(), time.thread_time(), delayed()
            await asyncio.sleep(STEP_S)
            ended = time.monotonic()
            late = ended - began - STEP_S - (delayed() - waited)
            self._turns.append(Turn(began, ended, time.thread_time() - worked, late))


def delayed() -> float:
    """Seconds in which this thread was ready to run and had no core, ever."""
    return int(Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9


class Pipeline:
    """What a test may look at."""

    def __init__(self, stage: Stage, collector: Collector, public: door.Door) -> None:
        self.world = stage.world
        self.collector = collector
        self.hub = public.hub
        self.url = f"http://127.0.0.1:{public.port}"
        self.lag = Lag()
        self.watcher = Watcher(self.url, "krw", stage.world.coins)
        stage.background.start(self.watcher.run())

    def rest(self, symbol: str | None = None) -> None:
        """No more trades, of one coin or at all: what was told last is what must stand everywhere."""
        for coins in self.world.coins.values():
            for name, coin in coins.items():
                coin.due += 10**12 if symbol in {None, name} else 0

    def go_on(self) -> None:
        for coins in self.world.coins.values():
            for coin in coins.values():
                coin.due = min(coin.due, clock.now().wall + 500)


@contextlib.asynccontextmanager
async def pipeline(
    collectors_redis: str,
    servers_redis: str,
    clock: Callable[[], Instant] = clock.now,
    exchanges_clock: Callable[[], Instant] | None = None,
) -> AsyncIterator[Pipeline]:
    """Two simulated exchanges to one reader."""
    boards, settings = sim.boards(), Settings(server=Server(port=0, drain_s=0))
    with Stage(*sim.DEMO, clock=exchanges_clock or clock) as stage:
        async with (
            Writer(collectors_redis) as writer,
            Reader(servers_redis) as reader,
            asyncio.TaskGroup() as tasks,
        ):
            collector = Collector(boards, stage.exchanges, writer, clock)
            hub = Hub(boards, settings.server)
            node = Node(boards, hub, reader, clock, stale_after_s=STALE_S)
            public = door.Door(hub, settings, node)
            await public.open()
            made = Pipeline(stage, collector, public)
            works = (collector.run(), node.run(), hub.run(), public.run(), made.lag.run())
            running = [tasks.create_task(work) for work in works]
            try:
                yield made
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
                await public.close()


def whole(stage: Pipeline) -> bool:
    return all(row.change_pct is not None for row in stage.watcher.rows.values())


async def eventually(condition: Callable[[], object], seconds: float) -> float | None:
    """How long it took, None when it did not come."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            return None
        await asyncio.sleep(0.02)
    return time.monotonic() - started


async def parted(stage: Pipeline, store: Reader) -> dict[str, Any]:
    """Trading stops; then Redis, the snapshot and the stream must say the same."""
    stage.rest()

    async def differing() -> dict[str, Any]:
        try:
            written = (await store.board("krw")).rows
        except FAILURES as error:  # a connection from before the fault
            return {"redis": [error]}
        body = orjson.loads(await asyncio.to_thread(fetched, f"{stage.url}/v1/snapshot/krw"))
        told = {row["symbol"]: row for row in body["rows"]}
        found = {}
        for symbol, row in stage.watcher.rows.items():
            three = [
                (row.price, row.ts, row.change_pct),
                (told[symbol]["price"], told[symbol]["ts"], told[symbol]["change_pct"]),
                (written[symbol].price, written[symbol].ts, written[symbol].change_pct),
            ]
            if len(set(three)) > 1:
                found[symbol] = three
        return found

    differ = await differing()
    for _ in range(40):
        if not differ:
            break
        await asyncio.sleep(0.1)
        differ = await differing()
    stage.go_on()
    return differ


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return bytes(answer.read())
