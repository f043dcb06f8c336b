"""I/O: the machinery that every simulated exchange shares: one loopback port for its websocket and its REST.

What an exchange does its own way is a `Protocol` of a few functions. Faults are plain attributes that a test sets.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec
from aiohttp import WSMsgType, web

from ticker.model import Instant
from ticker.sim.world import Coin, World

Frames: TypeAlias = list[str | bytes]

HALF: Final = b"\x82\x7e\x04\x00" + b'{"type":"ticker","code":"'
"""The head of a binary frame of 1,024 bytes and its first few."""
SECOND: Final = 1000


class Faults:
    """What may be wrong with a simulated exchange; everything is off at first."""

    def __init__(self) -> None:
        self.refuse = False
        """Every subscription is answered by an error and a close."""
        self.silent = False
        """Subscribed, pings answered, and no data."""
        self.garbage: bytes | None = None
        """Sent instead of each data frame."""
        self.reject: int | None = None
        """HTTP status for every websocket handshake and REST request."""
        self.retry_after = "1"
        """The Retry-After header that goes with it."""
        self.farewell: int | None = None
        """The code of a close instead of the answer to a subscription, as during maintenance."""
        self.expired = 0
        """How many of the tokens that were handed out are no longer good, where the exchange hands out tokens."""


class Client:
    """One websocket connection and what it has subscribed to."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport, query: Mapping[str, str]) -> None:
        self.socket = socket
        self.transport = transport
        self.query = query
        """What the address it dialled asks for."""
        self.codes: set[str] = set()
        self.simple = False
        self.received: list[str] = []
        self.closing = False
        """Close after the answers, as an error demands."""


class Beat(msgspec.Struct, frozen=True):
    """What an exchange says on its own: heartbeats, or pings that want an answer."""

    frames: Callable[["Venue", Client], Frames]
    every_s: float
    pong: str | None = None
    """What stands in the answer it wants; a client that has not given one by the next beat is cut."""


class Protocol(msgspec.Struct, frozen=True):
    """How one exchange speaks."""

    name: str
    path: str
    message: Callable[["Venue", Client, str], Frames]
    """A text frame from a client -> the answers."""
    frame: Callable[[Coin, Client, bool], str | bytes]
    """The data frame of a coin for a client; True for the first one after a subscription."""
    routes: Mapping[str, Callable[["Venue", web.Request], web.Response]]
    """Path -> answer, whatever the method."""
    rest_per_s: int
    """Requests per second and path; one more is answered by 429, three times as many by a block."""
    connects_per_s: int
    idle_s: float = 60.0
    """A client that sends nothing, not even a ping, is cut after this long."""
    hello: Callable[["Venue", Client], Frames] = lambda _venue, _client: []
    """What a connection is greeted with."""
    beat: Beat | None = None
    goodbye: Callable[["Venue"], Frames] = lambda _venue: []
    """How it announces that it will close."""
    deflates: bool = False
    """It compresses its frames for whoever offers to inflate them."""


