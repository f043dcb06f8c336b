"""A small server that speaks CONTRACT sections 4 and 5 with the article's rows, and does what a test needs."""

import asyncio
import json
from collections import Counter
from typing import Any

import msgspec
from aiohttp import WSCloseCode, web

from ticker.model import Board, BoardState, Language, Row
from ticker.names import name
from ticker.serve import assets
from ticker.sidebar import page
from ticker.sidebar.presentation import presentation

NOON = 1_795_398_127_000  # 2026-11-23 10:42:07 in Seoul
CROSS = {"Cross-Origin-Resource-Policy": "cross-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
ASSETS = assets.load()
ARTICLE = """
BTC 57895000 3.79, ETH 1914000 5.8, XRP 529.1 -0.38, LTC 214000 2.69, EOS 4309 0.35, BCH 585000 2.01, XLM 468.3 1.19,
TRX 58.29 1.02, ADA 1289 -0.62, BSV 210300 1.06, DASH 243700 1.75, ETC 13280 4.08, XEM 839.5 -6.9, ZEC 144800 2.19,
VET 65.86 8.47, WAVES 11470 -1.97, BAT 776.6 0.34, BTG 33230 4.93, QTUM 7285 2.17, OMG 5785 7.03, LINK 32600 3.46,
ZIL 135.1 0.82, REP 35020 1.63
"""


def article_rows() -> dict[str, Row]:
    """The article's 23 rows, one of them from the second source."""
    rows = {}
    for line in ARTICLE.replace("\n", " ").split(","):
        symbol, price, change = line.split()
        rows[symbol] = Row(
            symbol=symbol,
            price=price,
            decimals=len(price.partition(".")[2]),
            change_pct=change,
            ref="55780000" if symbol == "BTC" else None,
            source="beta" if symbol == "XEM" else "alpha",
            ts=NOON - (1000 if symbol != "BTC" else 0),
            received_ts=NOON,
            state="live",
            basis="history",
        )
    return rows


def article_board(*, simulated: bool = False) -> Board:
    symbols = tuple(article_rows())
    title = {"ko": "실시간 암호화폐 시세", "en": "Live crypto prices"}
    names = {symbol: name(symbol) for symbol in symbols}
    return Board("article", "KRW", symbols, ("alpha", "beta"), title, names, "trim", simulated=simulated)


class Speaker:
    """One board on one port; every `push` reaches every client at once, whatever its way in."""

    def __init__(self, board: Board | None = None) -> None:
        self.board = board or article_board()
        self.state = BoardState(revision=1, ts=NOON, rows=article_rows())
        self.seq = 100
        self.port = 0
        self.closed_ways: set[str] = set()
        """Of "stream", "events", "snapshot": answered 404."""
        self.busy = False
        """Whoever wants a websocket is answered 503."""
        self.asked: list[str] = []
        """Every request's path with its query."""
        self.said: list[dict[str, Any]] = []
        """Every websocket message received."""
        self.clients: dict[web.WebSocketResponse | web.StreamResponse, Language] = {}
        self.opened: Counter[str] = Counter()
        self.headers: dict[str, str] = {}
        """Added to every answer."""
        self.pages: dict[str, str | bytes] = {}
        """Host pages by path; bytes carry an encoding of their own."""
        self._runner: web.AppRunner | None = None
        self._over = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen, on the same port as before where there was one."""
        self._over.clear()
        app = web.Application(middlewares=[self._record])
        app.router.add_get("/v1/stream/{board}", self._stream)
        app.router.add_get("/v1/events/{board}", self._events)
        app.router.add_get("/v1/snapshot/{board}", self._snapshot)
        app.router.add_get("/v1/history/{board}/{symbol}", self._history)
        app.router.add_get("/embed/{board}", self._embed)
        app.router.add_get("/fragment/{board}", self._fragment)
        app.router.add_get("/", self._gallery)
        app.router.add_get("/{file:(?:widget|gallery|favicon)(?:[.][0-9a-f]+)?[.](?:js|css|svg)}", self._file)
        app.router.add_get("/{page:.*}", self._page)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self, code: int = WSCloseCode.SERVICE_RESTART) -> None:
        """Close every socket with this code, then the port."""
        await self.close(code)
        self._over.set()
        if self._runner is not None:
            await self._runner.cleanup()
        self.clients.clear()

    async def push(self, skip: int = 0, **changes: dict[str, Any]) -> None:
        """Change rows by symbol and tell every client; `skip` leaves a gap in `seq`."""
        for symbol, change in changes.items():
            self.state.rows[symbol] = msgspec.structs.replace(self.state.rows[symbol], **change)
        self.seq += 1 + skip
        rows = [{"symbol": symbol, **change} for symbol, change in changes.items()]
        await self.say({"type": "update", "board": self.board.name, "seq": self.seq, "ts": self.state.ts, "rows": rows})

    async def say(self, message: dict[str, Any]) -> None:
        """Send one message to every socket and event stream."""
        for client in list(self.clients):
            try:
                await self._send(client, message)
            except ConnectionError:
                self.clients.pop(client, None)

    async def close(self, code: int) -> None:
        """Close every socket; the port stays open."""
        for client in list(self.clients):
            if isinstance(client, web.WebSocketResponse):
                await client.close(code=code)

    async def announce(self) -> None:
        """A fresh snapshot for everybody: the board itself has changed."""
        for client, lang in list(self.clients.items()):
            await self._send(client, {"type": "snapshot", **self.snapshot(lang)})

    def snapshot(self, lang: Language = "ko") -> dict[str, Any]:
        """The body of `/v1/snapshot`."""
        board, state = self.board, self.state
        rows = [state.rows[symbol] for symbol in board.symbols if symbol not in state.hidden]
        return {
            "v": 1,
            "board": board.name,
            "quote": board.quote,
            "title": board.title[lang],
            "notice": state.notice,
            "frozen": state.frozen,
            "sources": {"alpha": "alpha", "beta": "beta"},
            "seq": self.seq,
            "ts": state.ts,
            "rows": [{"name": board.names[row.symbol][lang], **msgspec.to_builtins(row)} for row in rows],
        } | msgspec.structs.asdict(presentation(board, state, lang))

    @web.middleware
    async def _record(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        self.opened[request.path.split("/")[2] if request.path.startswith("/v1") else request.path] += 1
        response: web.StreamResponse = await handler(request)
        return response

    def _check(self, way: str, request: web.Request) -> Language:
        if way in self.closed_ways:
            raise web.HTTPNotFound(text='{"error":{"code":"unknown_board","message":"test"}}')
        return "en" if request.query.get("lang") == "en" else "ko"

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        lang = self._check("stream", request)
        if self.busy:
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.clients[socket] = lang
        await self._send(socket, {"type": "snapshot", **self.snapshot(lang)})
        async for message in socket:
            self.said.append(json.loads(message.data))
            if self.said[-1].get("op") == "snapshot":
                await self._send(socket, {"type": "snapshot", **self.snapshot(lang)})
        self.clients.pop(socket, None)
        return socket

    async def _events(self, request: web.Request) -> web.StreamResponse:
        lang = self._check("events", request)
        headers = {"Content-Type": "text/event-stream", "Access-Control-Allow-Origin": "*"}
        stream = web.StreamResponse(headers=headers)
        await stream.prepare(request)
        self.clients[stream] = lang
        await self._send(stream, {"type": "snapshot", **self.snapshot(lang)})
        await self._over.wait()
        return stream

    async def _send(self, client: web.WebSocketResponse | web.StreamResponse, message: dict[str, Any]) -> None:
        text = json.dumps(message, separators=(",", ":"))
        if isinstance(client, web.WebSocketResponse):
            await client.send_str(text)
        else:
            await client.write(f"data: {text}\n\n".encode())

    async def _snapshot(self, request: web.Request) -> web.Response:
        lang = self._check("snapshot", request)
        return web.json_response(self.snapshot(lang), headers={"Access-Control-Allow-Origin": "*"})

    async def _history(self, request: web.Request) -> web.Response:
        row = self.state.rows[request.match_info["symbol"]]
        base = float(row.price or 1)
        wave = [((step * 37) % 23 - 11) / 400 + (step - 72) / 2000 for step in range(72)]
        points = [[NOON - (72 - step) * 1_200_000, f"{base * (1 + at):.2f}"] for step, at in enumerate(wave)]
        body = {"v": 1, "board": self.board.name, "symbol": row.symbol, "quote": "KRW", "points": points}
        return web.json_response(body, headers={"Access-Control-Allow-Origin": "*"})

    def embed(self, lang: Language = "ko", **options: Any) -> str:
        """The page of the board as it stands."""
        return page.embed(self.board, self.state, lang, public_url=self.url, **options)

    async def _embed(self, request: web.Request) -> web.Response:
        lang: Language = "en" if request.query.get("lang") == "en" else "ko"
        wanted = request.query.get("symbols")
        text = self.embed(lang, symbols=wanted.split(",") if wanted else None, look=page.look_of(request.query))
        policy = (
            f"default-src 'none'; style-src '{page.STYLE_HASH}'; script-src 'self'; base-uri 'none'; "
            f"connect-src 'self' ws://127.0.0.1:{self.port}; require-trusted-types-for 'script'"
        )
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy} | CROSS)

    def fragment(self, **options: Any) -> str:
        """The fragment of the board as it stands."""
        return page.fragment(self.board, self.state, "ko", public_url=self.url, **options)

    async def _fragment(self, request: web.Request) -> web.Response:
        text = self.fragment(assets="assets" in request.query, look=page.look_of(request.query))
        return web.Response(text=text, content_type="text/html", charset="ascii")

    async def _gallery(self, _: web.Request) -> web.Response:
        return web.Response(text=page.gallery({"article": self.board}, public_url=self.url), content_type="text/html")

    async def _file(self, request: web.Request) -> web.Response:
        found = ASSETS[request.match_info["file"]]
        headers = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
        return web.Response(body=found.body, headers=headers, content_type=found.content_type)

    async def _page(self, request: web.Request) -> web.Response:
        text = self.pages.get(request.path)
        if text is None:
            raise web.HTTPNotFound
        body = text.encode() if isinstance(text, str) else text
        return web.Response(body=body, headers={"Content-Type": "text/html"} | self.headers)
