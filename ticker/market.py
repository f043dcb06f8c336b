"""Pure: the latest price of every market, the source of every symbol, and the rows readers see.

A link is one connection's life as seen from here: prices are fresh while their link delivers. An `epoch` counts the
gaps of a link: within one epoch nothing was missed, so a silent market keeps its price and its minutes stay known.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from ticker import money
from ticker.exchanges import Exchange
from ticker.guard import Guard, Outcome
from ticker.history import History, minute_of, pack, ref_minute, unpack
from ticker.model import DAY, MINUTE, Basis, Board, Held, Instant, Market, Row, State, Tick

SKEW: Final = 5_000
"""A trade that lies further in the future than this carries the time of its arrival instead."""
NOBODY: Final = -2
"""The epoch of a link while it is cut; no quote has it."""
RETURN_AFTER: Final = 60_000
"""A better source must have been good for this long before a row returns to it."""
MOST_HOLDS: Final = 200

Taken: TypeAlias = Literal["accepted", "held", "older", "unknown"]
"""What became of a tick."""


class Link:
    """One connection of an exchange: when it last delivered, and since when it has delivered without a pause."""

    __slots__ = ("epoch", "good_since", "last_data", "last_wall", "silence")

    def __init__(self, silence: int) -> None:
        self.epoch = 0
        self.silence = silence
        self.last_data: int | None = None
        self.last_wall = 0
        self.good_since: int | None = None

    def delivered(self, now: Instant) -> None:
        """Application data arrived."""
        if self.last_data is None:
            self.good_since = now.mono - RETURN_AFTER  # nothing was ever wrong with it: no waiting
        elif not self.fresh(now):
            self.good_since = now.mono
        self.last_data, self.last_wall = now.mono, now.wall

    def fresh(self, now: Instant) -> bool:
        """It delivered within the silence that is normal for it."""
        return self.last_data is not None and now.mono - self.last_data <= self.silence

    def settled(self, now: Instant) -> bool:
        """It has been good for long enough to return to."""
        return self.good_since is not None and now.mono - self.good_since >= RETURN_AFTER


class Quote:
    """The latest price of one market."""

    __slots__ = ("epoch", "guard", "held", "link", "market", "price", "received", "ref", "text", "ts")

    def __init__(self, market: Market, link: Link) -> None:
        self.market = market
        self.link = link
        self.guard = Guard()
        self.held: Held | None = None
        self.price: Decimal | None = None
        self.text: str | None = None
        self.ts = 0
        self.received = 0
        self.epoch = -1
        self.ref: tuple[int, Decimal | None] = (0, None)

    def usable(self, now: Instant) -> bool:
        """Whether a row may show it as a current price."""
        ready = self.price is not None and self.held is None and not self.market.suspended
        return ready and self.link.fresh(now)


class Reference(NamedTuple):
    """What the 24-hour change is measured from."""

    price: Decimal
    ts: int
    basis: Basis


class Prices:
    """The whole state of one collector between its feeds and Redis."""

    def __init__(self, boards: Mapping[str, Board], exchanges: Mapping[str, Exchange], stale_after_s: float) -> None:
        self.boards = boards
        self.exchanges = exchanges
        self.stale_after_s = stale_after_s
        self.history = History()
        self.links: dict[tuple[str, int], Link] = {}
        self.quotes: dict[tuple[str, str, str], Quote] = {}
        self.rows = {name: {symbol: Row(symbol=symbol) for symbol in board.symbols} for name, board in boards.items()}
        self.rolling: dict[tuple[str, str, str], tuple[Decimal, int]] = {}
        self.holds: deque[Held] = deque(maxlen=MOST_HOLDS)
        """Newest first."""
        self.holds_changed = False
        self._coins: dict[str, list[Quote]] = {}
        self._chosen: dict[tuple[str, str], Quote] = {}
        self._watchers: dict[tuple[str, str], list[Board]] = {}
        for board in boards.values():
            for symbol in board.symbols:
                self._watchers.setdefault((symbol, board.quote), []).append(board)
        self._dirty: set[tuple[str, str]] = set()
        self._minute = 0
        self.touch()

    # -- what happens -------------------------------------------------------------------------------------------------

    def watch(self, markets: Iterable[Market], shard: int = 0) -> None:
        """These markets are served by connection `shard` of their exchange from now on."""
        for market in markets:
            key = (market.exchange, market.symbol, market.quote)
            self.history.open(market.key)
            quote = self.quotes.get(key)
            if quote is None:
                self.quotes[key] = quote = Quote(market, self.link(market.exchange, shard))
                self._coins.setdefault(market.symbol, []).append(quote)
            else:
                quote.market, quote.link = market, self.link(market.exchange, shard)
            self._mark(market.symbol, market.quote)

    def link(self, exchange: str, shard: int) -> Link:
        """The link of one connection, made when it is new."""
        found = self.links.get((exchange, shard))
        if found is None:
            silence = max(self.stale_after_s, self.exchanges[exchange].silence_s)
            found = self.links[exchange, shard] = Link(round(silence * 1000))
        return found

    def tick(self, exchange: str, epoch: int, tick: Tick, now: Instant) -> Taken:
        """Take a price of a market that a board shows, unless it is older than what is known, or not believable."""
        quote = self.quotes.get((exchange, tick.symbol, tick.quote))
        if quote is None:
            return "unknown"
        if now.wall >= self._minute + MINUTE:
            self.roll(now)
        quote.link.epoch = epoch
        quote.link.delivered(now)
        ts = tick.ts if tick.ts is not None and tick.ts <= now.wall + SKEW else now.wall
        if epoch != quote.epoch and ts < quote.ts:
            quote.epoch = epoch  # the older trade is dropped, but from here on this connection's order rules
            return "older"
        if tick.price != quote.price or quote.held is not None:
            outcome = self._judge(quote, tick.price, now)
            if outcome is None:
                return "held"
        self._accept(quote, tick.price, ts, now)
        quote.epoch = epoch
        return "accepted"

    def _judge(self, quote: Quote, price: Decimal, now: Instant) -> Outcome | None:
        """Whether a price is believed, and why; None holds it."""
        guard = quote.guard
        if guard.good is None:
            guard.good = self._level(quote, now)
        if not guard.suspicious(price, now.mono):
            self._release(quote, "rejected", now)
            return "confirmed"
        guard.keep(price, now)
        outcome = guard.verdict(now, self._moves(quote, now))
        if outcome is None:
            self._hold(quote, price, now)
        else:
            self._release(quote, outcome, now)
        return outcome

    def _accept(self, quote: Quote, price: Decimal, ts: int, now: Instant) -> None:
        if price != quote.price:
            quote.guard.accept(price, now.mono)
            quote.price, quote.text = price, money.plain(price)
        quote.ts, quote.received = ts, now.wall
        minute = minute_of(ts if now.wall - ts < MINUTE else now.wall)
        self.history.put(quote.market.key, minute, pack(price))
        self._mark(quote.market.symbol, quote.market.quote)

    def _hold(self, quote: Quote, price: Decimal, now: Instant) -> None:
        if quote.held is None:
            good = money.plain(quote.guard.good or price)
            quote.held = Held(now.wall, quote.market.exchange, quote.market.symbol, money.plain(price), good)
            self.holds.appendleft(quote.held)
            self.holds_changed = True
            self._mark(quote.market.symbol, quote.market.quote)
        else:
            quote.held.price = money.plain(price)

    def _release(self, quote: Quote, outcome: Outcome, now: Instant) -> None:
        if quote.held is not None:
            quote.held.released_ts, quote.held.outcome = now.wall, outcome
            quote.held = None
            quote.guard.hold = None
            self.holds_changed = True
            self._mark(quote.market.symbol, quote.market.quote)

    def review(self, now: Instant) -> None:
        """A held price may be confirmed by what other exchanges brought since."""
        for quote in self.quotes.values():
            hold = quote.guard.hold
            if quote.held is None or hold is None or not quote.link.fresh(now):
                continue
            outcome = quote.guard.verdict(now, self._moves(quote, now))
            if outcome is not None:
                self._release(quote, outcome, now)
                self._accept(quote, hold.price, now.wall, now)

    def release(self, symbol: str, quote: str, now: Instant) -> int:
        """An editor believes the held prices of a symbol; how many there were."""
        waiting = [q for q in self._coins.get(symbol, ()) if q.market.quote == quote and q.guard.hold is not None]
        for one in waiting:
            price = one.guard.hold.price if one.guard.hold else one.price
            self._release(one, "accepted", now)
            if price is not None:
                self._accept(one, price, now.wall, now)
        return len(waiting)

    def _others(self, quote: Quote, now: Instant) -> Iterator[Quote]:
        """The same coin on other exchanges that deliver now, in whatever currency."""
        for other in self._coins[quote.market.symbol]:
            if other.market.exchange != quote.market.exchange and other.price is not None and other.link.fresh(now):
                yield other

    def _moves(self, quote: Quote, now: Instant) -> list[Decimal | None]:
        """How far each other exchange has moved since this market's last good price, as ratios."""
        return [self._move(other, quote.received, now) for other in self._others(quote, now)]

    def _move(self, other: Quote, since: int, now: Instant) -> Decimal | None:
        guard = other.guard
        if guard.hold is not None and guard.good is not None:
            return guard.hold.price / guard.good
        sample = self.history.series[other.market.key].get(minute_of(since) - MINUTE)
        before = guard.before(now.mono - (now.wall - since)) or unpack(sample) or guard.oldest()
        return other.price / before if before and other.price else None

    def _level(self, quote: Quote, now: Instant) -> Decimal | None:
        """A price to measure a market's first one by: its own last sample, else another exchange's in the currency."""
        own = unpack(self.history.series[quote.market.key].last())
        others = (o.price for o in self._others(quote, now) if o.market.quote == quote.market.quote)
        return own or next(others, None)

    def cut(self, exchange: str, shard: int, now: Instant) -> None:
        """A connection is lost: since it last delivered nobody watched its markets, and their minutes are unknown."""
        link = self.link(exchange, shard)
        link.epoch = NOBODY
        for quote in self.quotes.values():
            if quote.link is link:
                for minute in range(minute_of(link.last_wall or now.wall), now.wall, MINUTE):
                    self.history.put(quote.market.key, minute, 0)

    def suspension(self, exchange: str, symbol: str, quote: str, *, suspended: bool) -> None:
        """The exchange stopped or resumed trading of a market."""
        found = self.quotes.get((exchange, symbol, quote))
        if found is not None and found.market.suspended != suspended:
            found.market = msgspec.structs.replace(found.market, suspended=suspended)
            self._mark(symbol, quote)

    def roll(self, now: Instant) -> None:
        """A minute may have ended: silent markets keep their price into it, and every reference moves on."""
        minute = minute_of(now.wall)
        if minute <= self._minute and now.wall > self._minute - DAY:
            return
        ended, self._minute = minute - MINUTE, minute
        for quote in self.quotes.values():
            key = quote.market.key
            if quote.price is None or quote.epoch != quote.link.epoch or not quote.link.fresh(now):
                self.history.put(key, ended, 0)  # nobody watched to its end: candles may fill it
            elif not self.history.series[key].get(ended):
                self.history.put(key, ended, pack(quote.price))
        self.touch()

    def touch(self) -> None:
        """Every row is to be looked at again: time passed, or Redis lost them."""
        self._dirty.update((board.name, symbol) for board in self.boards.values() for symbol in board.symbols)

    def restore(self, board: str, rows: Mapping[str, Row], now: Instant) -> None:
        """Take over the rows that Redis kept: their prices are as old as they say."""
        for symbol, row in rows.items():
            if symbol not in self.rows.get(board, {}) or row.price is None:
                continue
            if row.source is None or row.source not in self.exchanges:
                continue
            self.rows[board][symbol] = row
            market = Market(row.source, symbol, self.boards[board].quote, "")
            key = (market.exchange, symbol, market.quote)
            if key in self.quotes:
                continue
            self.watch([market])
            quote = self.quotes[key]
            quote.price, quote.text = Decimal(row.price), row.price
            quote.guard.good = quote.price
            quote.ts, quote.received = row.ts or 0, row.received_ts or 0
            age = max(0, now.wall - quote.received)
            quote.link.last_data = max(quote.link.last_data or 0, now.mono - age)
            quote.link.good_since = now.mono - RETURN_AFTER

    # -- what readers see ---------------------------------------------------------------------------------------------

    def changes(self, now: Instant) -> dict[str, list[Row]]:
        """The rows that differ from the last ones taken, by board in board order; `received_ts` alone is no change."""
        dirty, self._dirty = self._dirty, set()
        changed: dict[str, list[Row]] = {}
        for name, symbol in dirty:
            row, before = self._row(self.boards[name], symbol, now), self.rows[name][symbol]
            if row != before and row != msgspec.structs.replace(before, received_ts=row.received_ts):
                self.rows[name][symbol] = row
                changed.setdefault(name, []).append(row)
        return changed

    def pending(self) -> bool:
        """Whether there is anything to look at or write."""
        return bool(self._dirty or self.history.pending)

    def reference(self, quote: Quote, now: int) -> Reference | None:
        """The price 24 hours ago on the same market: ours, else the venue's own rolling figure, else none."""
        minute = ref_minute(now)
        if quote.ref[0] != minute or quote.ref[1] is None:
            quote.ref = (minute, unpack(self.history.series[quote.market.key].get(minute)))
        if quote.ref[1] is not None:
            return Reference(quote.ref[1], minute + MINUTE, "history")
        market = quote.market
        rolling = self.rolling.get((market.exchange, market.symbol, market.quote))
        return Reference(rolling[0], rolling[1] - DAY, "exchange") if rolling else None

    def _row(self, board: Board, symbol: str, now: Instant) -> Row:
        quote = self._choose(board, symbol, now)
        if quote is None or quote.price is None:
            return Row(symbol=symbol)
        ref = self.reference(quote, now.wall)
        state, reason = self._state(quote, now)
        return Row(
            symbol=symbol,
            price=quote.text,
            decimals=self._decimals(quote),
            change_pct=money.plain(money.percent(quote.price, ref.price)) if ref else None,
            ref=money.plain(ref.price) if ref else None,
            ref_ts=ref.ts if ref else None,
            basis=ref.basis if ref else None,
            source=quote.market.exchange,
            ts=quote.ts,
            received_ts=quote.received,
            state=state,
            reason=reason,
        )

    def _choose(self, board: Board, symbol: str, now: Instant) -> Quote | None:
        """The first source that is usable; a better one than the current must be settled; with none the row stays."""
        current = self._chosen.get((board.name, symbol))
        keeps = current is not None and current.usable(now)
        priced: Quote | None = None
        for source in board.sources:
            quote = self.quotes.get((source, symbol, board.quote))
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
        if quote.market.suspended:
            return "closed", "suspended"
        if quote.held is not None and quote.link.fresh(now):
            return "held", None
        return ("live" if quote.link.fresh(now) else "stale"), None

    def _decimals(self, quote: Quote) -> int:
        """Fraction digits of the price step at this price, and never fewer than the price itself has."""
        own = len((quote.text or "").partition(".")[2])
        step = quote.market.tick_size or self._step(quote)
        return max(own, money.decimals(Decimal(step))) if step else own

    def _step(self, quote: Quote) -> str | None:
        table = self.exchanges[quote.market.exchange].tick_table
        return next((step for least, step in table if quote.price is not None and quote.price >= Decimal(least)), None)

    def _mark(self, symbol: str, quote: str) -> None:
        for board in self._watchers.get((symbol, quote), ()):
            self._dirty.add((board.name, symbol))
