"""I/O: the one public port.

Websockets stay with the hub, the hot snapshot is answered from prepared bytes, and every other connection goes to
aiohttp untouched.
"""

import asyncio
import errno
import socket
import time
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final, cast

from aiohttp import web

from ticker import head, query, wire
from ticker.answers import Connection, refusal_headers
from ticker.errors import StartError
from ticker.handshake import accept
from ticker.head import END, LONGEST, Head, board_in, garbled
from ticker.hub import Hub
from ticker.lobby import Lobby
from ticker.query import Refusal
from ticker.reader import Reader
from ticker.routes import Records, Routes
from ticker.settings import Settings
from ticker.snapshots import Snapshots
from ticker.websocket import WebSocket

PATIENCE_S: Final = 15.0
"""For a whole request head; also how long a connection may rest between requests or leave an answer unread."""
BACKLOG: Final = 4096
SEND_BUFFER: Final = 32 * 1024
"""Bytes the kernel keeps for one reader (it doubles them for its own bookkeeping): old prices are not worth more."""
STREAM: Final = "/v1/stream"
SNAPSHOT: Final = "/v1/snapshot"

read_again = lru_cache(maxsize=256)(head.read)
"""The heads of polling readers come again and again, byte for byte."""
SHORT: Final = 1024


class Door:
    """The public port of one server node."""

    def __init__(self, hub: Hub, settings: Settings, records: Records, *, patience_s: float = PATIENCE_S) -> None:
        self.hub = hub
        self.settings = settings
        self.patience_s = patience_s
        self.lobby = Lobby(hub, settings.server)
        self.snapshots = Snapshots(hub)
        self.visitors: set[FrontDoor] = set()
        """Connections nobody has taken yet."""
        self.counts: Counter[str] = Counter()
        routes = Routes(hub, settings, records, self.snapshots, self.lobby, self.admit)
        self.runner = web.AppRunner(routes.application(), access_log=None, shutdown_timeout=5.0)
        self._server: asyncio.Server | None = None

    async def open(self, *, reuse_port: bool = False) -> None:
        """Listen; an OSError says why not."""
        await self.runner.setup()
        listener = listen(self.settings.server.host, self.settings.server.port, reuse_port=reuse_port)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: FrontDoor(self), sock=listener, backlog=BACKLOG
        )

    @property
    def port(self) -> int:
        """The port in use, whatever was configured."""
        if self._server is None:
            raise RuntimeError("not open")
        return int(self._server.sockets[0].getsockname()[1])

    async def run(self) -> None:
        """Look after those who are here, forever."""
        await self.lobby.run()

    def aiohttps(self) -> asyncio.Protocol:
        """The other reader of requests, for one connection; it has the same patience."""
        server, loop, patience = self.runner.server, asyncio.get_running_loop(), self.patience_s
        if server is None:
            raise RuntimeError("not open")
        return Connection(
            server,
            loop=loop,
            keepalive_timeout=patience,
            lingering_time=patience,
            access_log=None,  # type: ignore[arg-type]  # none, as AppRunner takes it too
        )

    def admit(
        self, transport: asyncio.Transport, request: Head, early: bytes, gone: Callable[[Reader], None] | None = None
    ) -> None:
        """Make a connection a member of a group, or refuse it as HTTP; `early` is what came behind the head."""
        peer = transport.get_extra_info("peername")
        try:
            admission = self.lobby.admit(
                board_in(request.path, STREAM) or None, request.query, request.headers, str(peer[0]) if peer else ""
            )
            answer, deflate = accept(request)
        except Refusal as refusal:
            transport.write(_refusal(refusal))
            transport.close()
            return
        reader = WebSocket(self.hub, admission.key, admission.language, gone or self.lobby.left)
        self.lobby.enter(reader, admission.address)
        reader.open(transport, answer, deflate=deflate)
        self.hub.join(reader, admission.key)
        if early:
            reader.data_received(early)

    # -- the end ------------------------------------------------------------------------------------------------------

    async def drain(self) -> None:
        """Send the readers away; everything else is answered until they are gone, readiness with no."""
        await self.lobby.drain()
        if self._server is not None:
            self._server.close()

    async def close(self) -> None:
        """Let go of everything."""
        if self._server is not None:
            self._server.close()
        self.lobby.clear()
        for visitor in list(self.visitors):
            visitor.abort()
        await self.runner.cleanup()


