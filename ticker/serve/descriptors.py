"""I/O: how many files this process may have open, and which of them are no longer for strangers.

A new socket gets the lowest free number, so that its number tells how full the table is.
"""

import contextlib
import logging
import resource
import sys
from typing import Final, NamedTuple

from ticker.settings import Server

log = logging.getLogger(__name__)

RESERVE: Final = 200
"""For Redis, the exchanges, the operator's port, files."""


class Room(NamedTuple):
    """Where the table of open files ends for the public port."""

    polite: int
    """From this number on a connection is told that there is no room."""
    last: int
    """From this number on there is no time for that."""


def room(limit: int) -> Room:
    """What this limit leaves to the public port; of a small one a quarter is kept."""
    reserve = min(RESERVE, limit // 4)
    return Room(limit - reserve, limit - reserve // 2)


def limit(*, raised: bool = False) -> int:
    """As many files as this process may have open, or could have as soon as it wants."""
    found = resource.getrlimit(resource.RLIMIT_NOFILE)[raised]
    return sys.maxsize if found == resource.RLIM_INFINITY else found


def prepare(server: Server) -> None:
    """Take as many as there may be, and say it where that is too few."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # some systems promise more than they allow
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if (warning := too_few(server, limit())) is not None:
        log.warning("%s: %s", *warning)


def too_few(server: Server, limit: int) -> tuple[str, str] | None:
    """Where `max_clients` do not fit under the limit: that it is so, and what to do."""
    fitting = room(limit).polite
    if server.max_clients <= fitting:
        return None
    raised = f"ulimit -n {server.max_clients + RESERVE}, LimitNOFILE= of systemd, --ulimit nofile= of Docker"
    return (
        f"server.max_clients is {server.max_clients}, but {limit} open files leave room for {fitting}",
        f"raise the limit ({raised}) or lower server.max_clients",
    )
