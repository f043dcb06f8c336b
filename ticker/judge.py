"""Pure: which prices are believed, which are held, and what releases them. The rules are `guard`'s."""

from collections import deque
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from ticker import money
from ticker.guard import Outcome
from ticker.history import minute_of
from ticker.model import MINUTE, Held, Instant
from ticker.quotes import Quote, Quotes
from ticker.sample import unpack

MOST_HOLDS: Final = 200


class Judge:
    """Holds what is not believable, and keeps the record of it."""

    def __init__(self, quotes: Quotes) -> None:
        self.holds: deque[Held] = deque(maxlen=MOST_HOLDS)
        """Newest first."""
        self.changed = False
        """The record differs from what was last written."""
        self._quotes = quotes

    def restore(self, holds: Iterable[Held]) -> None:
        """Take over the last collector's record; what it still held, it holds no more: it is held anew, or is not."""
        own = {(hold.ts, hold.source, hold.symbol) for hold in self.holds}
        others = [h for h in holds if h.released_ts is not None and (h.ts, h.source, h.symbol) not in own]
        newest_first = sorted([*self.holds, *others], key=lambda hold: -hold.ts)[:MOST_HOLDS]
        self.holds = deque(newest_first, MOST_HOLDS)
        self.changed = True

    def believes(self, quote: Quote, price: Decimal, now: Instant) -> bool:
        """Whether a price is believed now; otherwise it is held."""
        guard = quote.guard
        if guard.good is None:
            guard.good = self._level(quote, now)
        if not guard.suspicious(price, now.mono):
            self._release(quote, "rejected", now)
            return True
        guard.keep(price, now)
        outcome = guard.verdict(now, self._moves(quote, now))
        if outcome is None:
            self._hold(quote, price, now)
            return False
        self._release(quote, outcome, now)
        return True

    def review(self, now: Instant) -> list[tuple[Quote, Decimal]]:
        """The held prices that other exchanges have confirmed since, released."""
        released = []
        for quote in self._quotes:
            hold = quote.guard.hold
            if quote.held is None or hold is None or not quote.link.fresh(now):
                continue
            outcome = quote.guard.verdict(now, self._moves(quote, now))
            if outcome is not None:
                self._release(quote, outcome, now)
                released.append((quote, hold.price))
        return released

    def accept(self, symbol: str, currency: str, now: Instant) -> list[tuple[Quote, Decimal]]:
        """The held prices of a symbol that an editor believes, released."""
        released = []
        for quote in self._quotes.of_coin(symbol):
            if quote.market.quote == currency and quote.guard.hold is not None:
                released.append((quote, quote.guard.hold.price))
                self._release(quote, "accepted", now)
        return released

    def _hold(self, quote: Quote, price: Decimal, now: Instant) -> None:
        if quote.held is not None:
            quote.held.price = money.plain(price)
            return
        good = money.plain(quote.guard.good or price)
        market = quote.market
        quote.held = Held(now.wall, market.exchange, market.symbol, money.plain(price), good, quote=market.quote)
        self.holds.appendleft(quote.held)
        self.changed = True

    def _release(self, quote: Quote, outcome: Outcome, now: Instant) -> None:
        if quote.held is not None:
            quote.held.released_ts, quote.held.outcome = now.wall, outcome
            quote.held = None
            quote.guard.hold = None
            self.changed = True

    def _others(self, quote: Quote, now: Instant) -> Iterator[Quote]:
        """The same coin on other exchanges that deliver now, in whatever currency."""
        for other in self._quotes.of_coin(quote.market.symbol):
            if other.market.exchange != quote.market.exchange and other.price is not None and other.current(now):
                yield other

    def _moves(self, quote: Quote, now: Instant) -> list[Decimal | None]:
        """How far each other exchange has moved since this market's last good price, as ratios."""
        return [self._move(other, quote.received, now) for other in self._others(quote, now)]

    def _move(self, other: Quote, since: int, now: Instant) -> Decimal | None:
        guard = other.guard
        if guard.hold is not None and guard.good is not None:
            return guard.hold.price / guard.good
        series, minute = self._quotes.history.series(other.key), minute_of(since)
        sample = series.get(minute - MINUTE) or (series.get(minute) if minute + MINUTE <= now.wall else 0)
        before = guard.before(now.mono - (now.wall - since)) or unpack(sample) or guard.oldest()
        return other.price / before if before and other.price else None

    def _level(self, quote: Quote, now: Instant) -> Decimal | None:
        """A price to measure a market's first one by: its own last sample, else another exchange's in the currency."""
        own = unpack(self._quotes.history.series(quote.key).last())
        others = (o.price for o in self._others(quote, now) if o.market.quote == quote.market.quote)
        return own or next(others, None)