def listen(host: str, port: int, *, reuse_port: bool) -> socket.socket:
    """A listening socket; `::` takes IPv4 too. Connections inherit its options."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    dual = family is socket.AF_INET6 and socket.has_dualstack_ipv6()
    listener = socket.create_server(
        (host, port), family=family, backlog=BACKLOG, reuse_port=reuse_port, dualstack_ipv6=dual and host == "::"
    )
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio leaves sockets it did not make alone
    return listener


@lru_cache(maxsize=1)
def date_of(second: int) -> bytes:
    """The date of an answer."""
    return formatdate(second, usegmt=True).encode()


class FrontDoor(asyncio.Protocol):
    """One new connection, until it is known what it wants."""

    __slots__ = ("_data", "_deadline", "_door", "_full", "_timer", "_transport")

    def __init__(self, door: Door) -> None:
        self._door = door
        self._data = b""
        self._full = False
        """The answers given so far are not read yet."""
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody knocked."""
        self._transport = cast("asyncio.Transport", transport)
        self._door.visitors.add(self)
        self._grant()
        self._look()

    def connection_lost(self, _error: Exception | None) -> None:
        """It went away before it said what it wanted."""
        self._forget()

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    # -- patience -----------------------------------------------------------------------------------------------------

    def _grant(self) -> None:
        self._deadline = asyncio.get_running_loop().time() + self._door.patience_s

    def _look(self) -> None:
        """Wake up when the patience would end, and see whether it has been renewed meanwhile."""
        loop = asyncio.get_running_loop()
        if self._timer is not None and loop.time() >= self._deadline:
            self.abort()
        else:
            self._timer = loop.call_at(self._deadline, self._look)

    def _forget(self) -> None:
        """The connection is somebody else's now, or nobody's."""
        self._door.visitors.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    # -- requests -----------------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """The answers are not read: no further questions."""
        self._full = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """They are."""
        self._full = False
        self._transport.resume_reading()
        self._serve()

    def data_received(self, data: bytes) -> None:
        """More of a request's head."""
        self._data += data
        self._serve()

    def _serve(self) -> None:
        while self._data and not self._full:
            end = self._data.find(END)
            if end < 0:
                if len(self._data) > LONGEST or garbled(self._data):
                    self._hand_over()
                return
            if not self._answer(self._data[: end + len(END)]):
                return

    def _answer(self, data: bytes) -> bool:
        """Answer a request here and wait for the next one; False when the connection is somebody else's now."""
        request = read_again(data) if len(data) < SHORT and data.startswith(b"GET /v1/snapshot") else head.read(data)
        if request is not None and board_in(request.path, STREAM) is not None and head.is_upgrade(request):
            self._forget()
            self._door.admit(self._transport, request, self._data[len(data) :])
            return False
        answer = request and self._snapshot(request)
        if not answer:
            self._hand_over()
            return False
        self._data = self._data[len(data) :]
        self._grant()
        self._transport.write(answer)
        return True

    def _snapshot(self, request: Head) -> bytes | None:
        """The prepared answer to a plain question: a whole board in one language."""
        board, hub = board_in(request.path, SNAPSHOT), self._door.hub
        usual = request.method == "GET" and request.headers.get("connection", "keep-alive").lower() == "keep-alive"
        if board is None or not usual or not hub.ready or "upgrade" in request.headers:
            return None
        try:
            wish = query.wish(hub.configured, board or None, request.query)
        except Refusal:
            return None
        if wish.symbols is not None:
            return None
        self._door.counts["snapshots"] += 1
        return self._door.snapshots.get(wish.board, wish.language).answer(request.headers, date_of(int(time.time())))

    def _hand_over(self) -> None:
        """From here on the connection is aiohttp's, the bytes read so far included."""
        self._forget()
        protocol = self._door.aiohttps()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._data)


def _refusal(refusal: Refusal) -> bytes:
    """A refused handshake as an HTTP answer that closes the connection."""
    body = wire.failure(refusal.code, refusal.message)
    headers = {"Date": date_of(int(time.time())).decode()} | refusal_headers(refusal)
    headers |= {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}\r\n{lines}\r\n".encode() + body


async def serve(hub: Hub, settings: Settings, records: Records, *, reuse_port: bool = False) -> Door:
    """Open the public port."""
    door = Door(hub, settings, records)
    try:
        await door.open(reuse_port=reuse_port)
    except OSError as error:
        raise _explained(error, settings) from None
    return door


def _explained(error: OSError, settings: Settings) -> Exception:
    where = f"{settings.server.host}:{settings.server.port}"
    if error.errno == errno.EADDRINUSE:
        return StartError(f"{where} is in use; stop what listens there, or set server.port (TICKER_SERVER__PORT)")
    return StartError(f"cannot listen on {where}: {error.strerror}; set server.host and server.port")
