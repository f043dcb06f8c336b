"""I/O: what browsers show: the sidebar, the gallery, the status page, and the files they load."""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from aiohttp import web

from ticker.model import Language
from ticker.serve import assets, query
from ticker.serve.address import public_url
from ticker.serve.answers import Handler, cached, headers_of, refusal_headers
from ticker.serve.hub import Hub
from ticker.serve.query import Refusal
from ticker.serve.records import Records
from ticker.serve.snapshots import HEADERS, Snapshot
from ticker.serve.status import told
from ticker.sidebar import page, status_page

BY_LANGUAGE: Final = {"Vary": "Accept-Encoding, Accept-Language"}
SAFE: Final = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
GALLERY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ws: wss:;"
    " frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
STATUS_CACHING: Final = {"Cache-Control": "public, max-age=2"}
STATUS_POLICY: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src '{status_page.STYLE_HASH}'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'self'"
}
Choice = TypeVar("Choice")
FEATURES: Final = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class Pages:
    """The pages of one server node."""

    def __init__(self, hub: Hub, records: Records) -> None:
        self._hub = hub
        self._records = records
        self._assets = assets.load()

    def table(self) -> dict[str, Handler]:
        """Which address shows what."""
        return {
            "/": self.gallery,
            "/embed/{board}": self.embed,
            "/fragment/{board}": self.fragment,
            "/status": self.status_page,
            "/{asset}": self.asset,
            "/schemas/v1/{schema}": self.asset,
        }

    async def embed(self, request: web.Request) -> web.StreamResponse:
        """`/embed/{board}`: the sidebar as a page; a browser is told in a page, too, why there is none."""
        try:
            return self._embed(request)
        except Refusal as refusal:
            if "text/html" not in request.headers.get("Accept", ""):
                raise
            language: Language = "en" if request.query.get("lang") == "en" else "ko"
            headers = refusal_headers(refusal) | self._page_headers()
            text = page.excuse(refusal.message, language)
            return web.Response(status=refusal.status, text=text, content_type="text/html", headers=headers)

    def _embed(self, request: web.Request) -> web.StreamResponse:
        wish = self._wish(request)
        text = page.embed(
            self._hub.configured[wish.board],
            self._hub.boards[wish.board],
            wish.language,
            public_url=self._public_url(request),
            symbols=wish.symbols,
            look=_chosen(page.look_of, request),
        )
        return cached(request, Snapshot(text.encode()), "text/html", HEADERS | self._page_headers())

    async def fragment(self, request: web.Request) -> web.StreamResponse:
        """`/fragment/{board}`: the sidebar for server-side includes."""
        wish = self._wish(request)
        text = page.fragment(
            self._hub.configured[wish.board],
            self._hub.boards[wish.board],
            wish.language,
            public_url=self._public_url(request),
            symbols=wish.symbols,
            assets=_chosen(page.has_assets, request),
            look=_chosen(page.look_of, request),
        )
        return cached(request, Snapshot(text.encode("ascii")), "text/html", HEADERS)

    async def gallery(self, request: web.Request) -> web.StreamResponse:
        """`/`: every form and option live, with the snippets to copy."""
        language = self._spoken(request)
        text = page.gallery(self._hub.configured, language, public_url=self._public_url(request))
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": GALLERY_POLICY} | SAFE | BY_LANGUAGE
        return cached(request, Snapshot(text.encode()), "text/html", headers)

    async def status_page(self, request: web.Request) -> web.StreamResponse:
        """`/status`: the same for people, in their language."""
        standing = told(self._hub.configured, self._hub.boards, await self._records.known())
        language = self._spoken(request)
        text = status_page.page(
            standing, self._hub.configured, language, refreshing=request.query.get("refresh") != "off"
        )
        headers = HEADERS | SAFE | STATUS_POLICY | STATUS_CACHING | BY_LANGUAGE
        return cached(request, Snapshot(text.encode()), "text/html", headers)

    async def asset(self, request: web.Request) -> web.StreamResponse:
        """`/widget.js`, `/openapi.json`: evergreen with a tag; a file with its hash in its name never changes."""
        found = self._assets.get(request.path.removeprefix("/"))
        if found is None:
            raise Refusal("not_found", "there is nothing at this address")
        caching = "public, max-age=31536000, immutable" if found.immutable else "public, max-age=300"
        return cached(request, found, found.content_type, HEADERS | {"Cache-Control": caching})

    def _page_headers(self) -> dict[str, str]:
        ancestors = " ".join(self._hub.server.frame_ancestors)
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

    def _spoken(self, request: web.Request) -> Language:
        """The page's language: `?lang=`, else the browser's."""
        return query.spoken(request.query, request.headers.get("Accept-Language", ""))

    def _public_url(self, request: web.Request) -> str:
        return public_url(headers_of(request), request.remote or "", self._hub.server)

    def _wish(self, request: web.Request) -> query.Wish:
        wish = query.wish(self._hub.configured, request.match_info["board"], request.query)
        if not self._hub.ready:
            raise Refusal("not_ready", "no snapshot has been read yet")
        return wish


def _chosen(read: Callable[[Mapping[str, str]], Choice], request: web.Request) -> Choice:
    """What the query chooses of the sidebar's options."""
    try:
        return read(request.query)
    except page.NotALook as error:
        raise Refusal("bad_parameter", str(error)) from None
