"""The JSON snapshot of each board, made once per change and kept as the very bytes of an HTTP answer."""

import gzip
from functools import cached_property
from typing import Final

import orjson

from ticker import wire
from ticker.assets import etag
from ticker.hub import Hub
from ticker.model import Language

CACHING: Final = "public, max-age=1, stale-while-revalidate=5, stale-if-error=60"
HEADERS: Final = {
    "Cache-Control": CACHING,
    "Vary": "Accept-Encoding",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Age, Retry-After",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
LEVEL: Final = 5


class Snapshot:
    """One body and the answers made of it."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.etag = etag(body)

    @cached_property
    def gzipped(self) -> bytes:
        """The body compressed."""
        return gzip.compress(self.body, LEVEL, mtime=0)

    @cached_property
    def plain_answer(self) -> bytes:
        """The whole answer to a GET."""
        return self._head("200 OK", len(self.body)) + self.body

    @cached_property
    def gzipped_answer(self) -> bytes:
        """The whole answer to a GET that accepts gzip."""
        return self._head("200 OK", len(self.gzipped), "Content-Encoding: gzip\r\n") + self.gzipped

    @cached_property
    def unchanged_answer(self) -> bytes:
        """The whole answer to a GET that has this body already."""
        return self._head("304 Not Modified", None)

    def _head(self, status: str, length: int | None, more: str = "") -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        sized = "" if length is None else f"Content-Type: application/json\r\nContent-Length: {length}\r\n"
        return f"HTTP/1.1 {status}\r\nETag: {self.etag}\r\n{lines}{sized}{more}\r\n".encode()


class Snapshots:
    """The current snapshot of each board and language."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._made: dict[tuple[str, Language], tuple[int, Snapshot]] = {}

    def get(self, board: str, language: Language) -> Snapshot:
        """The snapshot of a whole board as it is now."""
        version = self._hub.versions[board]
        made = self._made.get((board, language))
        if made is None or made[0] != version:
            made = version, self.make(board, language, None)
            self._made[board, language] = made
        return made[1]

    def make(self, board: str, language: Language, symbols: tuple[str, ...] | None) -> Snapshot:
        """A snapshot of some symbols, made for one question."""
        state = self._hub.boards[board]
        return Snapshot(orjson.dumps(wire.body(self._hub.configured[board], state, language, symbols)))
