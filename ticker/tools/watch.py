"""I/O: `ticker watch`: a board in the terminal, live, once, or as JSON lines."""

import asyncio
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import aclosing, suppress
from typing import Any, Final

import aiohttp
import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ticker import clock, money
from ticker.client import NONSENSE, Feed, Row, address, follow
from ticker.errors import StartError, UsageError
from ticker.logs import printable
from ticker.reach import is_here, why_not

PATIENCE_S: Final = 10.0
TIMEOUT: Final = aiohttp.ClientTimeout(total=10)
FIRST_PRICE_S: Final = 3.0
PAINT_S: Final = 0.25
FLASH_MS: Final = 800
OK: Final = 200
NOT_READY: Final = 503
UP: Final = {"ko": "red", "en": "green"}
DOWN: Final = {"ko": "blue", "en": "red"}
"""Rise and fall as each country's readers know them."""
NOTHING: Final = "—"
MOST_DIGITS: Final = 30
UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


async def once(url: str, board: str | None, lang: str, *, as_json: bool) -> None:
    """Print the board as it is now."""
    feed = await snapshot(url, board, lang)
    if as_json:
        _lines(feed.rows.values())
    else:
        Console().print(picture(feed, clock.now().wall, lang))


async def lines(url: str, board: str | None, lang: str) -> None:
    """Print every row, and each again whenever it changes, as JSON lines."""
    await snapshot(url, board, lang)
    async with aclosing(follow(url, board, lang=lang)) as changes:
        async for _, changed in changes:
            _lines(changed)


async def live(url: str, board: str | None, lang: str) -> None:
    """Show the board until it is interrupted."""
    screen = Screen(await snapshot(url, board, lang), lang)
    with Live(console=Console(), auto_refresh=False) as shown:
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(screen.follow(url, board))
            while not following.done():
                now = clock.now().wall
                shown.update(picture(screen.feed, now, lang, screen.flashing(now)), refresh=True)
                await asyncio.sleep(PAINT_S)


class Screen:
    """What is on the terminal: the board, and which prices moved a moment ago."""

    def __init__(self, feed: Feed, lang: str) -> None:
        self.feed = feed
        self._lang = lang
        self._moved: dict[str, tuple[str | None, int]] = {}
        """Symbol -> its price, and when it changed last (never: 0)."""

    async def follow(self, url: str, board: str | None) -> None:
        """Take every change."""
        async with aclosing(follow(url, board, lang=self._lang)) as changes:
            async for self.feed, changed in changes:
                self.moved(changed, clock.now().wall)

    def moved(self, changed: Iterable[Row], now: int) -> None:
        """Note which of these rows have another price than before."""
        for row in changed:
            before = self._moved.get(row.symbol)
            if before is None or before[0] != row.price:
                self._moved[row.symbol] = row.price, now if before else 0

    def flashing(self, now: int) -> set[str]:
        """The symbols whose price moved a moment ago."""
        return {symbol for symbol, (_, at) in self._moved.items() if now - at < FLASH_MS}


async def snapshot(url: str, board: str | None, lang: str) -> Feed:
    """The board by HTTP; a server that has just started is given a moment. UsageError, StartError."""
    page = address(url, board, None, lang, None).replace("ws", "http", 1).replace("/v1/stream", "/v1/snapshot", 1)
    started = time.monotonic()
    try:
        async with aiohttp.ClientSession(timeout=TIMEOUT, trust_env=not is_here(page)) as session:
            while True:
                async with session.get(page) as answer:
                    status, body = answer.status, await answer.read()
                waited = time.monotonic() - started
                if status != NOT_READY or waited > PATIENCE_S:
                    feed = _read(page, status, body)
                    if waited > FIRST_PRICE_S or any(row.price for row in feed.rows.values()):
                        return feed
                await asyncio.sleep(PAINT_S)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        reason = why_not(error, page)
        raise StartError(f"no server: {reason}; start `ticker run` or `ticker demo`, or name its URL") from None


def _read(page: str, status: int, body: bytes) -> Feed:
    feed = Feed()
    try:
        message: dict[str, Any] = msgspec.json.decode(body)
        if status == OK:
            feed.take(message | {"type": "snapshot"})
            feed.connected = True
            return feed
        refusal = "{}: {}".format(*map(message["error"].get, ("code", "message")))
    except NONSENSE:
        raise StartError(f"{page}: HTTP {status}, which is not a server of ours") from None
    raise (UsageError if status in {400, 404} else StartError)(printable(f"{page}: {refusal}"))


def picture(feed: Feed, now: int, lang: str, flashing: Iterable[str] = ()) -> Group:
    """The board as it looks on a terminal."""
    board, table = feed.board, Table(box=SIMPLE_HEAD, header_style="dim", title_justify="left")
    state = "" if feed.connected else "   (no connection, trying again)"
    table.title = Text(printable(f"{board.get('title', '')} · {board.get('board', '')}{state}"), style="bold")
    for name, side in _columns(board.get("quote")):
        table.add_column(name, justify=side, no_wrap=True)  # type: ignore[arg-type]
    sources: dict[str, str] = board["sources"] if isinstance(board.get("sources"), dict) else {}
    for row in feed.rows.values():
        table.add_row(*_cells(row, board, sources, now, lang, flash=row.symbol in set(flashing)))
    notes = [board.get("notice"), "frozen by an editor" if board.get("frozen") else None]
    notes = board["notices"] if isinstance(board.get("notices"), list) else notes
    return Group(table, *(Text(printable(str(note)), style="yellow") for note in notes if note))


def _columns(quote: Any) -> Sequence[tuple[str, str]]:
    names = ("", "left"), ("name", "left"), (f"price ({printable(str(quote))})", "right"), ("24 h", "right")
    return (*names, ("age", "right"), ("source", "left"), ("state", "left"))


def _cells(
    row: Row, board: dict[str, Any], sources: dict[str, str], now: int, lang: str, *, flash: bool
) -> tuple[Text, ...]:
    tone = "" if row.change_pct in {None, "0"} else (DOWN if str(row.change_pct).startswith("-") else UP)[lang]
    dim = "" if row.state == "live" else "dim"
    price, percent = _figures(row, board.get("percent_digits", 2))
    cells = (
        (row.symbol, dim),
        (row.name, dim),
        (price, f"{tone} reverse" if flash else dim),
        (percent, f"{dim} {tone}"),
        (NOTHING if row.ts is None else age(now - row.ts), dim),
        (sources.get(row.source or "", row.source or NOTHING), dim),
        (row.reason or row.state, "" if row.state == "live" else "yellow"),
    )
    return tuple(Text(printable(str(text)), style=style.strip()) for text, style in cells)


def _figures(row: Row, digits: Any) -> tuple[str, str]:
    """Price and percent for people; what a strange server says instead of numbers is shown as it is."""
    price, percent = row.price, row.change_pct
    with suppress(ArithmeticError, TypeError, ValueError):
        if price is not None and money.number(price) is not None:
            price = money.grouped(price, min(row.decimals, MOST_DIGITS))
        if percent is not None and money.number(percent) is not None:
            percent = money.signed(percent, digits)
    return price or NOTHING, percent or NOTHING


def age(ms: int) -> str:
    """How long ago, in its largest unit: "3s", "12m", "5h"."""
    seconds = max(0, ms) // 1000
    return next((f"{seconds // size}{unit}" for size, unit in UNITS if seconds >= size), "0s")


def _lines(rows: Iterable[Row]) -> None:
    for row in rows:
        sys.stdout.buffer.write(msgspec.json.encode(row) + b"\n")
    sys.stdout.buffer.flush()
