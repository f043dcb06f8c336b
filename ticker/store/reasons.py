"""What is wrong with Redis and what to do about it, in one line, for logs and commands alike."""

import os
import re
from typing import Final

from redis.exceptions import AuthenticationError, BusyLoadingError, NoPermissionError, OutOfMemoryError, ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError

REASONS: Final = {
    AuthenticationError: "it refuses the user or the password of redis.url; check both",
    BusyLoadingError: "it is still loading what it has kept; wait",
    OutOfMemoryError: "it is full; raise its maxmemory",
    ReadOnlyError: "it is a read-only replica; set redis.url to its primary, or to redis+sentinel://…",
}
NO_RIGHT: Final = (
    "its user may not do this{}; take the one that SECURITY.md has for it: collector for `ticker collect`, server for"
    " `serve`, editor for `board`, operator for `doctor` and `verify`"
)
OTHER_DATABASE: Final = "its user may not choose a database; give it +select, or set redis.url to database 0"
TIMEOUTS: Final = (RedisTimeoutError, TimeoutError)
ABSENT: Final = "see that it runs and that redis.url is right"
UNREACHED: Final = re.compile(r"\AError .* connecting to \S+\. (.*)\Z|\AError (.*) connecting to \S+\Z")
"""redis-py's own words around the system's."""
CALL: Final = re.compile(r"\b(?:Error|Errno) (\d+)\b.*Connect call failed")
"""asyncio's own words for what the system has a name for."""
ARGUMENTS: Final = ", with args beginning with"
"""What an old Redis repeats of a command that it does not know: the password, where that is HELLO."""
IN_A_SCRIPT: Final = re.compile("The user executing the script can't|ACL failure in script")
"""How Redis and Valkey say that a script may not do what its user may not: it comes as no NoPermissionError."""
COMMAND: Final = re.compile(r"to run the '([a-z|]+)' command")


def why(error: BaseException) -> str:
    """The reason in a line, with the remedy where there is one."""
    said = str(error).partition(ARGUMENTS)[0][:200].rstrip(". ")
    if isinstance(error, NoPermissionError) or IN_A_SCRIPT.search(said):
        return _no_right(said)
    known = next((reason for kind, reason in REASONS.items() if isinstance(error, kind)), None)
    if known is not None:
        return known
    if call := CALL.search(said):
        return f"{os.strerror(int(call[1])).lower()}; {ABSENT}"
    if found := UNREACHED.search(said):
        return f"{(found[1] or found[2]).lower()}; {ABSENT}"
    if isinstance(error, TIMEOUTS):
        return f"{said or 'no answer in time'}; {ABSENT}"
    return said or type(error).__name__


def _no_right(said: str) -> str:
    command = COMMAND.search(said)
    if command and command[1] == "select":
        return OTHER_DATABASE
    return NO_RIGHT.format(f" ({command[1]})" if command else "")
