"""I/O: live rows for your own program, from the public websocket of any server of ours.

async for row in rows("http://127.0.0.1:8080", "krw", ["BTC"]):
    print(row.symbol, row.price, row.change_pct)
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any, Final, Literal, Self, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from ticker.errors import StartError, UsageError
from ticker.reach import is_here, why_not
from ticker.told import Feed, Row

__all__ = ["Feed", "Row", "Rows", "address", "follow", "rows"]

log = logging.getLogger(__name__)

FIRST_S: Final = 10.0
LONGEST_S: Final = 60.0
SNAPSHOT_S: Final = 5.0
SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
BROKEN: Final = {1002, 1007, 1008, 1009}
"""The close codes, and the HTTP statuses, after which nobody should come back."""
FINAL: Final = {*range(200, 500)} - {408, 429}


class Bye(Exception):
    """The server will close and asks us to stay away for this many seconds."""


Arrival: TypeAlias = asyncio.Task[tuple[ClientConnection, dict[str, Any]]]
NONSENSE: Final = (msgspec.MsgspecError, AttributeError, LookupError, TypeError, ValueError)
FAILURES: Final = (Bye, OSError, TimeoutError, WebSocketException, *NONSENSE)
"""What ends one connection, a message that makes no sense included."""


class Rows:
    """Every row of a board, and each again whenever it changes: `async for row in rows(...)`."""

    def __init__(self, changes: AsyncGenerator[tuple[Feed, list[Row]], None]) -> None:
        self._changes = changes
        self._next: list[Row] = []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Row:
        while not self._next:
            self._next = (await anext(self._changes))[1][::-1]
        return self._next.pop()

    async def aclose(self) -> None:
        """Leave the server; at the end of the program this happens by itself."""
        await self._changes.aclose()


def rows(url: str, board: str | None = None, symbols: Sequence[str] | None = None, **how: Any) -> Rows:
    """Rows for ever; `how` as for `follow`. Only a server's final no ends it, with UsageError or StartError."""
    return Rows(follow(url, board, symbols, **how))


async def follow(
    url: str,
    board: str | None = None,
    symbols: Sequence[str] | None = None,
    *,
    lang: str = "ko",
    interval_ms: int | None = None,
    silence_s: float = 30.0,
    jitter: Callable[[], float] = random.random,
) -> AsyncGenerator[tuple[Feed, list[Row]], None]:
    """The whole board and which rows changed, after every change of either and of the connection."""
    dial = partial(_arrive, address(url, board, symbols, lang, interval_ms), silence_s, jitter)
    feed, heard = Feed(), time.monotonic()
    coming: Arrival | None = asyncio.create_task(dial(None))
    try:
        while coming:
            await asyncio.wait({coming}, timeout=max(0.0, heard + silence_s - time.monotonic()))
            if not coming.done():
                yield feed, feed.age()
            socket, message = await coming
            coming = None
            try:
                async with socket:
                    while coming is None or not coming.done():
                        before, changed = feed.board, await _take(feed, message, socket)
                        heard, feed.connected = time.monotonic(), True
                        if changed or feed.board is not before:
                            yield feed, changed
                        message = await _next(socket, silence_s, coming)
                        if message.get("type") == "bye":  # it is heard until another one has told everything
                            coming = coming or asyncio.create_task(dial(_bye(message)))
            except FAILURES as error:
                coming = coming or asyncio.create_task(dial(error))
            feed.whole = False
            if coming and not coming.done():
                feed.connected = False
                yield feed, []
    finally:
        if coming:
            coming.cancel()
            await asyncio.wait({coming})
            if not coming.cancelled() and not coming.exception():
                await coming.result()[0].close()


