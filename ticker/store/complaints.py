"""I/O: what is wrong with Redis, said to the point and not each second."""

import logging
import time
from typing import Final

from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError, ReadOnlyError

SELDOM_S: Final = 60.0
REASONS: Final = {
    AuthenticationError: "it refuses the user or the password of redis.url",
    NoPermissionError: "its user may not do this; SECURITY.md has the rights of each",
    OutOfMemoryError: "it is full: raise its maxmemory",
    ReadOnlyError: "it is a read-only replica: set redis.url to its primary, or to redis+sentinel://…",
}


class Complaints:
    """One loop's complaints: the same one is logged once a minute, and so is its end."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log = log
        self._what = what
        self._said = ""
        self._again_at = 0.0

    def failed(self, error: BaseException) -> None:
        """It went wrong, and will be tried again."""
        said, now = why(error), time.monotonic()
        if said != self._said or now >= self._again_at:
            self._said, self._again_at = said, now + SELDOM_S
            self._log.warning("%s: %s", self._what, said)

    def well(self) -> None:
        """It went well."""
        if self._said:
            self._log.info("%s: well again", self._what)
            self._said = ""


def why(error: BaseException) -> str:
    """The reason in a line, with the remedy where there is one."""
    known = next((said for kind, said in REASONS.items() if isinstance(error, kind)), None)
    return known or str(error)[:200].rstrip(". ") or type(error).__name__
