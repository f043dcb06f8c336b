"""I/O: the one public port.

Websockets stay with the hub, the hot snapshot is answered from prepared bytes, and every other connection goes to
aiohttp untouched.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from aiohttp import web

from ticker.errors import cannot_listen
from ticker.serve import descriptors
from ticker.serve.address import url_of
from ticker.serve.answers import Connection
from ticker.serve.doorstep import STREAM, Question, Visitor
from ticker.serve.handshake import accept
from ticker.serve.head import Head, board_in
from ticker.serve.hub import Hub
from ticker.serve.lobby import Lobby
from ticker.serve.query import Refusal
from ticker.serve.reader import Reader
from ticker.serve.records import Records
from ticker.serve.refused import turn_away
from ticker.serve.routes import Routes
from ticker.serve.snapshots import Snapshots
from ticker.serve.websocket import WebSocket
from ticker.settings import Settings

PATIENCE_S: Final = 14.0
"""For a whole request head; also how long a connection may rest between requests or leave an answer unread."""
BACKLOG: Final = 4096
MOST_QUESTIONS: Final = 256


class Door:
    """The public port of one server node."""

    def __init__(self, hub: Hub, settings: Settings, records: Records, *, patience_s: float = PATIENCE_S) -> None:
        self.hub = hub
        self.settings = settings
        self.patience_s = patience_s
        self.lobby = Lobby(hub)
        self.snapshots = Snapshots(hub)
        self.visitors: set[Visitor] = set()
        """Connections nobody has taken yet."""
        self.questions: dict[bytes, Question] = {}
        """By head: those of polling readers come again and again, byte for byte."""
        self.room = descriptors.room(descriptors.limit())
        self.refused = 0
        """How many connections there was no file left for."""
        routes = Routes(hub, records, self.snapshots, self.lobby, self.admit)
        self.runner = web.AppRunner(routes.application(), access_log=None, shutdown_timeout=5.0)
        self._server: asyncio.Server | None = None

    async def open(self, *, reuse_port: bool = False) -> None:
        """Listen; an OSError says why not."""
        await self.runner.setup()
        listener = listen(self.settings.server.host, self.settings.server.port, reuse_port=reuse_port)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Visitor(self), sock=listener, backlog=BACKLOG
        )

    @property
    def port(self) -> int:
        """The port in use, whatever was configured."""
        if self._server is None:
            raise RuntimeError("not open")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """Where it listens."""
        return url_of(self.settings.server.host, self.port)

    async def run(self) -> None:
        """Look after those who are here, forever."""
        await self.lobby.run()

    def remember(self, data: bytes, question: Question) -> None:
        """Keep what a head asks; not without end."""
        if len(self.questions) >= MOST_QUESTIONS:
            self.questions.clear()
        self.questions[data] = question

    def forget(self) -> None:
        """The boards changed: what was asked before may mean something else now."""
        self.questions.clear()

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
            turn_away(transport, request, refusal)
            return
        reader = WebSocket(self.hub, admission.key, admission.language, gone or self.lobby.left)
        self.lobby.enter(reader, admission.address, admission.origin)
        reader.open(transport, answer, deflate=deflate)
        self.hub.join(reader, admission.key)
        if early:
            reader.data_received(early)

    # -- the end ------------------------------------------------------------------------------------------------------

    async def drain(self, *, hand_over: bool = True) -> None:
        """Send the readers away; everything else is answered until they are gone, readiness with no."""
        await self.lobby.drain(hand_over=hand_over)
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
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio leaves sockets it did not make alone
    return listener


async def serve(hub: Hub, settings: Settings, records: Records, *, reuse_port: bool = False) -> Door:
    """Open the public port."""
    descriptors.prepare(settings.server)
    door = Door(hub, settings, records)
    try:
        await door.open(reuse_port=reuse_port)
    except OSError as error:
        raise cannot_listen(error, "server", settings.server.host, settings.server.port) from None
    return door


def require_free(settings: Settings) -> None:
    """Nobody listens on the public port: processes that share it would not notice a stranger there."""
    host, port = settings.server.host, settings.server.port
    try:
        listen(host, port, reuse_port=False).close()
    except OSError as error:
        raise cannot_listen(error, "server", host, port) from None
