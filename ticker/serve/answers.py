"""I/O: what every HTTP answer has in common: its headers, its tag and short forms, and errors as objects."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias, cast

from aiohttp import web

from ticker.serve import wire
from ticker.serve.handshake import VERSION
from ticker.serve.head import END, accepts_gzip, is_known
from ticker.serve.query import RETRY_AFTER_S, Refusal
from ticker.serve.snapshots import HEADERS, Snapshot

log = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

BAD_REQUEST: Final = 400
ALLOWED: Final = "GET, HEAD, OPTIONS"
COMMON: Final = {name: value for name, value in HEADERS.items() if name not in {"Cache-Control", "Vary"}}


PREFLIGHT: Final = {
    "Allow": ALLOWED,
    "Access-Control-Allow-Methods": ALLOWED,
    "Access-Control-Allow-Headers": "If-None-Match, *",  # the star is new to some browsers
    "Access-Control-Max-Age": "86400",
}


def cached(
    request: web.Request, snapshot: Snapshot, content_type: str, headers: Mapping[str, str]
) -> web.StreamResponse:
    """200 with a tag, 304 where the reader has it, gzip where it is taken; HEAD is aiohttp's."""
    headers = {"Vary": "Accept-Encoding"} | dict(headers) | {"ETag": snapshot.etag}
    asked = headers_of(request)
    if is_known(snapshot.etag, asked.get("if-none-match", "")):
        return web.Response(status=304, headers=headers)
    charset = None if content_type == "application/json" else "utf-8"
    if accepts_gzip(asked):
        headers["Content-Encoding"] = "gzip"
        return web.Response(body=snapshot.gzipped, headers=headers, content_type=content_type, charset=charset)
    return web.Response(body=snapshot.body, headers=headers, content_type=content_type, charset=charset)


def headers_of(request: web.Request) -> dict[str, str]:
    """The headers by lower-case name, repeated ones joined, as `head` reads them."""
    joined: dict[str, str] = {}
    for name, value in request.headers.items():
        known = joined.get(name.lower())
        joined[name.lower()] = value if known is None else f"{known}, {value}"
    return joined


def again(request: web.Request) -> bytes:
    """The head of a request as it came."""
    lines = [name + b": " + value for name, value in request.raw_headers]
    version = request.version
    first = f"{request.method} {request.raw_path} HTTP/{version.major}.{version.minor}"
    return b"\r\n".join([first.encode(errors="surrogateescape"), *lines]) + END


def refusal_headers(refusal: Refusal) -> dict[str, str]:
    """What goes with a refusal, whoever writes it."""
    headers = COMMON | {"Cache-Control": "no-store"}
    if refusal.code in RETRY_AFTER_S:
        headers["Retry-After"] = str(RETRY_AFTER_S[refusal.code])
    if refusal.code == "method_not_allowed":
        headers["Allow"] = ALLOWED
    if refusal.code == "upgrade_required":
        headers |= {"Upgrade": "websocket", "Sec-WebSocket-Version": VERSION}
    return headers


def refused(refusal: Refusal) -> web.Response:
    """A refusal as an answer."""
    body = wire.failure(refusal.code, refusal.message)
    headers = refusal_headers(refusal)
    return web.Response(status=refusal.status, body=body, content_type="application/json", headers=headers)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The boundary of one request: whatever goes wrong becomes an answer."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return refused(refusal)
    except web.HTTPMethodNotAllowed:
        return refused(Refusal("method_not_allowed", "only GET and HEAD are answered here"))
    except web.HTTPNotFound:
        return refused(Refusal("not_found", "there is nothing at this address"))
    except web.HTTPException:
        raise
    except Exception:
        log.exception("%s failed", request.path[:80])
        return refused(Refusal("internal", "this should not have happened"))


async def preflight(_request: web.Request) -> web.StreamResponse:
    """What a browser asks before a page on another site may send `If-None-Match`."""
    return web.Response(status=204, headers=COMMON | PREFLIGHT)


async def without_version(_request: web.Request, response: web.StreamResponse) -> None:
    """Nobody needs to know which version of which library answers."""
    response.headers.popall("Server", None)


class Connection(web.RequestHandler):
    """aiohttp's side of one connection; what cannot be read is answered as every error is, and not logged.

    Its own patience rests while it answers: who leaves an answer unread is shown out here.
    """

    __slots__ = ("_shown_out",)
    _shown_out: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From here on every byte that the socket does not take at once is noticed."""
        super().connection_made(transport)
        cast("asyncio.Transport", transport).set_write_buffer_limits(0)

    def pause_writing(self) -> None:
        """An answer waits to be read."""
        super().pause_writing()
        transport = cast("asyncio.Transport", self.transport)
        self._shown_out = self._loop.call_later(self.keepalive_timeout, transport.abort)

    def resume_writing(self) -> None:
        """It is out."""
        self._shown_out.cancel()
        super().resume_writing()

    def connection_lost(self, error: BaseException | None) -> None:
        """It is over."""
        if self.writing_paused:
            self._shown_out.cancel()
        super().connection_lost(error)

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it repeats the stranger's bytes
    ) -> web.StreamResponse:
        """The answer to a request that is none, or that broke us."""
        if status == BAD_REQUEST:
            answer = refused(Refusal("bad_request", "this is not a request of HTTP/1.1"))
        else:
            log.error("a request failed", exc_info=exc)
            answer = refused(Refusal("internal", "this should not have happened"))
        answer.headers["Server"] = "ticker"
        answer.force_close()
        return answer
