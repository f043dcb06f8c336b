"""A reader that believes nothing: it follows a board by websocket and notes whatever a reader must never see."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.stage import close_before
from ticker import money
from ticker.client import Feed, Row
from ticker.model import MINUTE
from ticker.sim.world import Coin

BELIEVABLE = Decimal("1.3")
"""No simulated price strays this far from where it began."""
AGAIN_S = 0.1


class Watcher:
    """One reader of one board, who comes back whenever it is sent away."""

    def __init__(self, url: str, board: str, coins: Mapping[str, Mapping[str, Coin]]) -> None:
        self.feed = Feed()
        self.faults: list[str] = []
        """What must not be, in words."""
        self.states: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
        """By symbol: when it came into which state."""
        self.gap = 0.0
        """The longest time without a message, in seconds."""
        self.ends: list[str] = []
        """How its connections ended."""
        self.aside: set[str] = set()
        """Kinds of problem a test makes on purpose."""
        self._url = f"{url.replace('http', 'ws')}/v1/stream/{board}"
        self._coins = coins
        self._newest: dict[tuple[str, str], int] = {}
        self._heard = time.monotonic()

    @property
    def rows(self) -> dict[str, Row]:
        """The board as this reader has it."""
        return self.feed.rows

    async def run(self) -> None:
        """Read for ever."""
        while True:
            try:
                async with connect(self._url, proxy=None, ping_interval=None, close_timeout=0.2) as socket:
                    async for message in socket:
                        self._hear(orjson.loads(message))
                    self.ends.append(str(socket.close_code))
            except (OSError, TimeoutError, WebSocketException) as error:
                code = getattr(getattr(error, "rcvd", None), "code", None)
                self.ends.append(str(code or type(error).__name__))
            self.feed.whole = False
            await asyncio.sleep(AGAIN_S)

    def current(self, within_s: float = 4.0) -> bool:
        """Connected, every row with a price and live, the newest trade only seconds old."""
        newest = max((row.ts or 0 for row in self.rows.values()), default=0)
        states = {row.state for row in self.rows.values()}
        priced = all(row.price is not None for row in self.rows.values())
        return self.feed.whole and priced and states == {"live"} and newest > (time.time() - within_s) * 1000

    def start_over(self) -> None:
        """Measure gaps from here on."""
        self.gap, self._heard = 0.0, time.monotonic()

    def state_since(self, symbol: str, state: str, after: float) -> float | None:
        """How many seconds after a moment a row came into a state (0: it was in it already); None: it did not."""
        was = [entry for entry in self.states[symbol] if entry[0] <= after]
        if was and was[-1][1] == state:
            return 0.0
        return next((at - after for at, found in self.states[symbol] if at > after and found == state), None)

    def _hear(self, message: dict[str, Any]) -> None:
        now = time.monotonic()
        self.gap, self._heard = max(self.gap, now - self._heard), now
        for row in self.feed.take(message):
            self._look(row, now)
        if not self.feed.whole and message["type"] in {"update", "heartbeat"}:
            self.faults.append(f"seq {message['seq']} is not the next one")
            self.feed.whole = True

    def _look(self, row: Row, now: float) -> None:
        if not self.states[row.symbol] or self.states[row.symbol][-1][1] != row.state:
            self.states[row.symbol].append((now, row.state))
        if row.price is None or row.source is None:
            return
        coin = self._coins[row.source][row.symbol]
        for name, problem in self._problems(row, coin):
            if name not in self.aside:
                self.faults.append(f"{row.source}:{row.symbol}: {problem}: {row}")

    def _problems(self, row: Row, coin: Coin) -> list[tuple[str, str]]:
        price, found = Decimal(row.price or 0), []
        if not coin.price / BELIEVABLE < price < coin.price * BELIEVABLE:
            found.append(("price", f"a price nobody paid beside {coin.price}"))
        key = (row.source or "", row.symbol)
        if (row.ts or 0) < self._newest.get(key, 0):
            found.append(("ts", f"older than {self._newest[key]}"))
        self._newest[key] = max(row.ts or 0, self._newest.get(key, 0))
        if row.ref is not None and row.change_pct != money.plain(money.percent(price, Decimal(row.ref))):
            found.append(("percent", "a percent that does not follow from price and ref"))
        with contextlib.suppress(ValueError):  # a reference older than the simulated past
            if row.basis == "history" and Decimal(row.ref or 0) != (
                ref := close_before(coin, (row.ref_ts or 0) - MINUTE)
            ):
                found.append(("ref", f"the price then was {ref}"))
        return found
