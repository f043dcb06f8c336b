"""I/O: record files: raw frames as one JSON object a line.

`{"t": unix seconds, "dir": "open|sent|recv", "exchange"?, "conn"?, "url"?, "frame": "binary"?, "gzip_b64"?, "text"?}`

`gzip_b64` holds the very bytes of a binary frame that is not text (exchanges send only gzip so); `text` beside it is
what a person reads. Without it `text` is the frame.
"""

import asyncio
import base64
import contextlib
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import msgspec
import orjson
from msgspec import Struct

from ticker.errors import StartError, UsageError
from ticker.exchanges import EXCHANGES
from ticker.exchanges.exchange import Frame
from ticker.tools import bars

GZIP: Final = 31
"""zlib's word for a gzip header and trailer."""
READABLE: Final = 1024 * 1024


class Line(Struct, frozen=True):
    """One received frame."""

    t: float
    exchange: str
    conn: str
    """The connection it came by: frames of one are read with one memory."""
    frame: Frame


class Row(Struct, frozen=True):
    """One line of a file, as it stands there."""

    t: float
    dir: Literal["open", "sent", "recv"]
    exchange: str | None = None
    conn: str | int | None = None
    frame: str | None = None
    gzip_b64: bytes | None = None
    text: str | None = None


def decode(path: Path, exchange: str | None = None, *, bar: bool = False) -> Iterator[Line]:
    """The received frames of a file, in order; `exchange` names whose they are where the lines do not.

    `bar` shows on a terminal how far it has been read. Raises UsageError that names the file and the line.
    """
    opened = 0
    try:
        with bars.reading(path, shown=bar) as file:
            for number, text in enumerate(file, 1):
                if text.strip():
                    row = _row(text, f"{path}:{number}")
                    opened += row.dir == "open"
                    if row.dir == "recv":
                        yield _line(row, exchange, opened, f"{path}:{number}")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def _row(text: bytes, where: str) -> Row:
    try:
        return msgspec.json.decode(text, type=Row)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UsageError(f"{where}: not a line of a record file: {error}") from None


def _line(row: Row, exchange: str | None, opened: int, where: str) -> Line:
    name = row.exchange or exchange
    if name is None:
        raise UsageError(f"{where}: the line does not say whose frame it is: add --exchange NAME")
    if name not in EXCHANGES:
        raise UsageError(f"{where}: there is no exchange {name[:40]!r}")
    frame = row.text if row.gzip_b64 is None else row.gzip_b64
    if frame is None:
        raise UsageError(f"{where}: the line has no frame, neither `text` nor `gzip_b64`")
    if isinstance(frame, str) and row.frame == "binary":
        frame = frame.encode()
    return Line(row.t, name, f"#{opened}" if row.conn is None else str(row.conn), frame)


class Recorder:
    """Writes frames down as they pass; the feeds' `record`."""

    def __init__(self, file: BinaryIO) -> None:
        """`file` is unbuffered and appended to."""
        self._file = file
        self._ended = asyncio.Event()
        self._error: OSError | None = None
        self.lines = 0

    async def last(self) -> None:
        """For as long as the file takes lines; then StartError. A feed would take it for an exchange's fault."""
        await self._ended.wait()
        why = self._error.strerror if self._error else None
        raise StartError(f"{self._file.name}: {why}; {self.lines} lines are written")

    def opened(self, exchange: str, conn: str, url: str) -> None:
        """A connection was opened."""
        self._write({"dir": "open", "exchange": exchange, "conn": conn, "url": url})

    def frame(self, exchange: str, conn: str, direction: str, frame: Frame) -> None:
        """A frame was `sent` or received (`recv`)."""
        fields: dict[str, Any] = {"dir": direction, "exchange": exchange, "conn": conn}
        if isinstance(frame, str):
            fields["text"] = frame
        else:
            fields["frame"] = "binary"
            fields |= _binary(frame)
        self._write(fields)

    def _write(self, fields: dict[str, Any]) -> None:
        if self._error is not None:
            return
        line, written = orjson.dumps({"t": time.time()} | fields) + b"\n", 0
        try:
            while written < len(line):
                written += self._file.write(line[written:])
        except OSError as error:
            self._error = error
            with contextlib.suppress(OSError):
                self._file.truncate(self._file.tell() - written)  # what is there can be replayed
            self._ended.set()
        else:
            self.lines += 1


def _binary(frame: bytes) -> dict[str, str]:
    """Binary frames that are text stay readable; all others are kept as they are."""
    with contextlib.suppress(UnicodeDecodeError):
        return {"text": frame.decode()}
    kept = {"gzip_b64": base64.b64encode(frame).decode()}
    with contextlib.suppress(zlib.error, UnicodeDecodeError):
        kept["text"] = zlib.decompressobj(GZIP).decompress(frame, READABLE).decode()
    return kept
