"""I/O: the processes of `ticker run`, `collect`, `serve` and `demo`, put together from their halves."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from ticker import admin, clock, sim
from ticker.collect.backfill import Progress as Report
from ticker.collect.collector import Collector
from ticker.ending import asked_to_end, until_asked
from ticker.errors import StartError, UsageError
from ticker.exchanges import EXCHANGES, Exchange
from ticker.metrics import CollectorMetrics, ServerMetrics, registry
from ticker.model import Board
from ticker.reload import Reload, Tell
from ticker.serve import door, workers
from ticker.serve.address import local_url
from ticker.serve.hub import Hub
from ticker.serve.node import Node
from ticker.settings import Settings, boards, exchanges_of
from ticker.sim import drill
from ticker.store import Reader, Writer, embedded
from ticker.tools import bars, playback, tape

log = logging.getLogger(__name__)

Read: TypeAlias = Callable[[], Settings]
"""Reads the configuration again."""
Up: TypeAlias = Callable[[str], None]
"""Told as soon as it serves, and where from here."""
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
            async with admin.serve(settings.admin, told, lambda: collector.ready) as operators:
                log.info(
                    "collector of boards %s from %s · admin %s",
                    _list(shown),
                    _list(exchanges_of(settings, shown)),
                    operators,
                )
                reload.told.append(_collecting(collector))
                await until_asked(collector.run(), reload.run())


async def serve(settings: Settings, read: Read, *, worker: bool = False) -> None:
    """Only a server node; a worker shares the public port with others, and says when it listens."""
    reload = Reload(read)
    async with Reader(_needed(settings), persistent=True) as store:
        await _serve(
            settings, boards(settings), store, worker=worker, reload=reload, up=workers.say_ready if worker else _quiet
        )


async def serve_together(settings: Settings, read: Read, commands: Sequence[Sequence[str]]) -> int:
    """Several server nodes on one public port, each a process of its own; the exit code."""
    _needed(settings)
    door.require_free(settings)
    started = [workers.Worker(number, command) for number, command in enumerate(commands)]
    drain_s = settings.server.drain_s

    async def pass_on(fresh: Settings) -> None:
        nonlocal drain_s
        drain_s = fresh.server.drain_s
        for worker in started:
            worker.reload()

    reloading = Reload(read, pass_on).run()
    return await workers.supervise(started, asked_to_end(), reloading, lambda: drain_s + GRACE_S)


async def demo(settings: Settings, *, frozen: bool, drilled: bool = False) -> None:
    """Everything over simulated exchanges on loopback, with a data directory of its own that starts empty.

    The boards of the configuration are shown too. `drilled` adds one that goes through everything a client must bear.
    """
    data_dir = Path(settings.redis.data_dir) / "demo"
    shown = sim.boards(settings)
    world = sim.World(clock.now().wall, sim.exchanges(shown.values()), frozen=frozen)
    async with sim.serve(sim.venues(world, clock.now)) as exchanges:
        with _redis(settings, data_dir, empty=True) as url:
            await _both(settings, shown, exchanges, url, drilled=drilled, up=partial(_invite, drilled=drilled))


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


async def record(settings: Settings, file: Path) -> None:
    """The raw frames of the configured boards into a file until a signal."""
    shown = boards(settings)
    try:
        with file.open("ab", buffering=0) as output:
            recorder = tape.Recorder(output)
            listening = playback.listen(exchanges_of(settings, shown), shown, settings.network.proxy, recorder)
            await until_asked(listening, recorder.last())
    except OSError as error:
        raise StartError(f"{file}: {error.strerror}; choose another file") from None


def _quiet(_url: str) -> None:
    """Nobody waits to hear that it serves."""


def _invite(url: str, *, drilled: bool) -> None:
    sys.stderr.write(f"Simulated prices: {url}/embed/article  (Ctrl-C ends)\n")
    if drilled:
        stream, events = (f"{url}/v1/{way}/{drill.BOARD.name}" for way in ("stream", "events"))
        sys.stderr.write(f"The drill for clients: {stream.replace('http', 'ws', 1)} · {events}\n")


async def _both(
    settings: Settings,
    shown: Mapping[str, Board],
    exchanges: Mapping[str, Exchange],
    url: str,
    *,
    drilled: bool = False,
    reload: Reload | None = None,
    up: Up = _quiet,
) -> None:
    writer, reader = Writer(url, persistent=True), Reader(url, persistent=True)
    async with writer, reader, asyncio.TaskGroup() as tasks:
        with bars.backfill() as report:
            collector = _collector(settings, shown, exchanges, writer, report)
            collecting = tasks.create_task(collector.run(), name="collector")
            if reload is not None:
                reload.told.append(_collecting(collector))
            figures = CollectorMetrics(collector, clock.now)
            await _serve(settings, shown, reader, figures, drilled=drilled, reload=reload, up=up)
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
    up: Up = _quiet,
) -> None:
    """Serve until a signal, then drain: no new readers, a farewell to the old ones, and out."""
    hub = Hub({**shown, drill.BOARD.name: drill.BOARD} if drilled else shown, settings.server)
    node = Node(shown, hub, store, clock.now, stale_after_s=settings.server.stale_after_s)
    if worker:
        await node.prepare()
    async with asyncio.TaskGroup() as tasks:
        public = await door.serve(hub, settings, node, reuse_port=worker)
        told = registry(ServerMetrics(public, clock.now, node), *figures)
        async with admin.serve(settings.admin, told, lambda: hub.ready and not public.lobby.draining) as operators:
            log.info("serving %s (boards %s) · admin %s", public.url, _list(hub.configured), operators)
            up(local_url(settings.server.host, public.port))
            drills = [drill.run(hub, clock.now, partial(print, file=sys.stderr, flush=True))] if drilled else []
            following = [tasks.create_task(work) for work in (node.run(), hub.run(), public.run(), *drills)]
            if reload is not None:
                reload.told.append(_serving(node, public))
                following.append(tasks.create_task(reload.run()))
            hand_over = await asked_to_end() == signal.SIGTERM  # at a terminal nobody waits
            log.info("draining: %d readers, %g s at most", public.lobby.clients, hub.server.drain_s)
            await public.drain(hand_over=hand_over)
            await public.close()
        for task in following:
            task.cancel()


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


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