class Venue:
    """A running simulated exchange."""

    def __init__(self, protocol: Protocol, world: World, clock: Callable[[], Instant]) -> None:
        self.protocol = protocol
        self.world, self.clock = world, clock
        self.faults = Faults()
        self.clients: set[Client] = set()
        self.dials: deque[int] = deque(maxlen=10_000)
        """When each websocket handshake came, ms of the steady clock."""
        self.tokens = 0
        """How many tokens were handed out."""
        self._requests: defaultdict[str, deque[int]] = defaultdict(lambda: deque(maxlen=1000))
        self._blocked = 0

    @property
    def coins(self) -> dict[str, Coin]:
        """Code -> coin."""
        return {coin.code: coin for coin in self.world.coins[self.protocol.name].values()}

    def application(self) -> web.Application:
        """The websocket and REST routes of this exchange."""
        app = web.Application()
        app.router.add_get(self.protocol.path, self._websocket)
        for path in self.protocol.routes:
            app.router.add_route("*", path, self._rest)
        return app

    async def publish(self, coin: Coin) -> None:
        """Send a trade to everybody who subscribed to it."""
        for client in [client for client in self.clients if coin.code in client.codes]:
            await self.send(client, coin, first=False)

    async def send(self, client: Client, coin: Coin, *, first: bool) -> None:
        """One data frame, unless a fault is on."""
        if self.faults.silent:
            return
        with contextlib.suppress(ConnectionError):
            await _send(client.socket, self.faults.garbage or self.protocol.frame(coin, client, first))

    async def drop(self) -> None:
        """Cut every connection without a farewell."""
        for client in list(self.clients):
            client.transport.abort()

    async def cut(self) -> None:
        """Cut every connection in the middle of a frame."""
        for client in list(self.clients):
            client.transport.write(HALF)
            client.transport.close()

    async def close(self, code: int) -> None:
        """Close every connection with a code, as before maintenance."""
        for client in list(self.clients):
            await client.socket.close(code=code, message=b"maintenance")

    async def announce(self) -> None:
        """Tell every client that its connection will be closed."""
        for client in list(self.clients):
            await _send(client.socket, *self.protocol.goodbye(self))

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        now = self.clock().mono
        self.dials.append(now)
        if self.faults.reject:
            return self._rejected()
        most, span = (1, 10_000) if "Origin" in request.headers else (self.protocol.connects_per_s, 1_000)
        if sum(now - dial < span for dial in self.dials) > most:
            return web.Response(status=429)
        socket = web.WebSocketResponse(autoping=True, compress=self.protocol.deflates)
        with contextlib.suppress(ConnectionError):  # the client has gone
            await self._attend(socket, request)
        return socket if socket.prepared else web.Response(status=503)

    async def _attend(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        await socket.prepare(request)
        assert request.transport is not None  # noqa: S101 - it was just written to
        client = Client(socket, request.transport, request.query)
        self.clients.add(client)
        try:
            async with asyncio.TaskGroup() as tasks:
                beating = tasks.create_task(self._beat(client))
                await self._converse(client)
                beating.cancel()
        except* ConnectionError:
            pass  # the client has gone
        finally:
            self.clients.discard(client)

    async def _beat(self, client: Client) -> None:
        beat, asked = self.protocol.beat, 0
        while beat is not None:
            await asyncio.sleep(beat.every_s)
            if beat.pong and asked and not any(beat.pong in message for message in client.received[asked:]):
                client.transport.abort()
            asked = len(client.received)
            await _send(client.socket, *beat.frames(self, client))

    async def _converse(self, client: Client) -> None:
        await _send(client.socket, *self.protocol.hello(self, client))
        if client.closing:
            await client.socket.close(code=1000)
        while not client.socket.closed:
            try:
                message = await client.socket.receive(timeout=self.protocol.idle_s)
            except TimeoutError:
                client.transport.abort()
                return
            if message.type is not WSMsgType.TEXT:
                return
            client.received.append(message.data)
            if self.faults.farewell:
                await client.socket.close(code=self.faults.farewell, message=b"maintenance")
                return
            answers = self.protocol.message(self, client, message.data)
            await _send(client.socket, *answers)
            if client.closing or (self.faults.refuse and not client.codes):
                await client.socket.close(code=1000)
                return

    def _rejected(self) -> web.Response:
        return web.Response(status=self.faults.reject or 503, headers={"Retry-After": self.faults.retry_after})

    async def _rest(self, request: web.Request) -> web.Response:
        """Answer within the limit of the path's group; 429 beyond it, 418 for those who go on."""
        if self.faults.reject:
            return self._rejected()
        now = self.clock().mono
        if now < self._blocked:
            return web.Response(status=418)
        group = self._requests[request.path]
        recent = sum(now - at < SECOND for at in group)
        group.append(now)
        if recent >= self.protocol.rest_per_s:
            if recent >= 3 * self.protocol.rest_per_s:
                self._blocked = now + 60_000
            return web.Response(status=429)
        return self.protocol.routes[request.match_info.route.resource.canonical](self, request)  # type: ignore[union-attr]


async def _send(socket: web.WebSocketResponse, *frames: str | bytes) -> None:
    for frame in frames:
        if isinstance(frame, str):
            await socket.send_str(frame)
        else:
            await socket.send_bytes(frame)
