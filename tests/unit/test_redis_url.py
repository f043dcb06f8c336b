"""Addresses of Redis."""

import pytest

from ticker.errors import UsageError
from ticker.store import sentinel
from ticker.store.connection import client


def test_a_sentinel_address_in_all_its_parts() -> None:
    places, name, own, asked = sentinel.read(
        "redis+sentinel://me:p%2Fw@one:1,[::1]:2,three/prices?db=3&sentinel_password=s%26t"
    )
    assert places == [("one", 1), ("::1", 2), ("three", 26379)]
    assert name == "prices"
    assert own == {"username": "me", "password": "p/w", "db": 3}
    assert asked == {"password": "s&t"}


@pytest.mark.parametrize(
    "address",
    [
        "h:1",
        "h:1/",
        "/name",
        "h:x/name",
        "h:99999/n",
        "h:1,/name",
        "h:1/a/b",
        "[::1/name",
        "h/n?db=x",
        "h/n?other=1",
    ],
)
def test_a_sentinel_address_that_is_none_is_a_users_mistake(address: str) -> None:
    with pytest.raises(UsageError, match="a Sentinel address is"):
        sentinel.read(f"redis+sentinel://{address}")


@pytest.mark.parametrize(
    "url", ["redis://:pa/ss@h:1", "redis://h:port", "redis://h?nothing=1", "redis://h?protocol=5", "rediss://[h"]
)
async def test_an_address_redis_does_not_understand_is_a_users_mistake_that_tells_no_password(url: str) -> None:
    with pytest.raises(UsageError, match="one looks like redis://user") as caught:
        client(url)
    assert "ss@h" not in str(caught.value)
    assert "'pa'" not in str(caught.value)
