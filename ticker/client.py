"""I/O: live rows for your own program, from the public websocket of any server of ours.

async for row in rows("http://127.0.0.1:8080", "krw", ["BTC"]):
    print(row.symbol, row.price, row.change_pct)
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, Self
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from msgspec import UNSET, Struct, UnsetType
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from ticker.errors import StartError, UsageError

log = logging.getLogger(__name__)

FIRST_S: Final = 10.0
LONGEST_S: Final = 60.0
BROKEN: Final = {1002, 1007, 1008, 1009}
"""The close codes, and the HTTP statuses, after which nobody should come back."""
FINAL: Final = {*range(200, 500)} - {408, 429}


class Row(Struct, frozen=True):
    """What a reader sees of one symbol. Prices and percents are decimal text, times are ms since the epoch."""

    symbol: str
    name: str = ""
    price: str | None = None
    decimals: int = 0
    change_pct: str | None = None
    ref: str | None = None
    ref_ts: int | None = None
    basis: str | None = None
    source: str | None = None
    ts: int | None = None
    received_ts: int | None = None
    state: str = "pending"
    reason: str | None = None
    premium_pct: str | UnsetType | None = UNSET


class Bye(Exception):
    """The server will close and asks us to stay away for this many seconds."""


NONSENSE: Final = (msgspec.MsgspecError, AttributeError, LookupError, TypeError, ValueError)
FAILURES: Final = (Bye, OSError, TimeoutError, WebSocketException, *NONSENSE)
"""What ends one connection, a message that makes no sense included."""


class Feed:
    """One board as its messages have told it: its latest snapshot, and by symbol the rows as they are now."""

    def __init__(self) -> None:
        self.board: dict[str, Any] = {}
        self.rows: dict[str, Row] = {}
        self.connected = False
        self.whole = False  # until a snapshot comes, and again when a message is missing: nothing else counts then
        self._seq = 0

    def take(self, message: dict[str, Any]) -> list[Row]:
        """The rows that one message changed."""
        if message.get("type") == "snapshot":
            before, self.rows = self.rows, {}
            self.board, self._seq, self.whole = message, int(message["seq"]), True
            return [row for row in self._put(message["rows"]) if row != before.get(row.symbol)]
        if message.get("type") in {"update", "heartbeat"} and self.whole:
            self._seq += 1
            self.whole = message["seq"] == self._seq
        return self._put(message.get("rows", ())) if self.whole else []

    def age(self) -> list[Row]:
        """Nothing was heard for long, so no price is live any more; the rows that this changes."""
        old = [msgspec.structs.replace(row, state="stale") for row in self.rows.values() if row.state == "live"]
        self.rows.update({row.symbol: row for row in old})
        return old

    def _put(self, changes: Iterable[dict[str, Any]]) -> list[Row]:
        """Merge what is told of each row: an absent field is unchanged, null is now unknown."""
        changed = []
        for change in changes:
            known = msgspec.to_builtins(self.rows.get(change["symbol"]) or {})
            changed.append(msgspec.convert(known | change, Row))
            self.rows[changed[-1].symbol] = changed[-1]
        return changed


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
    where = address(url, board, symbols, lang, interval_ms)
    proxy: Literal[True] | None = None if urlsplit(where).hostname in {"127.0.0.1", "::1", "localhost"} else True
    feed, failures, heard = Feed(), 0, time.monotonic()
    while True:
        try:
            async with connect(where, proxy=proxy, ping_interval=None, close_timeout=1, max_size=1 << 22) as socket:
                while True:
                    message = await _next(socket, silence_s)
                    changed = feed.take(message)
                    if not feed.whole:
                        await socket.send('{"op":"snapshot"}')
                        async with asyncio.timeout(5):
                            while not feed.whole:
                                changed = feed.take(message := await _next(socket, silence_s))
                    heard, feed.connected = time.monotonic(), True
                    if message.get("type") == "snapshot":
                        failures = 0
                    elif not changed:
                        continue
                    yield feed, changed
        except FAILURES as error:
            wait = _pause(error, where) + jitter() * min(LONGEST_S, FIRST_S * 2 ** min(failures, 3))
            log.warning("%s: %s; again in %.2f s", where, _sentence(error), wait)
        failures, until = failures + 1, time.monotonic() + wait
        feed.connected = feed.whole = False
        yield feed, []
        await asyncio.sleep(min(wait, max(0.0, heard + silence_s - time.monotonic())))
        if time.monotonic() >= heard + silence_s and (old := feed.age()):
            yield feed, old
        await asyncio.sleep(max(0.0, until - time.monotonic()))


async def _next(socket: ClientConnection, silence_s: float) -> dict[str, Any]:
    async with asyncio.timeout(silence_s):
        message = msgspec.json.decode(await socket.recv(), type=dict[str, Any])
    if message.get("type") == "bye":
        raise Bye(message.get("retry_ms", 0) / 1000)
    return message


def address(url: str, board: str | None, symbols: Sequence[str] | None, lang: str, interval_ms: int | None) -> str:
    """The websocket's address on a server known by its http, https, ws or wss address, path prefix included."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in {"ws", "wss"} or not parts.hostname:
        raise UsageError(f"{url!r} is not the address of a server; one looks like http://127.0.0.1:8080")
    wish = {"symbols": ",".join(symbols or ()), "lang": lang, "interval_ms": interval_ms}
    path = f"{parts.path.rstrip('/')}/v1/stream" + (f"/{quote(board, safe='')}" if board else "")
    return f"{scheme}://{parts.netloc}{path}?" + urlencode({key: value for key, value in wish.items() if value})


def _pause(error: Exception, where: str) -> float:
    """How many seconds the server asks us to stay away; raises when it wants us never to come back."""
    code = error.rcvd.code if isinstance(error, ConnectionClosed) and error.rcvd else 0
    status = error.response.status_code if isinstance(error, InvalidStatus) else 0
    if code in BROKEN or status in FINAL:
        raise (UsageError if status in {400, 404} else StartError)(f"{where}: {_sentence(error)}") from None
    asked = error.response.headers.get("Retry-After", "") if isinstance(error, InvalidStatus) else ""
    seconds = error.args[0] if isinstance(error, Bye) else float(asked) if asked.isdecimal() else 0.0
    return {4029: LONGEST_S}.get(code, min(float(seconds), 3600.0))


def _sentence(error: Exception) -> str:
    """Why, in a line; a refusal in the server's own words."""
    if isinstance(error, InvalidStatus):
        with suppress(*NONSENSE):
            return str(msgspec.json.decode(error.response.body or b"")["error"]["message"])[:200]
    return f"{type(error).__name__}: {error}"[:200]
