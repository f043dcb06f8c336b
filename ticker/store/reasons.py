"""What is wrong with Redis, said to the point."""

import re
from typing import Final

from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError, ReadOnlyError

REASONS: Final = {
    AuthenticationError: "it refuses the user or the password of redis.url",
    NoPermissionError: "its user may not do this; SECURITY.md has the rights of each",
    OutOfMemoryError: "it is full: raise its maxmemory",
    ReadOnlyError: "it is a read-only replica: set redis.url to its primary, or to redis+sentinel://…",
}
UNREACHED: Final = re.compile(r"\AError -?\d+ connecting to \S+\. (.*)\Z")
"""redis-py's own words around the system's."""
ARGUMENTS: Final = ", with args beginning with"
"""What an old Redis repeats of a command that it does not know: the password, where that is HELLO."""
IN_A_SCRIPT: Final = re.compile("The user executing the script can't|ACL failure in script")
"""How Redis and Valkey say that a script may not do what its user may not: it comes as no NoPermissionError."""


def why(error: BaseException) -> str:
    """The reason in a line, with the remedy where there is one."""
    kind = NoPermissionError if IN_A_SCRIPT.search(str(error)) else type(error)
    known = next((said for each, said in REASONS.items() if issubclass(kind, each)), None)
    said = UNREACHED.sub(lambda found: found[1].lower(), str(error).partition(ARGUMENTS)[0][:200].rstrip(". "))
    return known or said or type(error).__name__
