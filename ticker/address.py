"""Pure: who asks, and under which address we are known, behind proxies that are trusted and none that are not."""

import ipaddress
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeAlias

from ticker.settings import Server

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class Request(Protocol):
    """What is read of a request, whichever library read it."""

    @property
    def headers(self) -> Any:
        """Its headers."""

    @property
    def remote(self) -> str | None:
        """The address of the other end."""


def client_of(peer: str, forwarded: str, trusted: Sequence[str]) -> str:
    """The reader's address: from the right of `X-Forwarded-For`, past the proxies that are trusted.

    IPv6 readers count by their /64, for each has one.
    """
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    while hops and is_trusted(peer, tuple(trusted)):
        peer = hops.pop()
    return _counted(peer)


def is_trusted(peer: str, trusted: tuple[str, ...]) -> bool:
    """Whether an address lies in one of these networks."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in _networks(trusted))


def public_url(request: Request, server: Server) -> str:
    """Scheme, host and path prefix under which readers reach us, without a slash at the end."""
    if server.public_url:
        return server.public_url.rstrip("/")
    headers: Mapping[str, str] = request.headers
    host, scheme, prefix = headers.get("Host", ""), "http", ""
    if is_trusted(request.remote or "", tuple(server.trusted_proxies)):
        host = headers.get("X-Forwarded-Host", host)
        scheme = headers.get("X-Forwarded-Proto", scheme)
        prefix = headers.get("X-Forwarded-Prefix", "")
    return f"{'https' if scheme == 'https' else 'http'}://{host}{prefix.rstrip('/')}"


@lru_cache(maxsize=8)
def _networks(trusted: tuple[str, ...]) -> list[Network]:
    return [ipaddress.ip_network(network, strict=False) for network in trusted]


def _counted(peer: str) -> str:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer[:45]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
