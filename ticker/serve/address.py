"""Pure: who asks, and under which address we are known, behind proxies that are trusted and none that are not."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from ticker.settings import Server

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

HOST: Final = re.compile(r"(?:[\w.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE)
PREFIX: Final = re.compile(r"(?:/[\w.~-]+)*/?", re.ASCII)
"""Scripts are fetched from there: what could turn a path into another host is none."""


def client_of(peer: str, forwarded: str, trusted: Sequence[str]) -> str:
    """The reader's address: from the right of `X-Forwarded-For`, past the proxies that are trusted.

    IPv6 readers count by their /64, for each has one.
    """
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    while hops and is_trusted(peer, tuple(trusted)):
        peer = _without_port(hops.pop())
    return _counted(peer)


def is_trusted(peer: str, trusted: tuple[str, ...]) -> bool:
    """Whether an address lies in one of these networks."""
    address = _read(peer) if trusted else None
    return address is not None and any(address in network for network in _networks(trusted))


def public_url(headers: Mapping[str, str], peer: str, server: Server) -> str:
    """Scheme, host and path prefix under which readers reach us, without a slash at the end.

    `headers` are known by their names in lower case; `peer` is the other end of the connection.
    """
    if server.public_url:
        return server.public_url.rstrip("/")
    host, scheme, prefix = headers.get("host", ""), "http", ""
    if is_trusted(peer, tuple(server.trusted_proxies)):
        forwarded, path = _first(headers.get("x-forwarded-host", "")), headers.get("x-forwarded-prefix", "")
        host = forwarded if HOST.fullmatch(forwarded) else host
        prefix = path if PREFIX.fullmatch(path) else ""
        scheme = _first(headers.get("x-forwarded-proto", ""))
    return f"{'https' if scheme == 'https' else 'http'}://{host}{prefix.rstrip('/')}"


def url_of(host: str, port: int) -> str:
    """`http://127.0.0.1:8080`, `http://[::]:8080`."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def local_url(host: str, port: int) -> str:
    """Where a server that listens there is reached from this machine."""
    return url_of({"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host), port)  # noqa: S104 - asked, not bound


def origin_of(headers: Mapping[str, str], peer: str, server: Server) -> str | None:
    """Which of the pages that may open a stream is asking; None when it may not.

    `none` (no browser, or none that tells), `null` (sandboxed iframes) and `own` always may, then those listed,
    and `other` where everybody may: never a name that nobody wrote into the settings.
    """
    origin = headers.get("origin", "none").lower()
    if origin in {"none", "null"}:
        return origin
    if _host(origin) in {headers.get("host", "").lower(), _host(public_url(headers, peer, server))}:
        return "own"
    if origin in {allowed.lower().rstrip("/") for allowed in server.allowed_origins}:
        return origin
    return "other" if "*" in server.allowed_origins else None


@lru_cache(maxsize=8)
def _networks(trusted: tuple[str, ...]) -> list[Network]:
    return [ipaddress.ip_network(network, strict=False) for network in trusted]


def _counted(peer: str) -> str:
    address = _read(peer)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(address), 64), strict=False))
    return str(address or peer[:45])


def _read(peer: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address in a text; one that a socket for both kinds shows as `::ffff:10.0.0.1` is the IPv4 one."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def _without_port(hop: str) -> str:
    """Some proxies write `1.2.3.4:5678` and `[2001:db8::1]:5678`."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _first(values: str) -> str:
    return values.partition(",")[0].strip()


def _host(url: str) -> str:
    """Host and port of an address, in lower case."""
    return url.partition("://")[2].partition("/")[0].lower()
