"""I/O: a connection to Redis that fails within a second and never retries by itself; we decide about retries."""

import asyncio
from typing import Any, Final, Self

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from ticker.errors import StartError, UsageError

PREFIX: Final = "ticker:v1:"
SENTINEL: Final = "redis+sentinel://"
PATIENCE_S: Final = 10.0
TIMEOUT_S: Final = 1.0
FAILURES: Final = (RedisError, OSError, TimeoutError)


class Deadline(Retry):
    """One second for every command, and no second attempt.

    redis-py's `socket_timeout` would wrap each write in `asyncio.wait_for`, which loses a cancellation that arrives
    as the write completes (Python 3.11): a task that writes all the time then never ends.
    """

    async def call_with_retry(self, *args: Any, **options: Any) -> Any:
        """Carry out one command."""
        async with asyncio.timeout(TIMEOUT_S):
            return await super().call_with_retry(*args, **options)


def client(url: str, *, subscriber: bool = False) -> Redis:
    """A client for commands, or for a subscription, whose reads wait as long as their caller says."""
    if url.startswith(SENTINEL):
        raise UsageError(
            "redis.url: Sentinel addresses are not supported yet; name the server itself (redis://host:port)"
        )
    return Redis.from_url(
        url,
        socket_timeout=None,
        socket_connect_timeout=TIMEOUT_S,
        retry=(Retry if subscriber else Deadline)(NoBackoff(), 0),
    )


class Connection:
    """What reader, writer and editor have in common: opened with patience, closed at the end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._redis = client(url)

    async def __aenter__(self) -> Self:
        """Wait for Redis for up to ten seconds; StartError when it does not answer."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            try:
                await self._redis.ping()
            except FAILURES as error:
                if asyncio.get_running_loop().time() > deadline:
                    await self._redis.aclose()
                    where = self.url.rpartition("@")[2]
                    raise StartError(f"no Redis at {where}: {error}; start it, or set redis.url") from None
                await asyncio.sleep(0.2)
            else:
                return self

    async def __aexit__(self, *_: object) -> None:
        await self._redis.aclose()


def text(answer: bytes | str) -> str:
    """What Redis answered, as text."""
    return answer if isinstance(answer, str) else answer.decode()


def raw(answer: bytes | str) -> bytes:
    """What Redis answered, as bytes."""
    return answer if isinstance(answer, bytes) else answer.encode()
