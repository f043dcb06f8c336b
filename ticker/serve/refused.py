"""I/O: connections that get nothing but the reason why."""

import asyncio
import contextlib
import time
from http import HTTPStatus
from typing import Final

from ticker.serve import wire
from ticker.serve.answers import refusal_headers
from ticker.serve.handshake import accept
from ticker.serve.head import Head
from ticker.serve.query import Refusal
from ticker.serve.snapshots import date_of
from ticker.serve.websocket import FULL

NO_ROOM: Final = Refusal("busy", "no room for another connection")
LATE_S: Final = 1.0
"""Patience with those who are only to be told that they cannot stay."""


def turn_away(transport: asyncio.Transport, request: Head | None, refusal: Refusal) -> None:
    """Say why, and close.

    Where there is no room that is a websocket that ends with 1013: of a refused handshake a page learns nothing.
    """
    data = _as_http(refusal)
    if refusal.code == "busy" and request is not None:
        with contextlib.suppress(Refusal):
            data = accept(request)[0] + FULL
    transport.write(data)
    transport.close()
    asyncio.get_running_loop().call_later(LATE_S, transport.abort)  # who reads nothing keeps a closed one open


def _as_http(refusal: Refusal) -> bytes:
    """An HTTP answer that closes the connection."""
    body = wire.failure(refusal.code, refusal.message)
    headers = {"Date": date_of(int(time.time())).decode()} | refusal_headers(refusal)
    headers |= {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}\r\n{lines}\r\n".encode() + body
