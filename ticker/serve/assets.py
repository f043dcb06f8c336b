"""I/O: the files of `static/`, read once at start, with their entity tags and compressed forms."""

import gzip
import hashlib
from typing import Final

from msgspec import Struct

from ticker.sidebar.style import RELEASED, STATIC

TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ts": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


class Asset(Struct, frozen=True):
    """One file as it is served."""

    body: bytes
    gzipped: bytes
    etag: str
    content_type: str
    immutable: bool = False


def load() -> dict[str, Asset]:
    """Every file by its path; `released/` stands beside the others and never changes, its newest is `widget.js`."""
    files = [path for path in sorted(STATIC.rglob("*")) if path.is_file()]
    released = STATIC / "released"
    found = {
        path.relative_to(released if path.parent == released else STATIC).as_posix(): asset(
            path.read_bytes(), path.suffix, immutable=path.parent == released
        )
        for path in files
    }
    # Asked for by every browser that opens /embed or /status as a page; a 404 would be an error on its console.
    found["favicon.ico"] = found["favicon.svg"]
    if RELEASED is not None:
        found["widget.js"] = asset(found[RELEASED[0]].body, ".js")
    return found


def asset(body: bytes, suffix: str, *, immutable: bool = False) -> Asset:
    """A body with its weak tag, the same on every node."""
    return Asset(body, gzip.compress(body, 9, mtime=0), etag(body), TYPES.get(suffix, "text/plain"), immutable)


def etag(body: bytes) -> str:
    """A weak tag of the content."""
    return f'W/"{hashlib.blake2b(body, digest_size=9).hexdigest()}"'
