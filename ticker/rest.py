"""I/O: polite HTTP requests to an exchange: paced, bounded, and obedient when it says to wait."""

import asyncio
from typing import Final

import aiohttp

from ticker.errors import BadFrame
from ticker.exchanges import Exchange
from ticker.exchanges.exchange import PARSE_ERRORS, Request
from ticker.model import Market

TIMEOUT: Final = aiohttp.ClientTimeout(total=20, sock_connect=10)
LARGEST: Final = 32 * 1024 * 1024
TOO_MANY: Final = {418, 429}
BLOCKED_S: Final = 60.0
OK: Final = 200


class Pace:
    """Spaces requests evenly; a wait the venue asked for holds everybody."""

    def __init__(self, per_s: float) -> None:
        self._gap = 1 / per_s
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for the next turn."""
        now = asyncio.get_running_loop().time()
        at = max(self._next, now)
        self._next = at + self._gap
        await asyncio.sleep(at - now)

    def hold(self, seconds: float) -> None:
        """Nobody's turn comes for this long."""
        self._next = max(self._next, asyncio.get_running_loop().time() + seconds)


async def fetch(
    session: aiohttp.ClientSession, exchange: Exchange, request: Request, pace: Pace, *, proxy: str | None = None
) -> bytes:
    """The body of one answer.

    Raises aiohttp.ClientError, TimeoutError or OSError when there is none, BadFrame when its status is not 200; after
    429 and 418 the pace waits as long as the venue says.
    """
    await pace.turn()
    url = exchange.rest_url + request.path
    async with session.request(request.method, url, timeout=TIMEOUT, proxy=proxy, allow_redirects=False) as answer:
        body = await answer.content.read(LARGEST)
        if answer.status in TOO_MANY:
            pace.hold(wait_of(answer.headers.get("Retry-After")))
        if answer.status != OK:
            raise BadFrame(f"{request.path[:120]}: HTTP {answer.status} {body[:100]!r}")
        return body


def wait_of(header: str | None) -> float:
    """Seconds of a Retry-After header; a minute where the venue names none."""
    return float(header) if header and header.isdigit() else BLOCKED_S


async def list_markets(
    session: aiohttp.ClientSession, exchange: Exchange, pace: Pace, *, proxy: str | None = None
) -> list[Market]:
    """The complete market list; raises what `fetch` raises, and BadFrame when an answer is not a list."""
    found: list[Market] = []
    for request in exchange.markets:
        body = await fetch(session, exchange, request, pace, proxy=proxy)
        try:
            found += exchange.parse_markets(body)
        except PARSE_ERRORS as error:
            raise BadFrame(f"{request.path[:120]}: not a market list: {body[:100]!r}") from error
    return found
