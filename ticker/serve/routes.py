"""I/O: every HTTP route but the pages and the hottest one, which `door` answers from the same snapshots."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeAlias

import orjson
from aiohttp import web

from ticker.serve import head, query, wire
from ticker.serve.answers import COMMON, Handler, again, cached, errors, headers_of, preflight, without_version
from ticker.serve.head import Head
from ticker.serve.hub import Hub
from ticker.serve.lobby import Lobby
from ticker.serve.pages import STATUS_CACHING, Pages
from ticker.serve.query import Refusal
from ticker.serve.reader import Reader
from ticker.serve.records import Records
from ticker.serve.snapshots import HEADERS, Snapshot, Snapshots
from ticker.serve.sse import HEADERS as SSE_HEADERS
from ticker.serve.sse import EventStream
from ticker.serve.status import Known, told

Gone: TypeAlias = Callable[[Reader], None]
Admit: TypeAlias = Callable[[asyncio.Transport, Head, bytes, Gone], None]

MOST_POINTS: Final = 100_000

PLAIN: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Routes:
    """The answers of one server node."""

    def __init__(self, hub: Hub, records: Records, snapshots: Snapshots, lobby: Lobby, admit: Admit) -> None:
        self._hub = hub
        self._lobby = lobby
        self._admit = admit
        self._records = records
        self._snapshots = snapshots

    def application(self) -> web.Application:
        """The application with its routes and the one place where errors become answers."""
        app = web.Application(middlewares=[errors])
        app.on_response_prepare.append(without_version)
        for path, handler in self._table().items():
            app.router.add_get(path, handler)
            app.router.add_options(path, preflight)
        return app

    def _table(self) -> dict[str, Handler]:
        return {
            "/v1/snapshot": self.snapshot,
            "/v1/snapshot/{board}": self.snapshot,
            "/v1/events": self.events,
            "/v1/events/{board}": self.events,
            "/v1/history/{board}/{symbol}": self.history,
            "/v1/boards": self.boards,
            "/v1/holds": self.holds,
            "/v1/status": self.status,
            "/v1/stream": self.stream,
            "/v1/stream/{board}": self.stream,
            "/healthz": self.healthz,
            "/readyz": self.readyz,
            **Pages(self._hub, self._records).table(),
        }

    async def snapshot(self, request: web.Request) -> web.StreamResponse:
        """`/v1/snapshot[/{board}]`."""
        wish = query.wish(self._hub.configured, request.match_info.get("board"), request.query)
        self._require_ready()
        if wish.symbols is None:
            found = self._snapshots.get(wish.board, wish.language)
        else:
            found = self._snapshots.make(wish.board, wish.language, wish.symbols)
        answer = cached(request, found, "application/json", HEADERS)
        self._snapshots.counts[str(answer.status)] += 1
        return answer

    async def events(self, request: web.Request) -> web.StreamResponse:
        """`/v1/events[/{board}]`."""
        peer = request.remote or ""
        admission = self._lobby.admit(request.match_info.get("board"), request.query, headers_of(request), peer)
        if request.method == "HEAD":
            return web.Response(headers=COMMON | SSE_HEADERS)

        def begin(transport: asyncio.Transport, gone: Gone) -> None:
            reader = EventStream(self._hub, admission.key, admission.language, gone)
            self._lobby.enter(reader, admission.address, admission.origin)
            reader.open(transport, COMMON)
            self._hub.join(reader, admission.key)

        return await self._given_away(request, begin)

    async def history(self, request: web.Request) -> web.StreamResponse:
        """`/v1/history/{board}/{symbol}`."""
        board = query.board_of(self._hub.configured, request.match_info["board"])
        symbol = query.symbol_of(board, request.match_info["symbol"])
        most = query.whole(request.query, "points", MOST_POINTS)
        since = query.whole(request.query, "since", 10**14)
        self._require_ready()
        found = await self._records.history(board, symbol)
        source, points = found or (None, [])
        points = [point for point in points if since is None or point[0] >= since]
        body = wire.history(board, symbol, source, thinned(points, most))
        return cached(request, Snapshot(body), "application/json", HEADERS | {"Cache-Control": "public, max-age=30"})

    async def boards(self, request: web.Request) -> web.StreamResponse:
        """`/v1/boards`."""
        server = self._hub.server
        limits = {
            "max_symbols": query.MOST_SYMBOLS,
            "flush_ms": server.flush_ms,
            "max_clients": server.max_clients,
            "max_per_ip": server.max_per_ip,
        }
        body = wire.boards(self._hub.configured, (await self._known()).sources, limits)
        return cached(request, Snapshot(body), "application/json", HEADERS)

    async def holds(self, request: web.Request) -> web.StreamResponse:
        """`/v1/holds`."""
        body = wire.holds((await self._known()).holds)
        return cached(request, Snapshot(body), "application/json", HEADERS)

    async def _known(self) -> Known:
        """What Redis tells now; what it told before it was gone is for the status alone."""
        known = await self._records.known()
        if not known.reachable:
            raise Refusal(*query.UNREADABLE)
        return known

    async def status(self, request: web.Request) -> web.StreamResponse:
        """`/v1/status`."""
        body = orjson.dumps(told(self._hub.configured, self._hub.boards, await self._records.known()))
        return cached(request, Snapshot(body), "application/json", HEADERS | STATUS_CACHING)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """A websocket on a connection that was used for other things before (a proxy's), or none at all."""
        asked = head.read(again(request))
        if asked is None or not head.is_upgrade(asked):
            raise Refusal("upgrade_required", "this address is for websockets")

        def begin(transport: asyncio.Transport, gone: Gone) -> None:
            self._admit(transport, asked, b"", gone)

        return await self._given_away(request, begin)

    async def _given_away(
        self, request: web.Request, begin: Callable[[asyncio.Transport, Gone], None]
    ) -> web.StreamResponse:
        """Let a reader have the connection until it ends; aiohttp gets it back only to bury it."""
        transport, over = request.transport, asyncio.Event()
        if transport is None:  # it went away meanwhile
            return web.Response()
        aiohttps = transport.get_protocol()

        def gone(reader: Reader) -> None:
            self._lobby.left(reader)
            over.set()

        begin(transport, gone)
        try:
            if transport.get_protocol() is not aiohttps:
                await over.wait()
        finally:
            aiohttps.connection_lost(None)
        return web.Response()

    async def healthz(self, _request: web.Request) -> web.StreamResponse:
        """The process lives."""
        return web.Response(text="ok\n", headers=PLAIN)

    async def readyz(self, _request: web.Request) -> web.StreamResponse:
        """It can serve: it has read every board, and it is not leaving."""
        if self._lobby.draining:
            raise Refusal("not_ready", "draining")
        self._require_ready()
        return web.Response(text="ready\n", headers=PLAIN)

    def _require_ready(self) -> None:
        if not self._hub.ready:
            raise Refusal("not_ready", "no snapshot has been read yet")


def thinned(points: list[tuple[int, str]], most: int | None) -> list[tuple[int, str]]:
    """At most so many points, evenly, the last one always among them."""
    if most is None or len(points) <= most:
        return points
    if most == 0:
        return []
    return [points[len(points) - 1 - (len(points) * i) // most] for i in reversed(range(most))]
