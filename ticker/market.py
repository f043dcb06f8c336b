"""Pure: from ticks to the rows readers see: the source of every symbol, its change, its state."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from ticker import money
from ticker.exchanges import Exchange
from ticker.history import minute_of, ref_minute
from ticker.judge import Judge
from ticker.model import DAY, MINUTE, MOST_DECIMALS, Basis, Board, Instant, Market, Row, State, Suspension, Tick
from ticker.premium import Premium
from ticker.quotes import Quote, Quotes
from ticker.rows import same
from ticker.sample import unpack

SKEW: Final = 5_000
"""A trade that lies further in the future than this carries the time of its arrival instead."""
ROLLING_AGE: Final = 10 * MINUTE
"""A venue's rolling figure that could not be asked for again within this time is of no 24 hours any more."""

Taken: TypeAlias = Literal["accepted", "held", "older", "unknown"]
"""What became of a tick."""


class Reference(NamedTuple):
    """What the 24-hour change is measured from."""

    price: Decimal
    ts: int
    basis: Basis


class Prices:
    """The whole state of one collector between its feeds and Redis."""

    def __init__(
        self,
        boards: Mapping[str, Board],
        exchanges: Mapping[str, Exchange],
        stale_after_s: float,
        last: Quotes | None = None,
    ) -> None:
        self.boards = boards
        self.exchanges = exchanges
        self.quotes = Quotes(exchanges, stale_after_s, last)
        self.history = self.quotes.history
        self.judge = Judge(self.quotes)
        self.rows = {name: {symbol: Row(symbol=symbol) for symbol in board.symbols} for name, board in boards.items()}
        self.rolling: dict[tuple[str, str, str], tuple[Decimal, int]] = {}
        """(exchange, its symbol, quote) -> the venue's own price 24 hours ago, and when it was asked for."""
        self.premiums = {name: Premium(board, self.quotes) for name, board in boards.items() if board.premium}
        self._digits = {
            name: [(Decimal(least), money.decimals(Decimal(step))) for least, step in exchange.tick_table]
            for name, exchange in exchanges.items()
        }
        """Fraction digits of the price step from a price on, highest first, by exchange."""
        self._chosen: dict[tuple[str, str], Quote] = {}
        self._watchers: dict[tuple[str, str], list[Board]] = {}
        for board in boards.values():
            for symbol in board.symbols:
                self._watchers.setdefault((symbol, board.quote), []).append(board)
        self._dirty: set[tuple[str, str]] = set()
        """(symbol, quote) whose rows are to be looked at again."""
        self.touch()

    # -- what happens -------------------------------------------------------------------------------------------------

    def watch(self, markets: Iterable[Market], shard: int = 0) -> None:
        """These markets are served by connection `shard` of their exchange from now on."""
        for market in markets:
            self._dirty.add(self.quotes.watch(market, shard).pair)

    def tick(self, exchange: str, epoch: int, tick: Tick, now: Instant) -> Taken:
        """Take a price of a market that a board shows, unless it is older than what is known, or not believable."""
        quote = self.quotes.heard(exchange, tick.symbol, tick.quote)
        if quote is None:
            return "unknown"
        if not self.quotes.minute <= now.wall < self.quotes.minute + MINUTE:
            self.roll(now)
        quote.link.epoch = epoch
        quote.link.delivered(now)
        quote.heard_at = now.mono
        if tick.ts is not None:
            quote.link.dated(tick.ts, now)
        ts = tick.ts if tick.ts is not None and tick.ts <= now.wall + SKEW else now.wall
        if epoch != quote.epoch:
            quote.floor = quote.ts
        if ts < quote.floor <= now.wall + SKEW:  # a floor of the future is our own clock's, which was set back since
            quote.epoch = epoch
            return "older"
        if (tick.price != quote.price or quote.held is not None) and not self.judge.believes(quote, tick.price, now):
            self._dirty.add(quote.pair)
            return "held"
        quote.epoch = epoch
        self._accept(quote, tick.price, ts, now)
        return "accepted"

    def _accept(self, quote: Quote, price: Decimal, ts: int, now: Instant) -> None:
        if price != quote.price:
            quote.guard.accept(price, now.mono)
            quote.price = price
        quote.ts, quote.received = ts, now.wall
        minute = minute_of(ts if now.wall - ts < MINUTE else now.wall)
        self.history.put(quote.key, minute, price)
        self._dirty.add(quote.pair)

    def suspension(self, exchange: str, said: Suspension) -> None:
        """The exchange stopped or resumed trading of a market."""
        found = self.quotes.heard(exchange, said.symbol, said.quote)
        if found is not None and found.said != said:
            found.said = said
            self._dirty.add(found.pair)

    def review(self, now: Instant) -> None:
        """A held price may be confirmed by what other exchanges brought since."""
        for quote, price in self.judge.review(now):
            self._accept(quote, price, now.wall, now)

    def release(self, symbol: str, currency: str, now: Instant) -> int:
        """An editor believes the held prices of a symbol; how many there were."""
        released = self.judge.accept(symbol, currency, now)
        for quote, price in released:
            self._accept(quote, price, now.wall, now)
        return len(released)

    def roll(self, now: Instant) -> None:
        """A minute may have ended; then every reference moves on."""
        if self.quotes.roll(now):
            self.touch()

    def touch(self) -> None:
        """Every row is to be looked at again: time passed, or Redis lost them."""
        self._dirty.update(self._watchers)

    def restore(self, board: str, rows: Mapping[str, Row], now: Instant) -> None:
        """Take over the rows that Redis kept, unless newer prices are known here: they are as old as they say."""
        for symbol in self.rows[board]:
            row = self.rows[board][symbol] = rows.get(symbol) or Row(symbol=symbol)
            if row.price is None or row.source is None:
                continue
            quote = self._chosen[board, symbol] = self._restored(self.boards[board], row.source, row)
            if quote.ts >= (row.ts or 0):
                continue  # what is known here is newer
            quote.price = quote.guard.good = Decimal(row.price)
            quote.ts, quote.received = row.ts or 0, row.received_ts or 0
            self._dirty.add(quote.pair)
            age = now.wall - quote.received
            if age >= -SKEW:  # else a clock that was set back since told it: nobody knows how old it is
                quote.heard_at = now.mono - max(0, age)
                quote.link.restored(quote.heard_at, now)

    def _restored(self, board: Board, source: str, row: Row) -> Quote:
        """The quote a row was made of; what is no source of the board any more is watched by nobody, and grows old."""
        stopped, gone = row.reason == "suspended", row.reason == "delisted"
        step = format(Decimal(1).scaleb(-row.decimals), "f")
        market = Market(source, row.symbol, board.quote, "", step, stopped, gone)
        if source in board.sources and source in self.exchanges:
            return self.quotes.get(source, row.symbol, board.quote) or self.quotes.watch(market)
        return self.quotes.unwatched(market)

    # -- what readers see ---------------------------------------------------------------------------------------------

    def changes(self, now: Instant) -> dict[str, list[Row]]:
        """The rows that differ from the last ones taken, by board; `received_ts` alone is no change."""
        dirty, self._dirty = self._dirty, set()
        changed: dict[str, list[Row]] = {}
        for pair in dirty:
            for board in self._watchers.get(pair, ()):
                row, before = self._row(board, pair[0], now), self.rows[board.name][pair[0]]
                if not same(row, before):
                    self.rows[board.name][pair[0]] = row
                    changed.setdefault(board.name, []).append(row)
        return changed

    def reference(self, quote: Quote, now: int) -> Reference | None:
        """The price 24 hours ago on the same market: ours, else the venue's own rolling figure, else none."""
        minute = ref_minute(now)
        if quote.ref[0] != minute or quote.ref[1] is None:
            quote.ref = (minute, unpack(self.history.series(quote.key).get(minute)))
        if quote.ref[1] is not None:
            return Reference(quote.ref[1], minute + MINUTE, "history")
        market = quote.market
        rolling = self.rolling.get((market.exchange, market.listed or market.symbol, market.quote))
        if rolling is None or abs(now - rolling[1]) > ROLLING_AGE:
            return None
        return Reference(rolling[0], rolling[1] - DAY, "exchange")

    def _row(self, board: Board, symbol: str, now: Instant) -> Row:
        quote = self._choose(board, symbol, now)
        premium = self.premiums.get(board.name)
        if quote is None or quote.price is None:
            return Row(symbol=symbol, premium_pct=None if premium else msgspec.UNSET)
        ref = self.reference(quote, now.wall)
        state, reason = self._state(quote, now)
        text = money.plain(quote.price)
        return Row(
            symbol=symbol,
            price=text,
            decimals=min(MOST_DECIMALS, max(len(text.partition(".")[2]), self._decimals(quote, quote.price))),
            change_pct=money.plain(money.percent(quote.price, ref.price)) if ref else None,
            ref=money.plain(ref.price) if ref else None,
            ref_ts=ref.ts if ref else None,
            basis=ref.basis if ref else None,
            source=quote.market.exchange,
            ts=quote.ts,
            received_ts=quote.received,
            state=state,
            reason=reason,
            premium_pct=premium.percent(quote, now) if premium else msgspec.UNSET,
        )

    def _choose(self, board: Board, symbol: str, now: Instant) -> Quote | None:
        """The first source that is usable; a better one than the current must be settled; with none the row stays."""
        current = self._chosen.get((board.name, symbol))
        keeps = current is not None and current.usable(now)
        priced: Quote | None = None
        for source in board.sources:
            quote = self.quotes.get(source, symbol, board.quote)
            if quote is None or quote.price is None:
                continue
            priced = priced or quote
            if quote.usable(now) and (not keeps or quote is current or quote.link.settled(now)):
                self._chosen[board.name, symbol] = quote
                return quote
        chosen = current or priced
        if chosen is not None:
            self._chosen[board.name, symbol] = chosen
        return chosen

    def _state(self, quote: Quote, now: Instant) -> tuple[State, str | None]:
        if quote.delisted(now):
            return "closed", "delisted"
        if quote.suspended:
            return "closed", "suspended"
        if not quote.current(now):
            return "stale", None
        return ("live" if quote.held is None else "held"), None

    def _decimals(self, quote: Quote, price: Decimal) -> int:
        """Fraction digits of the price step at this price, 0 where no step is known."""
        market = quote.market
        if market.tick_size:
            return money.decimals(Decimal(market.tick_size))
        table = self._digits[market.exchange] if market.quote == self.exchanges[market.exchange].quotes[0] else ()
        return next((digits for least, digits in table if price >= least), 0)
