"""I/O: the one public port.

Websockets stay with the hub, the hot snapshot is answered from prepared bytes, and every other connection goes to
aiohttp untouched.
"""

import asyncio
import contextlib
import errno
import socket
import time
from collections import Counter
from typing import Final, cast
from urllib.parse import urlsplit

from aiohttp import web

from ticker import head, query, wire
from ticker.address import client_of
from ticker.errors import StartError
from ticker.head import END, LONGEST, Head
from ticker.hub import Busy, Hub
from ticker.query import RETRY_AFTER_S, Refusal
from ticker.routes import Records, Routes
from ticker.settings import Settings
from ticker.snapshots import Snapshots
from ticker.websocket import FAREWELL_S, WebSocket

PATIENCE_S: Final = 15.0
"""For a whole request head; also how long a connection may rest between requests."""
PING_S: Final = 25
BACKLOG: Final = 4096
BATCHES: Final = 20
STREAM: Final = "/v1/stream"
SNAPSHOT: Final = "/v1/snapshot"
REASONS: Final = {400: "Bad Request", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests"}


class Door:
    """The public port of one server node."""

    def __init__(self, hub: Hub, settings: Settings, records: Records) -> None:
        self.hub = hub
        self.settings = settings
        self.patience_s = PATIENCE_S
        self.snapshots = Snapshots(hub)
        self.routes = Routes(hub, settings, records, self.snapshots)
        self.counts: Counter[str] = Counter()
        self.runner = web.AppRunner(self.routes.application(), access_log=None, shutdown_timeout=5.0)
        self._server: asyncio.Server | None = None
        self._addresses: Counter[str] = Counter()
        self._rings: list[dict[WebSocket, str]] = [{} for _ in range(PING_S)]
        """The websockets by the second in which they are pinged, each with its reader's address."""
        self._ring_of: dict[WebSocket, int] = {}
        self._empty = asyncio.Event()
        self._handshakes = (0, 0)
        """The current second and how many handshakes it has seen."""

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

    @property
    def clients(self) -> int:
        """How many websockets are open."""
        return len(self._ring_of)

    async def run(self) -> None:
        """Ping each websocket every 25 s; one that has not answered the last time is gone."""
        for second in iter(lambda: int(time.monotonic()) % PING_S, None):
            for reader in list(self._rings[second]):
                if not reader.ping():
                    reader.abort()
            await asyncio.sleep(1 - time.monotonic() % 1)

    # -- websockets ---------------------------------------------------------------------------------------------------

    def admit(self, transport: asyncio.Transport, request: Head, data: bytes) -> None:
        """Make a connection a member of a group, or refuse it as HTTP."""
        address = self._address(transport, request)
        try:
            wish = query.wish(self.hub.configured, _board(request.path, STREAM), request.query)
            self._check(request, address)
            key = self.hub.key(wish.board, wish.symbols, wish.interval_ms)
            self.hub.make_room(key)
        except Refusal as refusal:
            transport.write(_refusal(refusal))
            transport.close()
            return
        except Busy:
            transport.write(_refusal(Refusal("busy", "too many different subscriptions")))
            transport.close()
            return
        reader = WebSocket(self.hub, key, wish.language, self._gone)
        ring = int(time.monotonic()) % PING_S
        self._ring_of[reader] = ring
        self._rings[ring][reader] = address
        self._addresses[address] += 1
        if reader.open(transport, data):
            self.counts["handshakes"] += 1
            self.hub.join(reader, key)

    def _check(self, request: Head, address: str) -> None:
        server = self.settings.server
        if self.routes.draining or not self.hub.ready:
            raise Refusal("not_ready", "not ready to serve")
        if not _origin_allowed(request.headers.get("origin"), request.headers["host"], server.allowed_origins):
            raise Refusal("forbidden_origin", "this origin is not on the list of allowed_origins")
        if self.clients >= server.max_clients:
            raise Refusal("busy", "as many readers as this node takes")
        if server.max_per_ip and self._addresses[address] >= server.max_per_ip:
            raise Refusal("rate_limited", "too many connections from this address")
        second, count = self._handshakes
        now = int(time.monotonic())
        self._handshakes = (now, count + 1 if second == now else 1)
        if self._handshakes[1] > server.handshakes_per_s:
            raise Refusal("busy", "too many new readers at once")

    def _address(self, transport: asyncio.Transport, request: Head) -> str:
        peer = transport.get_extra_info("peername")
        forwarded = request.headers.get("x-forwarded-for", "")
        return client_of(str(peer[0]) if peer else "", forwarded, self.settings.server.trusted_proxies)

    def _gone(self, reader: WebSocket) -> None:
        ring = self._ring_of.pop(reader, None)
        if ring is None:
            return
        address = self._rings[ring].pop(reader)
        if not self._ring_of:
            self._empty.set()
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]

    # -- the end ------------------------------------------------------------------------------------------------------

    async def drain(self) -> None:
        """Take nobody new, send everybody away in batches over `drain_s`, and finish what is being answered."""
        self.routes.draining = True
        if self._server is not None:
            self._server.close()
        members = self.hub.members()
        pause = self.settings.server.drain_s / BATCHES
        size = -(-len(members) // BATCHES)
        for at in range(0, len(members), max(1, size)):
            for member in members[at : at + size]:
                if isinstance(member, WebSocket):
                    member.say(wire.bye("restart", 1000))
                member.close(1012, "restart")
            await asyncio.sleep(pause)
        if self._ring_of:
            self._empty.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S + 1):
                    await self._empty.wait()

    async def close(self) -> None:
        """Let go of everything."""
        if self._server is not None:
            self._server.close()
        for reader in list(self._ring_of):
            reader.abort()
        await self.runner.cleanup()


