"""I/O: is an exchange within reach? Its REST, its websocket, its clock; each failure with what to do about it."""

import asyncio
import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import aiohttp
from msgspec import Struct
from websockets.exceptions import WebSocketException

from ticker import clock
from ticker.collect import feed, rest
from ticker.collect.connection import dial
from ticker.exchanges import Exchange
from ticker.listing import choose, wanted_of
from ticker.logs import printable
from ticker.model import Board, Instant, Market, Suspension, Tick
from ticker.reach import host_of, why_not

Level: TypeAlias = Literal["ok", "note", "fail"]
REST_S: Final = 12.0
DATA_S: Final = 15.0
LISTEN_S: Final = 1.0
"""After the first price: the youngest of the prices of this time tells the clock."""
MOST_MARKETS: Final = 20
BEHIND_MS: Final = -2_000
AHEAD_MS: Final = 5_000
REFUSED: Final = re.compile(r"HTTP (401|403|404|451)\b")
BUSY: Final = re.compile(r"HTTP (418|429)\b")


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    level: Level
    what: str
    text: str
    remedy: str = ""


class Ear:
    """A sink that only listens."""

    def __init__(self) -> None:
        self.offsets: list[int] = []
        """Our clock less the time of each price, ms: its age plus what the clocks differ."""
        self.connected = False
        self.heard = asyncio.Event()
        self.failed = asyncio.Event()
        self.reason = ""

    def opened(self, _exchange: str, _shard: int, _epoch: int) -> None:
        """A connection is open."""
        self.connected = True

    def closed(self, _exchange: str, _shard: int, _instant: Instant, reason: str) -> None:
        """It could not be opened, or it ended."""
        self.reason = reason
        self.failed.set()

    def event(self, _exchange: str, _epoch: int, event: Tick | Suspension, instant: Instant) -> None:
        """A price."""
        if isinstance(event, Tick):
            self.heard.set()
            if event.ts is not None:
                self.offsets.append(instant.wall - event.ts)

    def received(self, exchange: str) -> None:
        """Nothing to do."""

    def dropped(self, _exchange: str, reason: str) -> None:
        """A frame that cannot be read, or a refusal."""
        self.reason = f"a frame was {reason}"


async def probe(exchange: Exchange, boards: Mapping[str, Board], proxy: str | None) -> tuple[list[Finding], int | None]:
    """What was found out about an exchange, and by how many ms our clock differs at most (None: not known)."""
    name = f"{exchange.name} REST"
    try:
        async with asyncio.timeout(REST_S), aiohttp.ClientSession(trust_env=False) as session:
            listed = await rest.list_markets(session, exchange, rest.Pace(1.0), proxy=proxy)
    except rest.NO_ANSWER as error:
        reason = why_not(error, exchange.rest_url, proxy)
        lost = Finding("fail", name, reason, remedy(exchange, exchange.rest_url, reason))
        return [lost, *await _dials(exchange, proxy)], None
    markets, absent = choose(wanted_of(boards, exchange.name), listed)
    answers = Finding("ok", name, f"answers: {len(listed)} markets, {len(markets)} of them wanted")
    if absent:
        missing = f"it does not list {', '.join(absent)}"
        answers = Finding("note", name, missing, "other sources show these; without one they stay pending")
    if not markets:
        return [answers], None
    return await _listen(exchange, markets[:MOST_MARKETS], answers, proxy)


async def _dials(exchange: Exchange, proxy: str | None) -> list[Finding]:
    """Without a market list there is nothing to subscribe to, but the socket may open; some need REST even for that."""
    if exchange.token is not None:
        return []
    name = f"{exchange.name} websocket"
    try:
        async with dial(exchange.ws_url, proxy):
            return [Finding("ok", name, "opens")]
    except (OSError, TimeoutError, WebSocketException) as error:
        reason = why_not(error, exchange.ws_url, proxy)
        return [Finding("fail", name, reason, remedy(exchange, exchange.ws_url, reason))]


async def _listen(
    exchange: Exchange, markets: list[Market], answers: Finding, proxy: str | None
) -> tuple[list[Finding], int | None]:
    name, ear = f"{exchange.name} websocket", Ear()
    async with asyncio.TaskGroup() as tasks:
        feeding = tasks.create_task(feed.run(exchange, markets, ear, clock.now, proxy=proxy))
        waiting = [tasks.create_task(event.wait()) for event in (ear.heard, ear.failed)]
        await asyncio.wait(waiting, timeout=DATA_S, return_when=asyncio.FIRST_COMPLETED)
        if ear.heard.is_set():
            await asyncio.sleep(LISTEN_S)
        for task in (feeding, *waiting):
            task.cancel()
    if ear.heard.is_set():
        offset = min(ear.offsets, default=None)
        times = "" if offset is None else f", the youngest {offset} ms old by this clock"
        return [answers, Finding("ok", name, f"brings prices{times}")], offset
    if ear.failed.is_set() or not ear.connected:
        reason = printable(ear.reason) or "no answer in time"
        return [answers, Finding("fail", name, reason, remedy(exchange, exchange.ws_url, reason))], None
    quiet = f"open, and no price of {len(markets)} markets in {DATA_S:g} s" + (f" ({ear.reason})" if ear.reason else "")
    return [answers, Finding("note", name, quiet, "normal where nobody trades; else ask again in a minute")], None


def remedy(exchange: Exchange, url: str, reason: str) -> str:
    """What to do about an exchange that cannot be reached."""
    off = f"or set exchanges.{exchange.name}.enabled = false"
    if REFUSED.search(reason):
        return f"it refuses this machine's address or country: run elsewhere, {off}"
    if BUSY.search(reason):
        return "too many requests came from this address: wait some minutes, and run one collector only"
    if "certificate" in reason.lower():
        return f"check this machine's clock and its CA certificates (Debian: ca-certificates), {off}"
    return f"allow this machine to reach {host_of(url)}, set network.proxy, {off}"


def clocks(offsets: Mapping[str, int]) -> Finding:
    """Whether this machine's clock is right, by the ages of the youngest prices."""
    told = ", ".join(f"{name} {offset:+d} ms" for name, offset in offsets.items())
    future = [name for name, offset in offsets.items() if offset < BEHIND_MS]
    set_it = "let the system set it: `timedatectl set-ntp true`, or chrony"
    if not offsets:
        return Finding("note", "clock", "unknown: no price came", "")
    if len(future) == len(offsets):
        return Finding("fail", "clock", f"this machine's clock is behind: {told}", set_it)
    if all(offset > AHEAD_MS for offset in offsets.values()):
        level: Level = "fail" if len(offsets) > 1 else "note"
        return Finding(level, "clock", f"this machine's clock is ahead, or nobody trades: {told}", set_it)
    if future:
        return Finding("note", "clock", f"{', '.join(future)} sends times from the future: {told}", "")
    return Finding("ok", "clock", f"ages of the youngest prices: {told}")
