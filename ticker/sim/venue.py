"""I/O: the machinery that every simulated exchange shares: one loopback port for its websocket and its REST.

What an exchange does its own way is a `Protocol` of a few functions. Faults are plain attributes that a test sets.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

import msgspec
from aiohttp import WSMsgType, web

from ticker.exchanges import EXCHANGES, Exchange
from ticker.model import Instant
from ticker.sim.world import Coin, World

IDLE_S: Final = 60.0
STEP_S: Final = 0.05
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


class Client:
    """One websocket connection and what it has subscribed to."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.codes: set[str] = set()
        self.simple = False
        self.received: list[str] = []


class Protocol(msgspec.Struct, frozen=True):
    """How one exchange speaks."""

    name: str
    path: str
    message: Callable[["Venue", Client, str], list[str | bytes] | None]
    """A text frame from a client -> the answers; None: send them and close, as the last error demands."""
    frame: Callable[[Coin, Client, bool], str | bytes]
    """The data frame of a coin for a client; True for the first one after a subscription."""
    routes: Mapping[str, Callable[["Venue", web.Request], web.Response]]
    rest_per_s: int
    connects_per_s: int


class Venue:
    """A running simulated exchange."""

    def __init__(self, protocol: Protocol, world: World, clock: Callable[[], Instant]) -> None:
        self.protocol = protocol
        self.world = world
        self.clock = clock
        self.faults = Faults()
        self.clients: set[Client] = set()
        self.dials: deque[int] = deque(maxlen=10_000)
        """When each websocket handshake came, ms of the steady clock."""
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
            app.router.add_get(path, self._rest)
        return app

    async def publish(self, coin: Coin) -> None:
        """Send a trade to everybody who subscribed to it."""
        for client in [client for client in self.clients if coin.code in client.codes]:
            await self.send(client, coin, first=False)

    async def send(self, client: Client, coin: Coin, *, first: bool) -> None:
        """One data frame, unless a fault is on."""
        if self.faults.silent:
            return
        frame = self.faults.garbage or self.protocol.frame(coin, client, first)
        with contextlib.suppress(ConnectionError):
            await _send(client.socket, frame)

    async def drop(self) -> None:
        """Cut every connection without a farewell."""
        for client in list(self.clients):
            if client.socket._req is not None and client.socket._req.transport is not None:  # noqa: SLF001
                client.socket._req.transport.abort()  # noqa: SLF001

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        now = self.clock().mono
        self.dials.append(now)
        if self.faults.reject:
            return web.Response(status=self.faults.reject)
        most, span = (1, 10_000) if "Origin" in request.headers else (self.protocol.connects_per_s, 1_000)
        if sum(now - dial < span for dial in self.dials) > most:
            return web.Response(status=429)
        socket = web.WebSocketResponse(autoping=True, compress=True)
        await socket.prepare(request)
        client = Client(socket)
        self.clients.add(client)
        try:
            await self._converse(client)
        finally:
            self.clients.discard(client)
        return socket

    async def _converse(self, client: Client) -> None:
        while True:
            message = await client.socket.receive(timeout=IDLE_S)
            if message.type is not WSMsgType.TEXT:
                return
            client.received.append(message.data)
            answers = self.protocol.message(self, client, message.data)
            for answer in answers or ():
                await _send(client.socket, answer)
            if answers is None or (self.faults.refuse and not client.codes):
                await client.socket.close(code=1000)
                return

    async def _rest(self, request: web.Request) -> web.Response:
        """Answer within the limit of the path's group; 429 beyond it, 418 for those who go on."""
        if self.faults.reject:
            return web.Response(status=self.faults.reject, headers={"Retry-After": "1"})
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


async def _send(socket: web.WebSocketResponse, frame: str | bytes) -> None:
    if isinstance(frame, str):
        await socket.send_str(frame)
    else:
        await socket.send_bytes(frame)


@contextlib.asynccontextmanager
async def serve(venues: list[Venue]) -> AsyncIterator[dict[str, Exchange]]:
    """Run simulated exchanges on loopback; yields the registry's values aimed at them."""
    runners, aimed = [], {}
    for venue in venues:
        runner = web.AppRunner(venue.application(), access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        address = "{}:{}".format(*runner.addresses[0][:2])
        aimed[venue.protocol.name] = msgspec.structs.replace(
            EXCHANGES[venue.protocol.name], ws_url=f"ws://{address}{venue.protocol.path}", rest_url=f"http://{address}"
        )
    trading = asyncio.create_task(_trade(venues))
    try:
        yield aimed
    finally:
        trading.cancel()
        await asyncio.gather(trading, return_exceptions=True)
        for runner in runners:
            await runner.cleanup()


async def _trade(venues: list[Venue]) -> None:
    """Let the world trade and tell the subscribers."""
    by_name = {venue.protocol.name: venue for venue in venues}
    while True:
        for coin in venues[0].world.advance(venues[0].clock().wall):
            if coin.exchange in by_name:
                await by_name[coin.exchange].publish(coin)
        await asyncio.sleep(STEP_S)
