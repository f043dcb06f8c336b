"""One server node over loopback for the contract tests, its hub fed by hand, and the clients that knock on it."""

import asyncio
import base64
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgspec
import orjson
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.conftest import make_board
from ticker.model import Board, BoardState, Held, Row
from ticker.report import Incident, Leg, Legs, Report, SourceReport
from ticker.serve import door
from ticker.serve.hub import Hub
from ticker.serve.status import Known
from ticker.settings import Server, Settings

BOARD = make_board("BTC", "ETH", "XRP", sources=("upbit", "bithumb"))
DOLLARS = msgspec.structs.replace(make_board("BTC", sources=("upbit",), name="usdt"), quote="USDT")
T = 1_790_000_000_000
DEADLINE_S = 8.0
KEY = base64.b64encode(b"0123456789abcdef").decode()
UPGRADE = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n"


def row(symbol: str, price: str, **more: Any) -> Row:
    fields: dict[str, Any] = {"source": "upbit", "ts": T, "received_ts": T, "state": "live"}
    return Row(symbol=symbol, price=price, **fields | more)


def first_rows() -> dict[str, Row]:
    return {"BTC": row("BTC", "100"), "ETH": row("ETH", "10")}


class Files:
    """What Redis would answer; `broken`: what is raised instead."""

    def __init__(self) -> None:
        self.broken: Exception | None = None

    async def history(self, _board: Board, symbol: str) -> tuple[str, list[tuple[int, str]]] | None:
        if self.broken is not None:
            raise self.broken
        return ("upbit", [(T + i * 60_000, str(100 + i)) for i in range(1441)]) if symbol == "BTC" else None

    async def known(self) -> Known:
        leg = Leg("1380", "upbit", T)
        report = Report(
            {"upbit": SourceReport("live", T, 7, 1)},
            {"krw": Legs(leg, {"BTC": leg, "ETH": None})},
            [
                Incident(T, "source", "bithumb", board="krw", symbols=["BTC", "ETH"], to="upbit"),
                Incident(T, "reconnect", "bithumb", last_ts=T + 1000, times=3),
            ],
        )
        reachable = self.broken is None
        return Known(report, [Held(T, "upbit", "BTC", "1", "2")], reachable, 400, 2, now=T + 5000, silent=False)


class Node:
    """A server on a free port."""

    def __init__(self, hub: Hub, opened: door.Door, files: Files) -> None:
        self.hub = hub
        self.door = opened
        self.files = files
        self.port = opened.port
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws = f"ws://127.0.0.1:{self.port}/v1/stream"
        self.revision = 1
        self.complaints: list[str] = []

    def say(self, *rows: Row) -> None:
        self.revision += 1
        self.hub.update("krw", self.revision, T + self.revision, rows)


@contextlib.asynccontextmanager
async def serving(
    *,
    ready: bool = True,
    patience_s: float = 15.0,
    look_s: float = 0.05,
    heartbeat_s: float = 10.0,
    ping_s: float = 25.0,
    **changes: Any,
) -> AsyncIterator[Node]:
    settings = Settings(server=Server(port=0, **{"flush_ms": 20, "drain_s": 0.05} | changes))
    hub, files = Hub({"krw": BOARD, "usdt": DOLLARS}, settings.server), Files()
    hub.look_s, hub.heartbeat_s = look_s, heartbeat_s
    if ready:
        hub.replace("krw", BoardState(1, T, first_rows()))
        hub.replace("usdt", BoardState(1, T))
    opened = door.Door(hub, settings, files, patience_s=patience_s)
    opened.lobby.ping_s = ping_s
    await opened.open()
    tasks = [asyncio.create_task(hub.run()), asyncio.create_task(opened.run())]
    try:
        node = Node(hub, opened, files)
        with listening(node.complaints, "asyncio", "websockets", "ticker"):
            yield node
        assert node.complaints == []
        for task in tasks:
            assert not task.done(), task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await opened.close()


class Complaints(logging.Handler):
    """The errors that were logged."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__(logging.ERROR)
        self.texts = texts

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


@contextlib.contextmanager
def listening(texts: list[str], *names: str) -> Iterator[None]:
    """What goes wrong in a callback is only logged: let no test overlook it."""
    handler = Complaints(texts)
    for name in names:
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        for name in names:
            logging.getLogger(name).removeHandler(handler)


async def until(condition: Callable[[], object]) -> None:
    """Poll a condition that is no event."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def heard(client: ClientConnection) -> dict[str, Any]:
    """The next message."""
    async with asyncio.timeout(DEADLINE_S):
        return dict(orjson.loads(await client.recv()))


async def ended(client: ClientConnection) -> int | None:
    """Read until the end; its close code."""
    async with asyncio.timeout(DEADLINE_S):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await client.recv()
    return client.close_code


@contextlib.asynccontextmanager
async def raw(node: Node, port: int | None = None) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that sends what it likes."""
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port or node.port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@contextlib.contextmanager
def deaf(node: Node, path: str, headers: str = UPGRADE) -> Iterator[socket.socket]:
    """A client that asks for a stream and does not read it: its kernel keeps next to nothing."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(("127.0.0.1", node.port))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
        client.setblocking(False)
        yield client
