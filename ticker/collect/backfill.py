"""I/O: yesterday's prices by HTTP: at start, after every gap, and never more than the venue allows.

First the candle at now - 24 h of every market, so that percents appear within seconds; then, oldest first, whatever
minute nobody watched. What Redis or our own watching already knows is not asked for again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Final, TypeAlias, TypeVar

from ticker import money
from ticker.collect.rest import NO_ANSWER
from ticker.complaints import Complaints
from ticker.exchanges import Exchange
from ticker.exchanges.exchange import PARSE_ERRORS, Candles, Request
from ticker.history import minute_of, ref_minute
from ticker.market import Prices
from ticker.model import MINUTE, Instant
from ticker.quotes import Quote
from ticker.reach import why_not
from ticker.sample import unpack

log = logging.getLogger(__name__)

SETTLE: Final = 10_000
"""A minute's candle is asked for this long after its end, when late trades are in it."""
LOOK_BACK: Final = 60
"""Minutes to look back for the price of a silent one, at first."""
PAUSE_S: Final = 5.0
LOOK_S: Final = 1.0
ROLLING_S: Final = 60.0

Get: TypeAlias = Callable[[Request], Awaitable[bytes]]
"""Fetches within the venue's limits; raises one of NO_ANSWER."""
Progress: TypeAlias = Callable[[str, int, int], None]
"""(exchange, minutes filled so far, minutes that were missing at the start)."""
Answer = TypeVar("Answer")


class Backfill:
    """Fills the history of one exchange's markets for as long as it runs."""

    def __init__(
        self,
        exchange: Exchange,
        prices: Prices,
        get: Get,
        clock: Callable[[], Instant],
        progress: Progress,
        proxy: str | None = None,
    ) -> None:
        """`proxy` is the way that `get` takes: a failure names it."""
        self.exchange = exchange
        self.prices = prices
        self._get = get
        self._clock = clock
        self._progress = progress
        self._proxy = proxy
        self._complaints = Complaints(log, f"{exchange.name}: history")
        self._filled = 0
        self._total = 0
        self._known: dict[str, int] = {}
        """Market -> the minute before which there is nothing left to ask for."""
        self._oldest = 0
        """The minute that counted when this was last looked at."""

    async def run(self) -> None:
        """Fill what is missing, look again every second, forever."""
        while self.exchange.candles is not None:
            if not await self.round(self.exchange.candles):
                await asyncio.sleep(LOOK_S)

    async def round(self, candles: Candles) -> bool:
        """One page for every market that lacks something; whether any did."""
        pages = [page for quote in self._quotes() if (page := self._page(candles, quote)) is not None]
        for quote, first, end in pages:
            await self._fill(candles, quote, first, end)
        return bool(pages)

    async def rolling(self) -> None:
        """Ask for the venue's own 24-hour figure as long as a market has no reference of ours."""
        figure = self.exchange.rolling
        while figure is not None:
            now = self._clock().wall
            references = [self.prices.reference(quote, now) for quote in self._quotes()]
            if any(reference is None or reference.basis == "exchange" for reference in references):
                told = await self._ask(figure.request, figure.parse) or {}
                prices = {symbol: before for symbol, before in told.items() if money.is_price(before)}
                for symbol, before in prices.items():
                    self.prices.rolling[self.exchange.name, symbol, figure.quote] = (before, now)
                self.prices.touch()
            await asyncio.sleep(ROLLING_S)

    def _page(self, candles: Candles, quote: Quote) -> tuple[Quote, int, int] | None:
        """The next page of a market to ask for: (quote, its first unknown minute, its end)."""
        now = self._clock().wall
        oldest, last = ref_minute(now), minute_of(now - SETTLE) - MINUTE
        key = quote.key
        series = self.prices.history.series(key)
        if oldest < self._oldest:
            self._known.clear()  # the clock was set back
        self._oldest = oldest
        known = self._known.get(key, 0)
        first = self._known[key] = max(oldest, min(known, self.prices.history.gaps.pop(key, known)))
        if first == oldest and not series.get(oldest):
            return quote, oldest, oldest + MINUTE
        while first <= last and series.get(first):
            first += MINUTE
        self._known[key] = first
        return (quote, first, min(first + candles.most * MINUTE, last + MINUTE)) if first <= last else None

    async def _fill(self, candles: Candles, quote: Quote, first: int, end: int) -> None:
        if not self._total:
            self._total = self._missing()
        key = quote.key
        usable = await self._candles(candles, quote, first, end)
        if usable is None:
            return
        end = min(end, minute_of(self._clock().wall))  # the clock may have been set back meanwhile
        usable = [candle for candle in usable if candle[0] < end]
        self._filled += self.prices.history.fill(key, usable, end)
        if not self.prices.history.series(key).get(first):
            self._known[key] = min((minute for minute, _ in usable), default=end)  # it did not exist before
        self._progress(self.exchange.name, self._filled, self._total)
        self.prices.touch()

    async def _candles(self, candles: Candles, quote: Quote, first: int, end: int) -> list[tuple[int, Decimal]] | None:
        """The candles before `end` that tell the price at `first` too, which a silent minute has from an earlier one.

        Some venues leave silent minutes out of the span that is asked for: then it begins further back.
        """
        count = (end - first) // MINUTE
        known = unpack(self.prices.history.series(quote.key).get(first - MINUTE))
        counts = (count,) if known else (max(count, min(LOOK_BACK, candles.most)), candles.most)
        for count in counts:
            found = await self._ask(candles.request(quote.market, end, count), candles.parse)
            if found is None:
                return None
            usable = [candle for candle in found if candle[0] < end]
            if any(minute <= first for minute, _ in usable):
                return usable
        return usable if known is None else [(first - MINUTE, known), *usable]

    def _missing(self) -> int:
        now = self._clock().wall
        first, last = ref_minute(now), minute_of(now - SETTLE) - MINUTE
        return sum(len(self.prices.history.series(quote.key).missing(first, last)) for quote in self._quotes())

    async def _ask(self, request: Request, parse: Callable[[bytes], Answer]) -> Answer | None:
        """The parsed answer; None after a failure, which is logged, and a pause."""
        try:
            answer = parse(await self._get(request))
        except (*NO_ANSWER, *PARSE_ERRORS) as error:
            self._complaints.failed(why_not(error, self.exchange.rest_url, self._proxy), type(error).__name__)
            await asyncio.sleep(PAUSE_S)
            return None
        self._complaints.well()
        return answer

    def _quotes(self) -> Iterable[Quote]:
        return [q for q in self.prices.quotes if q.market.exchange == self.exchange.name and q.market.code]
