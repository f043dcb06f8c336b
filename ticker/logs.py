"""I/O: one line per event on stderr: text on a terminal, JSON lines elsewhere, times in UTC."""

import logging
import sys
import time
from typing import Any, Final

import orjson

from ticker.errors import visible
from ticker.settings import Log

TEXT: Final = "%(asctime)s %(levelname)-7s {}%(message)s"


class JsonLines(logging.Formatter):
    """`{"ts":"2026-11-23T10:42:07.123Z","level":"info","logger":"ticker.feed","message":"…"}` (`"worker":"0"`)."""

    def __init__(self, worker: str = "") -> None:
        super().__init__()
        self._own = {"worker": worker} if worker else {}

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line, whatever line breaks its message holds."""
        line: dict[str, str] = {
            "ts": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        } | self._own
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        whole = {key: value.encode(errors="backslashreplace").decode() for key, value in line.items()}
        return orjson.dumps(whole).decode()


class Text(logging.Formatter):
    """For people: the time in UTC, the level, the message, on one line."""

    converter = staticmethod(time.gmtime)
    default_msec_format = "%s.%03dZ"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the standard library's name
        """A message cannot forge a second line, nor speak to the terminal."""
        record.message = visible(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - idem
        """Where a mistake of ours came from, set in, so that no line of it passes for an event."""
        return "\n".join(f"    {visible(line)}" for line in super().formatException(ei).splitlines())


def setup(settings: Log, worker: str = "") -> None:
    """Send everything to stderr in the configured form; libraries speak from warning on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(settings, worker))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("ticker").setLevel(settings.level.upper())
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # strangers' bad requests would flood the log


def formatter(settings: Log, worker: str = "") -> logging.Formatter:
    """The configured form; a worker's lines carry its number."""
    if settings.format == "text" or (settings.format == "auto" and sys.stderr.isatty()):
        return Text(TEXT.format(f"worker {worker}: " if worker else ""))
    return JsonLines(worker)


def printable(text: str) -> str:
    """A stranger's words as part of one log line."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:200])
