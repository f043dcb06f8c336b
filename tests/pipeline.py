"""The whole pipeline in the test's own event loop: what blocks it is measured, what it holds is looked at."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from tests.watcher import Watcher
from ticker import clock, sim
from ticker.collect.collector import Collector
from ticker.model import Instant
from ticker.serve import door
from ticker.serve.hub import Hub
from ticker.serve.node import Node
from ticker.settings import Server, Settings
from ticker.sim.world import World
from ticker.store import Reader, Writer

STEP_S = 0.005
STALE_S = 3.0


class Lag:
    """How long one turn of the event loop took at most: seconds of work, and seconds asleep in some call.

    Both leave out the time in which the machine had no core for us, or this would measure our neighbours.
    """

    def __init__(self) -> None:
        self.worked = 0.0
        self.slept = 0.0

    async def run(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            at, worked, waited = now(), time.thread_time(), _waited()
            await asyncio.sleep(STEP_S)
            turn = time.thread_time() - worked
            self.worked = max(self.worked, turn)
            self.slept = max(self.slept, now() - at - STEP_S - turn - (_waited() - waited))


def _waited() -> float:
    """Seconds this thread was ready to run and had no core, ever."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except OSError:
        return 0.0


class Pipeline:
    """What a test may look at."""

    def __init__(self, world: World, collector: Collector, public: door.Door) -> None:
        self.world = world
        self.collector = collector
        self.hub = public.hub
        self.url = f"http://127.0.0.1:{public.port}"
        self.lag = Lag()
        self.watcher = Watcher(self.url, "krw", world.coins)

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
    collectors_redis: str, servers_redis: str, clock: Callable[[], Instant] = clock.now
) -> AsyncIterator[Pipeline]:
    """Two simulated exchanges to one reader."""
    world, boards = sim.World(clock().wall), sim.boards()
    settings = Settings(server=Server(port=0, drain_s=0))
    async with (
        sim.serve(sim.venues(world, clock)) as exchanges,
        Writer(collectors_redis) as writer,
        Reader(servers_redis) as reader,
        asyncio.TaskGroup() as tasks,
    ):
        collector = Collector(boards, exchanges, writer, clock)
        hub = Hub(boards, settings.server)
        node = Node(boards, hub, reader, clock, stale_after_s=STALE_S)
        public = door.Door(hub, settings, node)
        await public.open()
        made = Pipeline(world, collector, public)
        works = (collector.run(), node.run(), hub.run(), public.run(), made.watcher.run(), made.lag.run())
        running = [tasks.create_task(work) for work in works]
        try:
            yield made
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await public.close()
