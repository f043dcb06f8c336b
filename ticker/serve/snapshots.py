"""The JSON snapshot of each board, made once per change and kept as the very bytes of an HTTP answer."""

import gzip
import hashlib
from collections import Counter
from email.utils import formatdate
from functools import cached_property, lru_cache
from typing import Final

import orjson

from ticker.model import Language
from ticker.serve import wire
from ticker.serve.head import is_known
from ticker.serve.hub import Hub

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
JSON: Final = {"Content-Type": "application/json"}


@lru_cache(maxsize=1)
def date_of(second: int) -> bytes:
    """The date of an answer."""
    return formatdate(second, usegmt=True).encode()


class Snapshot:
    """One body and the answers made of it, each in two parts with the date between them."""

    level = 5
    """How hard it is compressed."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.etag = f'W/"{hashlib.blake2b(body, digest_size=9).hexdigest()}"'
        """A weak tag of the content, the same on every node."""

    @cached_property
    def gzipped(self) -> bytes:
        """The body compressed."""
        return gzip.compress(self.body, self.level, mtime=0)

    def is_known(self, tags: str) -> bool:
        """Whether somebody who has these tags has it already."""
        return bool(tags) and is_known(self.etag, tags)

    def answer(self, date: bytes, *, known: bool, zipped: bool) -> bytes:
        """The whole answer to a GET of somebody who knows it already or does not, and takes gzip or does not."""
        if known:
            before, after = self._unchanged
        else:
            before, after = self._zipped if zipped else self._plain
        return b"".join((before, date, after))

    @cached_property
    def _plain(self) -> tuple[bytes, bytes]:
        return self._parts("200 OK", self.body, JSON)

    @cached_property
    def _zipped(self) -> tuple[bytes, bytes]:
        return self._parts("200 OK", self.gzipped, JSON | {"Content-Encoding": "gzip"})

    @cached_property
    def _unchanged(self) -> tuple[bytes, bytes]:
        return self._parts("304 Not Modified", b"", {})

    def _parts(self, status: str, body: bytes, more: dict[str, str]) -> tuple[bytes, bytes]:
        headers = HEADERS | more | {"ETag": self.etag} | ({"Content-Length": str(len(body))} if body else {})
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {status}\r\nDate: ".encode(), f"\r\n{lines}\r\n".encode() + body


class Snapshots:
    """The current snapshot of each board and language."""

    def __init__(self, hub: Hub) -> None:
        self.counts: Counter[str] = Counter()
        """`200` and `304` answers, and how many bodies were `made` for them."""
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
        self.counts["made"] += 1
        state = self._hub.boards[board]
        return Snapshot(orjson.dumps(wire.body(self._hub.configured[board], state, language, symbols)))
