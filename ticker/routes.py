"""I/O: every HTTP route but the hottest one, which `door` answers from the same snapshots."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, TypeAlias

from aiohttp import web

from ticker import assets, page, query, wire
from ticker.address import public_url
from ticker.hub import Busy, Hub
from ticker.model import Board
from ticker.query import RETRY_AFTER_S, Refusal
from ticker.settings import Settings
from ticker.snapshots import CACHING, HEADERS, Snapshot, Snapshots
from ticker.sse import HEADERS as SSE_HEADERS
from ticker.sse import EventStream

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

COMMON: Final = {name: value for name, value in HEADERS.items() if name not in {"Cache-Control", "Vary"}}
ONE_HOUR: Final = 3_600_000
MOST_POINTS: Final = 1441
SAFE: Final = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
GALLERY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ws: wss:;"
    " frame-src 'self'; base-uri 'none'; form-action 'none'"
)
FEATURES: Final = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class Records(Protocol):
    """What is asked of Redis when somebody asks us."""

    async def history(self, board: Board, symbol: str) -> tuple[str, list[tuple[int, str]]] | None:
        """The source a row shows and its last 24 hours as (minute end, price text)."""

    async def sources(self) -> dict[str, dict[str, Any]]:
        """How every exchange is doing."""

    async def holds(self) -> list[dict[str, Any]]:
        """The last prices that were not believed at once."""


class Routes:
    """The answers of one server node."""

    def __init__(self, hub: Hub, settings: Settings, records: Records, snapshots: Snapshots) -> None:
        self.draining = False
        self._hub = hub
        self._boards = hub.configured
        self._settings = settings
        self._records = records
        self._snapshots = snapshots
        self._assets = assets.load()

    def application(self) -> web.Application:
        """The application with its routes and the one place where errors become answers."""
        app = web.Application(middlewares=[_errors], handler_args={"keepalive_timeout": 15})
        for path, handler in self._table().items():
            app.router.add_get(path, handler)
        return app

    def _table(self) -> dict[str, Handler]:
        return {
            "/": self.gallery,
            "/v1/snapshot": self.snapshot,
            "/v1/snapshot/{board}": self.snapshot,
            "/v1/events": self.events,
            "/v1/events/{board}": self.events,
            "/v1/history/{board}/{symbol}": self.history,
            "/v1/boards": self.boards,
            "/v1/holds": self.holds,
            "/v1/stream": self.stream,
            "/v1/stream/{board}": self.stream,
            "/embed/{board}": self.embed,
            "/fragment/{board}": self.fragment,
            "/healthz": self.healthz,
            "/readyz": self.readyz,
            "/{asset}": self.asset,
        }

    async def snapshot(self, request: web.Request) -> web.StreamResponse:
        """`/v1/snapshot[/{board}]`."""
        wish = query.wish(self._boards, request.match_info.get("board"), request.query)
        self._require_ready()
        if wish.symbols is None:
            found = self._snapshots.get(wish.board, wish.language)
        else:
            found = self._snapshots.make(wish.board, wish.language, wish.symbols)
        return _cached(request, found, "application/json", HEADERS)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """`/v1/events[/{board}]`."""
        wish = query.wish(self._boards, request.match_info.get("board"), request.query)
        self._require_ready()
        key = self._hub.key(wish.board, wish.symbols, wish.interval_ms)
        self._hub.make_room(key)
        response = web.StreamResponse(headers=COMMON | SSE_HEADERS)
        await response.prepare(request)
        await EventStream(self._hub, key, wish.language).run(response)
        return response

    async def history(self, request: web.Request) -> web.StreamResponse:
        """`/v1/history/{board}/{symbol}`."""
        board = query.board_of(self._boards, request.match_info["board"])
        symbol = query.symbol_of(board, request.match_info["symbol"])
        most = query.whole(request.query, "points", MOST_POINTS)
        since = query.whole(request.query, "since", 10**14)
        self._require_ready()
        found = await self._records.history(board, symbol)
        source, points = found or (None, [])
        points = [point for point in points if since is None or point[0] >= since]
        body = wire.history(board, symbol, source, thinned(points, most))
        return _cached(request, Snapshot(body), "application/json", HEADERS | {"Cache-Control": "public, max-age=30"})

    async def boards(self, _request: web.Request) -> web.StreamResponse:
        """`/v1/boards`."""
        server = self._settings.server
        limits = {
            "max_symbols": query.MOST_SYMBOLS,
            "flush_ms": server.flush_ms,
            "max_clients": server.max_clients,
            "max_per_ip": server.max_per_ip,
        }
        return _json(wire.boards(self._boards, await self._records.sources(), limits))

    async def holds(self, _request: web.Request) -> web.StreamResponse:
        """`/v1/holds`."""
        return _json(wire.holds(await self._records.holds()))

    async def stream(self, _request: web.Request) -> web.StreamResponse:
        """A websocket's address without a websocket handshake, or one on a connection used for other things before."""
        body = wire.failure("bad_parameter", "this address is for websockets, each on a connection of its own")
        response = web.Response(status=426, body=body, headers=COMMON | {"Upgrade": "websocket"})
        response.content_type = "application/json"
        response.force_close()
        return response

    async def embed(self, request: web.Request) -> web.StreamResponse:
        """`/embed/{board}`: the sidebar as a page."""
        wish = query.wish(self._boards, request.match_info["board"], request.query)
        self._require_ready()
        text = page.embed(
            self._boards[wish.board],
            self._hub.boards[wish.board],
            wish.language,
            public_url=public_url(request, self._settings.server),
            symbols=wish.symbols,
            look=page.look_of(request.query),
        )
        return _cached(request, Snapshot(text.encode()), "text/html", HEADERS | self._page_headers())

    async def fragment(self, request: web.Request) -> web.StreamResponse:
        """`/fragment/{board}`: the sidebar for server-side includes."""
        wish = query.wish(self._boards, request.match_info["board"], request.query)
        self._require_ready()
        text = page.fragment(
            self._boards[wish.board],
            self._hub.boards[wish.board],
            wish.language,
            public_url=public_url(request, self._settings.server),
            symbols=wish.symbols,
            assets=request.query.get("assets") == "1",
            look=page.look_of(request.query),
        )
        return _cached(request, Snapshot(text.encode("ascii")), "text/html", HEADERS)

    async def gallery(self, request: web.Request) -> web.StreamResponse:
        """`/`: every form and option live, with the snippets to copy."""
        text = page.gallery(self._boards, public_url=public_url(request, self._settings.server))
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": GALLERY_POLICY} | SAFE
        return _cached(request, Snapshot(text.encode()), "text/html", headers)

    async def asset(self, request: web.Request) -> web.StreamResponse:
        """`/widget.js` and its like: evergreen with a tag; a file with its hash in its name never changes."""
        found = self._assets.get(request.match_info["asset"])
        if found is None:
            raise Refusal("not_found", "there is nothing at this address")
        caching = "public, max-age=31536000, immutable" if found.immutable else "public, max-age=300"
        snapshot = Snapshot(found.body)
        content_type = found.content_type.partition(";")[0]
        return _cached(request, snapshot, content_type, HEADERS | {"Cache-Control": caching})

    async def healthz(self, _request: web.Request) -> web.StreamResponse:
        """The process lives."""
        return web.Response(text="ok\n")

    async def readyz(self, _request: web.Request) -> web.StreamResponse:
        """It can serve: it has read every board, and it is not leaving."""
        if self.draining:
            raise Refusal("not_ready", "draining")
        self._require_ready()
        return web.Response(text="ready\n")

    def _require_ready(self) -> None:
        if not self._hub.ready:
            raise Refusal("not_ready", "no snapshot has been read yet")

    def _page_headers(self) -> dict[str, str]:
        ancestors = " ".join(self._settings.server.frame_ancestors)
        policy = (
            f"default-src 'none'; script-src 'self'; style-src 'self' '{page.STYLE_HASH}'; connect-src 'self' ws: wss:;"
            f" img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors};"
            " require-trusted-types-for 'script'"
        )
        return {
            "Cross-Origin-Embedder-Policy": "require-corp",
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "Permissions-Policy": FEATURES,
        }


