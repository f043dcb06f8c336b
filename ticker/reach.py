"""Why nothing came of a connection, in a plain sentence: every library and system has words of its own for it."""

import os
import re
import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxyStatus, InvalidStatus

from ticker.exchanges.exchange import PARSE_ERRORS
from ticker.logs import printable

UNREADABLE: Final = (*PARSE_ERRORS, aiohttp.ClientError, InvalidHandshake)
REFUSED: Final = (InvalidStatus, InvalidProxyStatus)
"""Their words tell the HTTP status and nothing else."""
LOST: Final = "the connection was lost"
NUMBER: Final = re.compile(r"\[Errno (\d+)\]")

LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}


def is_here(url: str) -> bool:
    """Whether an address is on this machine: a proxy of the environment is not asked for it."""
    return urlsplit(url).hostname in LOOPBACK


def why_not(error: BaseException, url: str, proxy: str | None = None) -> str:
    """`api.example.com:443 cannot be reached (connection refused)`; what is no failure to connect keeps its words."""
    if isinstance(error, ConnectionClosed):
        close = error.rcvd
        return f"it closed the connection ({close.code} {printable(close.reason)}".rstrip() + ")" if close else LOST
    if isinstance(error, OSError):
        way = f" through {host_of(proxy)}" if proxy else ""
        return f"{host_of(url)} cannot be reached{way} ({_cause(error)})"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy refuses with HTTP {error.status}"
    if isinstance(error, UNREADABLE) and not isinstance(error, REFUSED):  # their words may hold what was answered
        return f"its answer cannot be read ({type(error).__name__})"
    return printable(str(error)) or type(error).__name__


def _cause(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted here: {inner.verify_message}"
    if isinstance(inner, socket.gaierror):
        return "its name cannot be looked up"
    found = NUMBER.search(str(inner))  # of several addresses that were tried the first one
    number = inner.errno or (int(found[1]) if found else 0)
    if number and not isinstance(inner, ssl.SSLError):
        return os.strerror(number).lower()
    return printable(str(inner)) if inner.args and inner.errno else LOST


def host_of(url: str) -> str:
    """`host:port` of an address."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    return f"{host}:{parts.port or (443 if parts.scheme in {'https', 'wss'} else 80)}"
