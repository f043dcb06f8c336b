"""I/O: polite HTTP requests to an exchange: paced, bounded, and obedient when it says to wait."""

import asyncio
import logging
import re
from typing import Final

import aiohttp

from ticker.complaints import Complaints
from ticker.errors import BadFrame
from ticker.exchanges import Exchange
from ticker.exchanges.exchange import PARSE_ERRORS, Request
from ticker.model import Market
from ticker.reach import why_not

TIMEOUT: Final = aiohttp.ClientTimeout(total=20, sock_connect=10)
LARGEST: Final = 32 * 1024 * 1024
CHUNK: Final = 64 * 1024
TOO_MANY: Final = {418, 429}
BLOCKED_S: Final = 60.0
LONGEST_HOLD_S: Final = 3600.0
SECONDS: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
OK: Final = 200
RETRY_S: Final = 5.0
NO_ANSWER: Final = (aiohttp.ClientError, OSError, BadFrame)
"""What is raised where an exchange gives no answer that can be read; a TimeoutError is an OSError."""

log = logging.getLogger(__name__)


class Pace:
    """Spaces turns evenly; a wait the venue asked for holds everybody, those included who already wait."""

    def __init__(self, per_s: float) -> None:
        self._gap = 1 / per_s
        self._next = 0.0
        self._held = 0.0

    async def turn(self) -> None:
        """Wait for the next turn."""
        clock, at = asyncio.get_running_loop().time, -1.0
        while at < self._held or at < 0:
            at = max(self._next, self._held, clock())
            self._next = at + self._gap
            await asyncio.sleep(at - clock())

    def hold(self, seconds: float) -> None:
        """Nobody's turn comes for this long."""
        self._held = max(self._held, asyncio.get_running_loop().time() + seconds)


async def fetch(
    session: aiohttp.ClientSession, exchange: Exchange, request: Request, pace: Pace, *, proxy: str | None = None
) -> bytes:
    """The whole body of one answer.

    Raises one of NO_ANSWER, BadFrame when its status is not 200 or it is larger than any exchange's; after 429, 418 and
    every Retry-After the pace waits as long as the venue says.
    """
    await pace.turn()
    url = exchange.rest_url + request.path
    async with session.request(request.method, url, timeout=TIMEOUT, proxy=proxy, allow_redirects=False) as answer:
        body = await _whole(answer, request)
        wait = answer.headers.get("Retry-After")
        if answer.status in TOO_MANY or (wait is not None and answer.status != OK):
            pace.hold(wait_of(wait))
        if answer.status != OK:
            raise BadFrame(f"{request.path[:120]}: HTTP {answer.status}")
        return body


async def _whole(answer: aiohttp.ClientResponse, request: Request) -> bytes:
    """Every chunk of a body: one read of a stream gives only what has arrived."""
    body = bytearray()
    async for chunk in answer.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > LARGEST:
            raise BadFrame(f"{request.path[:120]}: an answer of more than {LARGEST} bytes")
    return bytes(body)


def wait_of(header: str | None) -> float:
    """Seconds of a Retry-After header, an hour at most; a minute where the venue names no number."""
    return min(float(header), LONGEST_HOLD_S) if header and SECONDS.fullmatch(header) else BLOCKED_S


async def listed(
    session: aiohttp.ClientSession, exchange: Exchange, pace: Pace, *, proxy: str | None = None
) -> list[Market]:
    """The complete market list, asked for until it is there."""
    complaints = Complaints(log, f"{exchange.name}: market list")
    while True:
        try:
            found = await list_markets(session, exchange, pace, proxy=proxy)
        except NO_ANSWER as error:
            complaints.failed(why_not(error, exchange.rest_url, proxy), type(error).__name__)
            await asyncio.sleep(RETRY_S)
        else:
            complaints.well()
            return found


async def list_markets(
    session: aiohttp.ClientSession, exchange: Exchange, pace: Pace, *, proxy: str | None = None
) -> list[Market]:
    """The complete market list; raises what `fetch` raises, and BadFrame when an answer is not a list, or names nobody.

    An empty list would mean that everything was delisted: no exchange has ever said so in earnest.
    """
    found: list[Market] = []
    for request in exchange.markets:
        body = await fetch(session, exchange, request, pace, proxy=proxy)
        try:
            found += exchange.parse_markets(body)
        except PARSE_ERRORS as error:
            raise BadFrame(
                f"{request.path[:120]}: not a market list: {type(error).__name__} in {len(body)} bytes"
            ) from error
    if not found:
        raise BadFrame(f"{exchange.markets[0].path[:120]}: an empty market list")
    return found
