"""I/O: record files: raw frames as one JSON object a line.

`{"t": unix seconds, "dir": "open|sent|recv", "exchange"?, "conn"?, "url"?, "frame": "binary"?, "gzip_b64"?, "text"?}`
"""

import base64
import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from msgspec import Struct

from ticker.errors import UsageError
from ticker.exchanges import EXCHANGES
from ticker.exchanges.exchange import Frame


class Line(Struct, frozen=True):
    """One received frame."""

    t: float
    exchange: str
    conn: str
    frame: Frame


def decode(path: Path, exchange: str | None = None) -> Iterator[Line]:
    """The received frames of a file, in order; `exchange` names whose they are where the lines do not.

    Raises UsageError that names the file and the line.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip() and (found := _line(line, f"{path}:{number}", exchange)) is not None:
                    yield found
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def _line(line: bytes, where: str, exchange: str | None) -> Line | None:
    try:
        fields = orjson.loads(line)
        if fields["dir"] != "recv":
            return None
        frame, t = _frame(fields), float(fields["t"])
    except (ValueError, LookupError, TypeError, EOFError, OSError) as error:
        raise UsageError(f"{where}: not a line of a record file: {str(error)[:80]}") from None
    name = fields.get("exchange", exchange)
    if name is None:
        raise UsageError(f"{where}: the line does not say whose frame it is: add --exchange NAME")
    if name not in EXCHANGES:
        raise UsageError(f"{where}: there is no exchange {str(name)[:40]!r}")
    return Line(t, name, str(fields.get("conn", "")), frame)


def _frame(fields: dict[str, Any]) -> Frame:
    if "gzip_b64" in fields:
        return base64.b64decode(fields["gzip_b64"], validate=True)
    text = fields["text"]
    if not isinstance(text, str):
        raise TypeError("text is not text")
    return text.encode() if fields.get("frame") == "binary" else text


class Recorder:
    """Writes frames down as they pass; the feeds' `record`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.lines = 0

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
        self._file.write(orjson.dumps({"t": time.time()} | fields) + b"\n")
        self.lines += 1


def _binary(frame: bytes) -> dict[str, str]:
    """Binary frames that are text stay readable; all others are kept as they are."""
    try:
        return {"text": frame.decode()}
    except UnicodeDecodeError:
        whole = frame if frame[:2] == b"\x1f\x8b" else gzip.compress(frame)
        return {"gzip_b64": base64.b64encode(whole).decode()}
