"""Every error this program raises on purpose.

TickerError
├── UsageError        the user's words: arguments, configuration, record files    (exit 2)
├── StartError        the surroundings at start: port in use, no Redis, lock held (exit 1)
└── BadFrame          an exchange sent something that is not what its documents say (dropped, counted)

A message names the thing and what to do about it, in one line, without a traceback.
"""

import errno
import re
from typing import Final

ATTEMPT: Final = re.compile(r"\A.*error while attempting to bind on address .*\): | \(while attempting.*\Z")
"""Python's own words around the system's."""


class TickerError(Exception):
    """The root of the tree; never raised itself."""

    def __init__(self, sentence: str) -> None:
        super().__init__(visible(sentence))


class UsageError(TickerError):
    """Wrong arguments or configuration: one line on stderr, exit code 2."""


class StartError(TickerError):
    """The program cannot start here and now: one line on stderr, exit code 1."""


class BadFrame(TickerError):
    """A frame that is not JSON, is cut, is nested too deep or lacks what it must carry."""


def cannot_listen(error: OSError, section: str, host: str, port: int) -> StartError:
    """Why a port of the configuration's `server` or `admin` cannot be listened on, and what to do about it."""
    where = f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        remedy = f"{section}.port (TICKER_{section.upper()}__PORT)"
        return StartError(f"{where} is in use; stop what listens there, or set {remedy}")
    why = ATTEMPT.sub("", error.strerror or "").lower()
    return StartError(f"cannot listen on {where}: {why}; set {section}.host and {section}.port")


def innermost(error: BaseException) -> BaseException:
    """The first failure of a group of tasks: it speaks for all of them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def visible(text: str) -> str:
    """Text with line breaks, control characters and broken letters written as escapes: one line, and only to read."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