def thinned(points: list[tuple[int, str]], most: int | None) -> list[tuple[int, str]]:
    """At most so many points, evenly, the last one always among them."""
    if most is None or len(points) <= most:
        return points
    if most == 0:
        return []
    return [points[len(points) - 1 - (len(points) * i) // most] for i in reversed(range(most))]


def _cached(
    request: web.Request, snapshot: Snapshot, content_type: str, headers: Mapping[str, str]
) -> web.StreamResponse:
    """200 with a tag, 304 where the reader has it, gzip where it is taken; HEAD is aiohttp's."""
    headers = dict(headers) | {"ETag": snapshot.etag, "Vary": "Accept-Encoding"}
    if snapshot.etag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    charset = None if content_type == "application/json" else "utf-8"
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return web.Response(body=snapshot.gzipped, headers=headers, content_type=content_type, charset=charset)
    return web.Response(body=snapshot.body, headers=headers, content_type=content_type, charset=charset)


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", headers=COMMON | {"Cache-Control": CACHING})


def refused(refusal: Refusal) -> web.Response:
    """A refusal as an answer."""
    headers = dict(COMMON)
    if refusal.code in RETRY_AFTER_S:
        headers["Retry-After"] = str(RETRY_AFTER_S[refusal.code])
    body = wire.failure(refusal.code, refusal.message)
    return web.Response(status=refusal.status, body=body, content_type="application/json", headers=headers)


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as refusal:
        return refused(refusal)
    except Busy:
        return refused(Refusal("busy", "too many different subscriptions"))
    except web.HTTPMethodNotAllowed:
        answer = refused(Refusal("method_not_allowed", "only GET and HEAD are answered here"))
        answer.headers["Allow"] = "GET, HEAD"
        return answer
    except web.HTTPNotFound:
        return refused(Refusal("not_found", "there is nothing at this address"))
