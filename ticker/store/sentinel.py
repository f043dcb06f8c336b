"""I/O: the Redis that Sentinels name as the master of a group: asked for whenever a connection is opened.

`redis+sentinel://[user:password@]host:port,host:port/name[?db=1&sentinel_username=…&sentinel_password=…]`
"""

import re
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from redis.asyncio import Redis
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel

from ticker.errors import UsageError

SCHEME: Final = "redis+sentinel://"
PORT: Final = 26379
HIGHEST: Final = 65535
DATABASE: Final = re.compile(r"[0-9]{1,4}")
PLACE: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:]+)(?::([0-9]{1,5}))?")
OPTIONS: Final = {"db", "sentinel_username", "sentinel_password"}


class Sentinels(Sentinel):
    """Those who know the master."""

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Its address, as the first one says that answers; the library's own error is a page long."""
        try:
            found: tuple[str, int] = await super().discover_master(service_name)
        except MasterNotFoundError:
            raise MasterNotFoundError(
                f"no Sentinel answers and names a master of {service_name!r}; look at them, and at sentinel_password"
            ) from None
        return found


class Master(Redis):
    """The master; its end is also the end of the connections to the Sentinels."""

    sentinels: Sentinels

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close everything."""
        await super().aclose(close_connection_pool)
        await self.sentinels.aclose()


def master(url: str, options: dict[str, Any], asking: dict[str, Any]) -> Master:
    """A client of whoever is the master then; `options` are its connections', `asking` those of the Sentinels."""
    places, name, own, asked = read(url)
    sentinels = Sentinels(places, sentinel_kwargs=asking | asked, **options | own)  # type: ignore[no-untyped-call]
    found: Master = sentinels.master_for(name, redis_class=Master)
    found.sentinels = sentinels
    return found


def read(url: str) -> tuple[list[tuple[str, int]], str, dict[str, Any], dict[str, Any]]:
    """The Sentinels of a URL, the name of the group, the options of its connections and of the Sentinels' own."""
    address, _, query = url.removeprefix(SCHEME).partition("?")
    user, _, rest = address.rpartition("@")
    hosts, _, name = rest.partition("/")
    places = [PLACE.fullmatch(host) for host in hosts.split(",")]
    found = [(place[1].strip("[]"), int(place[2] or PORT)) for place in places if place]
    options = {"db": "0"} | dict(parse_qsl(query))
    known = options.keys() <= OPTIONS and DATABASE.fullmatch(options["db"])
    if not all(places) or max(port for _, port in found) > HIGHEST or not name or "/" in name or not known:
        raise UsageError(f"redis.url: a Sentinel address is {SCHEME}host:port,host:port/name, at its end perhaps ?db=1")
    username, _, password = user.partition(":")
    own = {"username": unquote(username) or None, "password": unquote(password) or None, "db": int(options.pop("db"))}
    return found, unquote(name), own, {key.removeprefix("sentinel_"): value for key, value in options.items()}
