"""The servers compared, each pushing one update of about 180 bytes: `servers.py NAME PORT UPDATES_PER_SECOND [ROWS]`.

With WAIT in the environment they begin at SIGUSR1. With ROWS our own has a board of so many coins, and all of them
change in every update.
"""

import asyncio
import itertools
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import orjson
import uvloop
from aiohttp import web
from websockets.asyncio.server import ServerConnection, broadcast, serve

from ticker.model import Board, BoardState, Row
from ticker.names import name
from ticker.serve import door
from ticker.serve.hub import Hub
from ticker.settings import Server, Settings
from ticker.sim.world import ARTICLE


class Nothing:
    """What Redis would answer; nobody asks here."""

    async def history(self, _board: Board, _symbol: str) -> None:
        return None

    async def known(self) -> None:
        return None


def update(number: int) -> bytes:
    ts = time.monotonic_ns()
    row = {"symbol": "BTC", "price": str(57_000_000 + number), "change_pct": "3.79", "ts": ts, "ref": "55780000"}
    return orjson.dumps({"type": "update", "board": "krw", "seq": number, "ts": ts, "rows": [row], "x": "x" * 20})


async def ticks(rate: float) -> AsyncIterator[int]:
    """The numbers of updates, as many a second; what is late is not made up for."""
    if "WAIT" in os.environ:
        start = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, start.set)
        await start.wait()
    due = time.monotonic()
    for number in itertools.count(1):
        due = max(due + 1 / rate, time.monotonic())
        await asyncio.sleep(due - time.monotonic())
        yield number


async def paced(rate: float, push: Callable[[int], None]) -> None:
    async for number in ticks(rate):
        push(number)


def whole(symbol: str, number: int) -> Row:
    """A row as it is on a real board, at its next price."""
    chance, stamp = random.Random(f"{symbol} {number}"), time.time_ns() // 1_000_000
    price, ref = int(float(ARTICLE[symbol][0]) * 1000), int(float(ARTICLE[symbol][0]) * 970)
    more = {"ref": f"{ref}", "ref_ts": stamp // 60_000 * 60_000 - 86_400_000, "basis": "history", "source": "upbit"}
    moved, percent = f"{price + chance.randrange(price // 50)}", f"{chance.uniform(-9, 9):.2f}"
    return Row(symbol, moved, 0, percent, state="live", ts=stamp, received_ts=stamp, **more)


async def ticker(port: int, rate: float, server: Server | None = None) -> None:
    rows = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    symbols = tuple(ARTICLE)[: rows or 1]
    most = Server(port=port, flush_ms=0, max_clients=19_000, handshakes_per_s=1_000_000)
    settings = Settings(server=server or most)
    title, names = {"ko": "시세", "en": "Prices"}, {symbol: name(symbol) for symbol in symbols}
    hub = Hub({"krw": Board("krw", "KRW", symbols, ("upbit",), title, names)}, settings.server)
    hub.replace("krw", BoardState(1, 1, {symbol: whole(symbol, 0) for symbol in symbols}))
    opened = await door.serve(hub, settings, Nothing())

    def push(number: int) -> None:
        ts = time.monotonic_ns()
        if rows:
            hub.update("krw", number, ts, [whole(symbol, number) for symbol in symbols])
        else:
            hub.update("krw", number, ts, [Row("BTC", str(57_000_000 + number), 0, str(number), str(number), ts=ts)])

    async with asyncio.TaskGroup() as tasks:
        for work in (hub.run(), opened.run(), paced(rate, push)):
            tasks.create_task(work)


async def websockets_broadcast(port: int, rate: float) -> None:
    readers: set[ServerConnection] = set()

    async def stay(reader: ServerConnection) -> None:
        readers.add(reader)
        try:
            await reader.wait_closed()
        finally:
            readers.discard(reader)

    async with serve(stay, "127.0.0.1", port, compression=None, ping_interval=None, open_timeout=60):
        await paced(rate, lambda number: broadcast(readers, update(number).decode()))


async def aiohttp_send(port: int, rate: float) -> None:
    readers: set[web.WebSocketResponse] = set()

    async def stay(request: web.Request) -> web.WebSocketResponse:
        reader = web.WebSocketResponse(compress=False)
        await reader.prepare(request)
        readers.add(reader)
        try:
            async for _ in reader:
                pass
        finally:
            readers.discard(reader)
        return reader

    app = web.Application()
    app.router.add_get("/{path:.*}", stay)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
    async for number in ticks(rate):
        text = update(number).decode()
        for reader in list(readers):
            await reader.send_str(text)


async def picows_send(port: int, rate: float) -> None:
    sys.path.append(str(Path(__file__).parents[2] / ".bench-tools" / "python"))
    from picows import WSListener, WSMsgType, WSTransport, ws_create_server  # noqa: PLC0415 - it may be missing

    readers: set[WSTransport] = set()

    class Stay(WSListener):
        def on_ws_connected(self, transport: WSTransport) -> None:
            readers.add(transport)

        def on_ws_disconnected(self, transport: WSTransport) -> None:
            readers.discard(transport)

    def push(number: int) -> None:
        text = update(number)
        for reader in list(readers):
            reader.send(WSMsgType.TEXT, text)

    await ws_create_server(lambda _request: Stay(), "127.0.0.1", port, backlog=4096)
    await paced(rate, push)


async def nchan_publish(port: int, rate: float) -> None:
    """Not a server: what publishes to nchan, on the client's side of the machine."""
    async with aiohttp.ClientSession() as session:
        async for number in ticks(rate):
            text = update(number).decode()  # text, so that nchan sends text frames
            async with session.post(f"http://127.0.0.1:{port}/publish", data=text) as answer:
                await answer.read()


SERVERS: dict[str, tuple[Callable[[int, float], Awaitable[None]], Callable[[], asyncio.AbstractEventLoop]]] = {
    "ticker": (ticker, uvloop.new_event_loop),
    "websockets-uvloop": (websockets_broadcast, uvloop.new_event_loop),
    "websockets-asyncio": (websockets_broadcast, asyncio.new_event_loop),
    "aiohttp-uvloop": (aiohttp_send, uvloop.new_event_loop),
    "picows": (picows_send, uvloop.new_event_loop),
    "nchan-publish": (nchan_publish, uvloop.new_event_loop),
}

if __name__ == "__main__":
    work, loop = SERVERS[sys.argv[1]]
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(work(int(sys.argv[2]), float(sys.argv[3])))  # type: ignore[arg-type]