def listen(host: str, port: int, *, reuse_port: bool) -> socket.socket:
    """A listening socket; `::` takes IPv4 too."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    dual = family is socket.AF_INET6 and socket.has_dualstack_ipv6()
    return socket.create_server(
        (host, port), family=family, backlog=BACKLOG, reuse_port=reuse_port, dualstack_ipv6=dual and host == "::"
    )


class FrontDoor(asyncio.Protocol):
    """One new connection, until it is known what it wants."""

    __slots__ = ("_data", "_door", "_timer", "_transport")

    def __init__(self, door: Door) -> None:
        self._door = door
        self._data = b""
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody knocked."""
        self._transport = cast("asyncio.Transport", transport)
        self._wait()

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._door.patience_s, self._transport.abort)

    def connection_lost(self, _error: Exception | None) -> None:
        """It went away before it said what it wanted."""
        self._forget_timer()

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def data_received(self, data: bytes) -> None:
        """More of a request's head."""
        self._data += data
        while self._data:
            end = self._data.find(END)
            if end < 0:
                if len(self._data) > LONGEST:
                    self._hand_over()
                return
            request = head.read(self._data[: end + len(END)])
            if not self._answer(request, end + len(END)):
                return

    def _answer(self, request: Head | None, length: int) -> bool:
        """Answer a request here and wait for the next one; False when the connection is somebody else's now."""
        if request is not None and request.path.startswith(STREAM) and head.is_upgrade(request):
            self._forget_timer()
            self._door.admit(self._transport, request, self._data)
            return False
        answer = request and self._snapshot(request)
        if not answer:
            self._hand_over()
            return False
        self._transport.write(answer)
        self._data = self._data[length:]
        self._wait()
        return True

    def _snapshot(self, request: Head) -> bytes | None:
        """The prepared answer to the plainest of questions: a whole board in Korean."""
        hub = self._door.hub
        plain = request.path.startswith(SNAPSHOT) and not request.query and hub.ready
        if not plain or request.headers.get("connection", "keep-alive").lower() != "keep-alive":
            return None
        name = _board(request.path, SNAPSHOT) or next(iter(hub.configured))
        if name not in hub.configured or request.method != "GET":
            return None
        snapshot = self._door.snapshots.get(name, "ko")
        self._door.counts["snapshots"] += 1
        if snapshot.etag in request.headers.get("if-none-match", ""):
            return snapshot.unchanged_answer
        gzipped = "gzip" in request.headers.get("accept-encoding", "")
        return snapshot.gzipped_answer if gzipped else snapshot.plain_answer

    def _hand_over(self) -> None:
        """From here on the connection is aiohttp's, the bytes read so far included."""
        self._forget_timer()
        server = self._door.runner.server
        if server is None:
            self._transport.abort()
            return
        protocol = server()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._data)


def _board(path: str, prefix: str) -> str | None:
    """The board in `/v1/stream/krw`; None in `/v1/stream`."""
    return path[len(prefix) :].removeprefix("/") or None


def _origin_allowed(origin: str | None, host: str, allowed: list[str]) -> bool:
    """Absent, `null` (sandboxed iframes) and our own origin always pass."""
    if origin is None or origin == "null" or "*" in allowed or origin in allowed:
        return True
    return urlsplit(origin).netloc == host


def _refusal(refusal: Refusal) -> bytes:
    """A refused handshake as an HTTP answer that closes the connection."""
    body = wire.failure(refusal.code, refusal.message)
    retry = f"Retry-After: {RETRY_AFTER_S[refusal.code]}\r\n" if refusal.code in RETRY_AFTER_S else ""
    return (
        f"HTTP/1.1 {refusal.status} {REASONS.get(refusal.status, 'Service Unavailable')}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"{retry}Connection: close\r\n\r\n"
    ).encode() + body


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