async def _arrive(
    where: str, silence_s: float, jitter: Callable[[], float], end: Exception | None
) -> tuple[ClientConnection, dict[str, Any]]:
    """A connection and its first snapshot; after the end of another one, as late as is asked and fair."""
    proxy: Literal[True] | None = None if is_here(where) else True
    dialling = partial(connect, where, proxy=proxy, ping_interval=None, close_timeout=1, max_size=1 << 22)
    failures = 0
    while True:
        if end is not None:
            wait = _pause(end, where) + jitter() * min(LONGEST_S, FIRST_S * 2 ** min(failures, 3))
            log.warning("%s: %s; again in %.2f s", where, _sentence(end, where), wait)
            await asyncio.sleep(wait)
            failures += 1
        try:
            async with AsyncExitStack() as stack:
                socket = await stack.enter_async_context(dialling())
                while (message := await _next(socket, silence_s)).get("type") != "snapshot":
                    if message.get("type") == "bye":
                        raise _bye(message)
                stack.pop_all()
                return socket, message
        except FAILURES as error:
            end = error


async def _take(feed: Feed, message: dict[str, Any], socket: ClientConnection) -> list[Row]:
    """The rows that a message changed; when one is missing, those that everything anew changes."""
    changed = feed.take(message)
    if not feed.whole:
        await socket.send('{"op":"snapshot"}')
        async with asyncio.timeout(SNAPSHOT_S):
            while not feed.whole:
                changed = feed.take(await _next(socket, SNAPSHOT_S))
    return changed


async def _next(socket: ClientConnection, silence_s: float, coming: Arrival | None = None) -> dict[str, Any]:
    """The next message; an empty one as soon as the next connection is there, or is refused for good."""
    reading = asyncio.create_task(socket.recv())
    try:
        await asyncio.wait({reading, coming or reading}, timeout=silence_s, return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            return msgspec.json.decode(reading.result(), type=dict[str, Any])
        if coming is None or not coming.done():
            raise TimeoutError(f"silent for {silence_s:g} s")
    finally:
        reading.cancel()
    return {}


def _bye(message: dict[str, Any]) -> Bye:
    return Bye(message.get("retry_ms", 0) / 1000)


def address(url: str, board: str | None, symbols: Sequence[str] | None, lang: str, interval_ms: int | None) -> str:
    """The websocket's address on a server known by its http, https, ws or wss address, path prefix included."""
    try:
        parts = urlsplit(url)
        scheme = SCHEMES[parts.scheme if parts.hostname and parts.port != 0 else ""]
    except (LookupError, ValueError):  # ValueError: half an IPv6 address, a port that is none
        raise UsageError(f"{url!r} is not the address of a server; one looks like http://127.0.0.1:8080") from None
    wish = {"symbols": ",".join(symbols or ()), "lang": lang, "interval_ms": interval_ms}
    path = f"{parts.path.rstrip('/')}/v1/stream" + (f"/{quote(board, safe='')}" if board else "")
    return f"{scheme}://{parts.netloc}{path}?" + urlencode({key: value for key, value in wish.items() if value})


def _pause(error: Exception, where: str) -> float:
    """How many seconds the server asks us to stay away; raises when it wants us never to come back."""
    code = error.rcvd.code if isinstance(error, ConnectionClosed) and error.rcvd else 0
    status = error.response.status_code if isinstance(error, InvalidStatus) else 0
    if code in BROKEN or status in FINAL:
        raise (UsageError if status in {400, 404} else StartError)(f"{where}: {_sentence(error, where)}") from None
    asked = error.response.headers.get("Retry-After", "") if isinstance(error, InvalidStatus) else ""
    seconds = error.args[0] if isinstance(error, Bye) else float(asked) if asked.isdecimal() else 0.0
    return {4029: LONGEST_S}.get(code, min(float(seconds), 3600.0))


def _sentence(error: Exception, where: str) -> str:
    """Why, in a line; a refusal in the server's own words."""
    if isinstance(error, InvalidStatus):
        with suppress(*NONSENSE):
            return str(msgspec.json.decode(error.response.body or b"")["error"]["message"])[:200]
    return "it is closing" if isinstance(error, Bye) else why_not(error, where)[:200]
