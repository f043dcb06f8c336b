"""What is wrong with Redis, in words that come with a remedy."""

import pytest
from redis.exceptions import AuthenticationError, BusyLoadingError, NoPermissionError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ticker.store import why
from ticker.store.reasons import ABSENT


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            AuthenticationError("invalid username-password pair"),
            "it refuses the user or the password of redis.url; check both",
        ),
        (
            NoPermissionError("User me has no permissions to run the 'select' command"),
            "its user may not choose a database; give it +select, or set redis.url to database 0",
        ),
        (
            NoPermissionError("User me has no permissions to run the 'lrange' command"),
            "its user may not do this (lrange); take the one that SECURITY.md has for it: collector for",
        ),
        (
            ResponseError("The user executing the script can't run this command or subcommand script: 99 on @user:4."),
            "its user may not do this; take the one that SECURITY.md has for it: collector for",
        ),
        (BusyLoadingError("Redis is loading the dataset in memory"), "it is still loading what it has kept; wait"),
        (RedisConnectionError("Error 111 connecting to h:1. Connection refused."), f"connection refused; {ABSENT}"),
        (
            RedisConnectionError("Error 111 connecting to h:1. Connect call failed ('127.0.0.1', 1)."),
            f"connection refused; {ABSENT}",
        ),
        (
            RedisConnectionError(
                "Error Multiple exceptions: [Errno 111] Connect call failed ('::1', 1, 0, 0), [Errno 111] Connect call"
                " failed ('127.0.0.1', 1) connecting to localhost:1."
            ),
            f"connection refused; {ABSENT}",
        ),
        (RedisTimeoutError("no answer within 1 s"), f"no answer within 1 s; {ABSENT}"),
        (TimeoutError(), f"no answer in time; {ABSENT}"),
        (ResponseError("ERR something else."), "ERR something else"),
    ],
)
def test_each_refusal_comes_with_the_remedy_that_fits(error: Exception, said: str) -> None:
    """Seen failing with `start it, or set redis.url` for every one of them, and with asyncio's own words."""
    assert why(error).startswith(said)
