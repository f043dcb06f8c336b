"""I/O: the processes of `ticker run`, `collect`, `serve` and `demo`, put together from their halves."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from ticker import admin, clock, sim
from ticker.collect.backfill import Progress as Report
from ticker.collect.collector import Collector
from ticker.errors import StartError, UsageError
from ticker.exchanges import EXCHANGES, Exchange
from ticker.metrics import CollectorMetrics, ServerMetrics, registry
from ticker.model import Board
from ticker.reload import Reload, Tell
from ticker.serve import door, workers
from ticker.serve.hub import Hub
from ticker.serve.node import Node
from ticker.settings import Settings, boards, exchanges_of
from ticker.sim import drill
from ticker.store import Reader, Writer, embedded
from ticker.tools import bars, playback, tape

Read: TypeAlias = Callable[[], Settings]
"""Reads the configuration again."""
GRACE_S: Final = 10.0
"""How much longer than `drain_s` a worker may take to end."""


async def run(settings: Settings, read: Read) -> None:
    """Collectors and server in one process, over live exchanges."""
    shown, reload = boards(settings), Reload(read)
    with _redis(settings, Path(settings.redis.data_dir)) as url:
        await _both(settings, shown, exchanges_of(settings, shown), url, reload=reload)


async def collect(settings: Settings, read: Read) -> None:
    """Only the collectors."""
    shown, reload = boards(settings), Reload(read)
    async with Writer(_needed(settings), persistent=True) as store:
        with bars.backfill() as report:
            collector = _collector(settings, shown, exchanges_of(settings, shown), store, report)
            told = registry(CollectorMetrics(collector, clock.now))
            async with admin.serve(settings.admin, told, lambda: True):
                reload.told.append(_collecting(collector))
                await _until_signal(collector.run(), reload.run())


async def serve(settings: Settings, read: Read, *, worker: bool = False) -> None:
    """Only a server node; a worker shares the public port with others, and says when it listens."""
    reload = Reload(read)
    async with Reader(_needed(settings), persistent=True) as store:
        await _serve(settings, boards(settings), store, worker=worker, reload=reload)


async def serve_together(settings: Settings, read: Read, commands: Sequence[Sequence[str]]) -> int:
    """Several server nodes on one public port, each a process of its own; the exit code."""
    _needed(settings)
    door.require_free(settings)
    started = [workers.Worker(number, command) for number, command in enumerate(commands)]

    async def pass_on(_fresh: Settings) -> None:
        for worker in started:
            worker.reload()

    reloading = Reload(read, pass_on).run()
    return await workers.supervise(started, _signal(), reloading, settings.server.drain_s + GRACE_S)


async def demo(settings: Settings, *, frozen: bool, drilled: bool = False) -> None:
    """Everything over simulated exchanges on loopback, with a data directory of its own that starts empty.

    `drilled` adds a board that goes through everything a client must bear.
    """
    data_dir = Path(settings.redis.data_dir) / "demo"
    world = sim.World(clock.now().wall, frozen=frozen)
    async with sim.serve(sim.venues(world, clock.now)) as exchanges:
        with _redis(settings, data_dir, empty=True) as url:
            await _both(settings, sim.boards(), exchanges, url, drilled=drilled)


async def replay(settings: Settings, files: Sequence[Path], exchange: str | None, speed: float) -> None:
    """Recorded frames through the whole pipeline to the page, with a data directory of its own that starts empty."""
    shown = boards(settings)
    data_dir = Path(settings.redis.data_dir) / "replay"
    with embedded.server(data_dir, empty=True) as url:
        async with Writer(url) as writer, Reader(url) as reader, asyncio.TaskGroup() as tasks:
            collector = Collector(shown, EXCHANGES, writer, clock.now, stale_after_s=settings.server.stale_after_s)
            playing = partial(playback.play, files, exchange, speed, collector, shown)
            collecting = tasks.create_task(collector.write_from(playing), name="collector")
            await _serve(settings, shown, reader, CollectorMetrics(collector, clock.now))
            collecting.cancel()


async def record(settings: Settings, file: Path) -> int:
    """The raw frames of the configured boards into a file until a signal; how many lines were written."""
    shown = boards(settings)
    try:
        with file.open("ab", buffering=0) as output:
            recorder = tape.Recorder(output)
            await _until_signal(playback.listen(exchanges_of(settings, shown), shown, settings.network.proxy, recorder))
            return recorder.lines
    except OSError as error:
        raise StartError(f"{file}: {error.strerror}; choose another file") from None


async def _both(
    settings: Settings,
    shown: Mapping[str, Board],
    exchanges: Mapping[str, Exchange],
    url: str,
    *,
    drilled: bool = False,
    reload: Reload | None = None,
) -> None:
    writer, reader = Writer(url, persistent=True), Reader(url, persistent=True)
    async with writer, reader, asyncio.TaskGroup() as tasks:
        with bars.backfill() as report:
            collector = _collector(settings, shown, exchanges, writer, report)
            collecting = tasks.create_task(collector.run(), name="collector")
            if reload is not None:
                reload.told.append(_collecting(collector))
            figures = CollectorMetrics(collector, clock.now)
            await _serve(settings, shown, reader, figures, drilled=drilled, reload=reload)
            collecting.cancel()


def _collector(
    settings: Settings, shown: Mapping[str, Board], exchanges: Mapping[str, Exchange], store: Writer, report: Report
) -> Collector:
    return Collector(
        shown,
        exchanges,
        store,
        clock.now,
        stale_after_s=settings.server.stale_after_s,
        proxy=settings.network.proxy,
        progress=report,
    )


def _collecting(collector: Collector) -> Tell:
    async def configure(fresh: Settings) -> None:
        shown = boards(fresh)
        collector.configure(shown, exchanges_of(fresh, shown))

    return configure


def _serving(node: Node, public: door.Door) -> Tell:
    async def configure(fresh: Settings) -> None:
        await node.configure(boards(fresh), fresh.server)
        public.forget()

    return configure


async def _serve(
    settings: Settings,
    shown: Mapping[str, Board],
    store: Reader,
    *figures: CollectorMetrics,
    drilled: bool = False,
    worker: bool = False,
    reload: Reload | None = None,
) -> None:
    """Serve until a signal, then drain: no new readers, a farewell to the old ones, and out."""
    hub = Hub({**shown, drill.BOARD.name: drill.BOARD} if drilled else shown, settings.server)
    node = Node(shown, hub, store, clock.now, stale_after_s=settings.server.stale_after_s)
    if worker:
        await node.prepare()
    async with asyncio.TaskGroup() as tasks:
        public = await door.serve(hub, settings, node, reuse_port=worker)
        told = registry(ServerMetrics(public, clock.now, node), *figures)
        async with admin.serve(settings.admin, told, lambda: hub.ready and not public.lobby.draining):
            if worker:
                workers.say_ready()
            drills = [drill.run(hub, clock.now, partial(print, file=sys.stderr, flush=True))] if drilled else []
            following = [tasks.create_task(work) for work in (node.run(), hub.run(), public.run(), *drills)]
            if reload is not None:
                reload.told.append(_serving(node, public))
                following.append(tasks.create_task(reload.run()))
            await _signal()
            await public.drain()
            await public.close()
        for task in following:
            task.cancel()


async def _until_signal(*works: Coroutine[None, None, None]) -> None:
    async with asyncio.TaskGroup() as tasks:
        working = [tasks.create_task(work) for work in works]
        await _signal()
        for task in working:
            task.cancel()


async def _signal() -> None:
    """SIGTERM, SIGINT, or the end of the private Redis; a second SIGTERM or SIGINT ends the process at once.

    Its exit code is then that of a command a shell has killed.
    """
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask(number: int) -> None:
        if asked.is_set():
            os._exit(128 + number)
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask, number)
    loop.add_signal_handler(embedded.ENDED, asked.set)
    await asked.wait()


@contextlib.contextmanager
def _redis(settings: Settings, data_dir: Path, *, empty: bool = False) -> Iterator[str]:
    """The configured Redis, or a private one."""
    if settings.redis.url:
        yield settings.redis.url
    else:
        with embedded.server(data_dir, empty=empty) as url:
            yield url


def _needed(settings: Settings) -> str:
    if not settings.redis.url:
        raise UsageError("collect and serve need redis.url (TICKER_REDIS__URL); `ticker run` brings its own Redis")
    return settings.redis.url
