"""I/O: a connection to Redis that fails within a second and never retries by itself; we decide about retries."""

import asyncio
import logging
from typing import Any, ClassVar, Final, Self

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, NoPermissionError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ticker.complaints import Complaints
from ticker.errors import StartError, UsageError
from ticker.store import sentinel
from ticker.store.reasons import why

log = logging.getLogger(__name__)

PREFIX: Final = "ticker:v1:"
PATIENCE_S: Final = 10.0
AGAIN_S: Final = 0.2
TIMEOUT_S: Final = 1.0
ASKING_S: Final = 0.3
"""For each Sentinel: a few that do not answer leave time for one that does."""
UNREADABLE: Final = (
    "redis.url cannot be read; one looks like redis://user:password@10.0.0.5:6379/0, with / in a password as %2F"
)
FAILURES: Final = (RedisError, OSError, TimeoutError)
REFUSALS: Final = (AuthenticationError, NoPermissionError, BusyLoadingError)


class Deadline(Retry):
    """So many seconds for every command, and no second attempt.

    redis-py's `socket_timeout` would wrap each write in `asyncio.wait_for`, which loses a cancellation that arrives
    as the write completes (Python 3.11): a task that writes all the time then never ends.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(NoBackoff(), 0)
        self._seconds = seconds

    async def call_with_retry(self, *args: Any, **options: Any) -> Any:
        """Carry out one command."""
        try:
            async with asyncio.timeout(self._seconds):
                return await super().call_with_retry(*args, **options)
        except TimeoutError:
            raise RedisTimeoutError(f"no answer within {self._seconds:g} s") from None


def check(url: str) -> None:
    """Raise UsageError where an address cannot be one; an empty one is none."""
    if url:
        client(url)


def client(url: str, *, subscriber: bool = False) -> Redis:
    """A client for commands, or for a subscription, whose reads wait as long as their caller says."""
    retry = Retry(NoBackoff(), 0) if subscriber else Deadline(TIMEOUT_S)
    options: dict[str, Any] = {"socket_timeout": None, "socket_connect_timeout": TIMEOUT_S, "retry": retry}
    if url.startswith(sentinel.SCHEME):
        asking = {"socket_connect_timeout": ASKING_S, "retry": Deadline(ASKING_S)}
        return sentinel.master(url, options, asking | {"socket_timeout": None})
    try:
        found = Redis.from_url(url, **options)
        pool = found.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # looks at every option of the URL
    except (ValueError, TypeError, RedisError):  # their words may hold a part of the password
        raise UsageError(UNREADABLE) from None
    return found


class Connection:
    """What reader, writer and editor have in common: opened with patience, closed at the end."""

    doing: ClassVar = "asking"
    """What it is for, in the log."""

    def __init__(self, url: str, *, persistent: bool = False) -> None:
        self.url = url
        self._persistent = persistent
        self._redis = client(url)
        self.complaints = Complaints(log, f"{self.doing} {self._where}")

    async def __aenter__(self) -> Self:
        """Wait for Redis for up to ten seconds; StartError when it does not answer, or refuses us.

        A persistent one waits no longer than for the refusal: somebody may be about to change the password, and the
        program has ports to open meanwhile. Whoever uses it tries again, and says so.
        """
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while (error := await self._refused()) is not None:
            refused = isinstance(error, REFUSALS)
            if refused and self._persistent:
                break
            if refused or asyncio.get_running_loop().time() > deadline:
                await self._redis.aclose()
                raise StartError(f"{self._where}: {why(error)}")
            await asyncio.sleep(AGAIN_S)
        return self

    async def _refused(self) -> Exception | None:
        try:
            await self._redis.ping()
        except FAILURES as error:
            return error
        return None

    @property
    def _where(self) -> str:
        """The address without user, password and options."""
        scheme, _, rest = self.url.partition("?")[0].partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"

    async def __aexit__(self, *_: object) -> None:
        await self._redis.aclose()


def text(answer: bytes | str) -> str:
    """What Redis answered, as text, whatever bytes somebody put there."""
    return answer if isinstance(answer, str) else answer.decode(errors="replace")


def raw(answer: bytes | str) -> bytes:
    """What Redis answered, as bytes."""
    return answer if isinstance(answer, bytes) else answer.encode()
