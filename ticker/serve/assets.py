"""I/O: the files of `static/`, read once at start, each tagged and compressed once."""

from typing import Final

from ticker.serve.snapshots import Snapshot
from ticker.sidebar.style import RELEASED, STATIC

TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".ts": "text/plain",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


class Asset(Snapshot):
    """One file as it is served."""

    level = 9

    def __init__(self, body: bytes, suffix: str, *, immutable: bool = False) -> None:
        super().__init__(body)
        self.content_type = TYPES.get(suffix, "text/plain")
        self.immutable = immutable


def load() -> dict[str, Asset]:
    """Every file by its path; `released/` stands beside the others and never changes, its newest is `widget.js`."""
    files = [path for path in sorted(STATIC.rglob("*")) if path.is_file()]
    released = STATIC / "released"
    found = {
        path.relative_to(released if path.parent == released else STATIC).as_posix(): Asset(
            path.read_bytes(), path.suffix, immutable=path.parent == released
        )
        for path in files
    }
    # Asked for by every browser that opens /embed or /status as a page; a 404 would be an error on its console.
    found["favicon.ico"] = found["favicon.svg"]
    if RELEASED is not None:
        found["widget.js"] = Asset(found[RELEASED[0]].body, ".js")
    return found
