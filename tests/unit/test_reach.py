"""Why a connection failed, in our words and not in those of libraries."""

import asyncio
import errno
import socket
import ssl

import aiohttp
import pytest
import yarl
from multidict import CIMultiDict, CIMultiDictProxy
from websockets.datastructures import Headers
from websockets.exceptions import (
    ConnectionClosedError,
    InvalidHeaderValue,
    InvalidProxyStatus,
    InvalidStatus,
    InvalidUpgrade,
)
from websockets.frames import Close
from websockets.http11 import Response

from ticker.collect.connection import dial
from ticker.errors import BadFrame
from ticker.reach import host_of, why_not

URL = "wss://api.example.com/websocket"
ABOUT = aiohttp.RequestInfo(yarl.URL(URL), "GET", CIMultiDictProxy(CIMultiDict()), yarl.URL(URL))
ANSWER = Response(403, "hunter2", Headers(Server="hunter2"), b"hunter2")
UNTRUSTED = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
UNTRUSTED.verify_message = "self-signed certificate"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('10.0.0.1', 443)"), "connection refused"),
        (OSError(f"Multiple exceptions: [Errno {errno.ENETUNREACH}] Connect call"), "network is unreachable"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "its name cannot be looked up"),
        (TimeoutError("timed out during opening handshake"), "no answer in time"),
        (TimeoutError(), "no answer in time"),
        (UNTRUSTED, "its certificate is not trusted here: self-signed certificate"),
        (aiohttp.ClientConnectionResetError("Cannot write to closing transport"), "the connection was lost"),
    ],
)
def test_what_cannot_be_reached_says_where_and_why(error: OSError, sentence: str) -> None:
    """Seen failing with the library's own words."""
    assert why_not(error, URL) == f"api.example.com:443 cannot be reached ({sentence})"
    assert why_not(error, URL, "http://10.0.0.2:3128") == (
        f"api.example.com:443 cannot be reached through 10.0.0.2:3128 ({sentence})"
    )


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ConnectionClosedError(Close(1001, "bye\n"), None), "it closed the connection (1001 bye)"),
        (ConnectionClosedError(Close(1006, ""), None), "it closed the connection (1006)"),
        (ConnectionClosedError(None, None), "the connection was lost"),
        (BadFrame("/v1/market/all: HTTP 503"), "/v1/market/all: HTTP 503"),
        (aiohttp.ClientPayloadError("400, message: b'hunter2'"), "its answer cannot be read (ClientPayloadError)"),
        (aiohttp.ClientHttpProxyError(ABOUT, (), status=407, message="no"), "the proxy refuses with HTTP 407"),
        (ValueError("not a price: 'hunter2'"), "its answer cannot be read (ValueError)"),
        (InvalidStatus(ANSWER), "server rejected WebSocket connection: HTTP 403"),
        (InvalidProxyStatus(ANSWER), "proxy rejected connection: HTTP 403"),
        (InvalidUpgrade("Upgrade", "hunter2"), "its answer cannot be read (InvalidUpgrade)"),
        (
            InvalidHeaderValue("Sec-WebSocket-Accept", "hunter2"),
            "its answer cannot be read (InvalidHeaderValue)",
        ),
    ],
)
def test_what_was_reached_keeps_its_words_but_what_it_answered(error: Exception, sentence: str) -> None:
    """Seen failing with the headers of a handshake in the words of `websockets`."""
    assert why_not(error, URL) == sentence


@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss"])
async def test_what_libraries_raise_is_understood(scheme: str) -> None:
    """Fails when a library changes what it raises."""
    url = f"{scheme}://127.0.0.1:1/x"
    async with aiohttp.ClientSession() as session:
        reached = await asyncio.gather(
            dial(url, None) if scheme.startswith("ws") else session.get(url), return_exceptions=True
        )
    assert isinstance(reached[0], OSError)
    assert why_not(reached[0], url) == "127.0.0.1:1 cannot be reached (connection refused)"


def test_an_address_has_the_port_that_is_dialled() -> None:
    assert [host_of(url) for url in ("https://a/x", "ws://a", "wss://[::1]/x", "http://a:8/")] == [
        *("a:443", "a:80", "[::1]:443", "a:8")
    ]
