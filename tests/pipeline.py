"""Collector and server in the test's own event loop, where what blocks it is measured and what they hold looked at.

Exchanges and reader are in another thread: their work is not ours.
"""

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from tests.stage import Stage
from tests.watcher import Watcher
from ticker import clock, sim
from ticker.collect.collector import Collector
from ticker.model import Instant
from ticker.serve import door
from ticker.serve.hub import Hub
from ticker.serve.node import Node
from ticker.settings import Server, Settings
from ticker.store import Reader, Writer

STEP_S = 0.005
STALE_S = 3.0


class Lag:
    """How long one turn of the event loop took at most: seconds of work, and seconds asleep in some call.

    Both leave out the time in which the machine had no core for us, or this would measure our neighbours: for none of
    our threads, for another one may hold Python's one lock as it waits.
    """

    def __init__(self) -> None:
        self.worked = 0.0
        self.slept = 0.0

    async def run(self) -> None:
        gc.freeze()  # as the program does when it starts
        try:
            await self._measure()
        finally:
            gc.unfreeze()

    async def _measure(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            at, worked, waited = now(), time.thread_time(), starved()
            await asyncio.sleep(STEP_S)
            turn = time.thread_time() - worked
            self.worked = max(self.worked, turn)
            self.slept = max(self.slept, now() - at - STEP_S - turn - (starved() - waited))


def starved() -> float:
    """Seconds in which threads of this process were ready to run and had no core, ever."""
    waited = 0
    for path in Path("/proc/self/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):  # a thread that has ended meanwhile
            waited += int(path.read_text(encoding="ascii").split()[1])
    return waited / 1e9


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

    def rest(self) -> None:
        """No more trades: what was told last is what must stand everywhere."""
        for coins in self.world.coins.values():
            for coin in coins.values():
                coin.due += 10**12

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
