"""Pure: the latest price of every market, and the connections that bring it."""

import math
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from ticker.exchanges import Exchange
from ticker.guard import Guard
from ticker.history import History, minute_of
from ticker.link import NOBODY, Link
from ticker.model import DAY, MINUTE, Held, Instant, Market, Suspension


class Quote:
    """The latest price of one market."""

    __slots__ = (
        "absent_since",
        "epoch",
        "floor",
        "guard",
        "heard_at",
        "held",
        "key",
        "link",
        "market",
        "pair",
        "price",
        "received",
        "ref",
        "said",
        "ts",
    )

    def __init__(self, market: Market, link: Link) -> None:
        self.market = market
        self.key = market.key
        self.pair = market.symbol, market.quote
        self.link = link
        self.guard = Guard()
        self.held: Held | None = None
        self.said: Suspension | None = None
        """What the stream last said about its trading."""
        self.absent_since: int | None = None
        """Since when the complete market lists lack it, ms of the steady clock."""
        self.price: Decimal | None = None
        self.ts = 0
        self.received = 0
        self.heard_at: int | None = None
        """When its connection last told of it, believed or not, ms of the steady clock."""
        self.epoch = -1
        self.floor = 0
        """The time of the newest trade of earlier connections."""
        self.ref: tuple[int, Decimal | None] = (0, None)

    @property
    def suspended(self) -> bool:
        """Trading has stopped, as the market list or the stream says."""
        return self.market.suspended or self.market.delisted or (self.said is not None and self.said.suspended)

    def delisted(self, now: Instant) -> bool:
        """Its exchange says so, or the complete market lists have lacked it for a day."""
        if self.market.delisted or (self.said is not None and self.said.delisted):
            return True
        return self.absent_since is not None and now.mono - self.absent_since >= DAY

    def current(self, now: Instant) -> bool:
        """Its market is traded, and its link delivers and has told of it since it was last silent for too long."""
        if self.suspended or self.absent_since is not None or not self.link.fresh(now):
            return False
        since = self.link.good_since
        return self.heard_at is not None and since is not None and self.heard_at >= since

    def usable(self, now: Instant) -> bool:
        """Whether a row may show it as a current price."""
        return self.price is not None and self.held is None and self.current(now)


class Quotes:
    """Every market that is watched."""

    def __init__(self, exchanges: Mapping[str, Exchange], stale_after_s: float, last: "Quotes | None" = None) -> None:
        """`last` were those of other boards: their samples stay, and what they knew of our clock."""
        self.exchanges = exchanges
        self.history: History = last.history if last else History()
        self.links: dict[tuple[str, int], Link] = {}
        self._patience = round(stale_after_s * 1000)
        self._quotes: dict[tuple[str, str, str], Quote] = {}
        self._heard: dict[tuple[str, str, str], Quote] = {}
        """By the symbol the exchange uses, which a rename makes differ from ours."""
        self._coins: dict[str, list[Quote]] = {}
        self.minute: int = last.minute if last else 0
        """The one that now is in, when it was last looked."""
        self.rolled: Instant | None = last.rolled if last else None
        """When it was last looked whether a minute has ended."""
        self.since: int = last.since if last else 0
        """The minute from which on our clock has not been set."""

    def __iter__(self) -> Iterator[Quote]:
        return iter(self._quotes.values())

    def get(self, exchange: str, symbol: str, quote: str) -> Quote | None:
        """The quote of a market by our symbol."""
        return self._quotes.get((exchange, symbol, quote))

    def heard(self, exchange: str, symbol: str, quote: str) -> Quote | None:
        """The quote of a market by the exchange's symbol."""
        return self._heard.get((exchange, symbol, quote))

    def of_coin(self, symbol: str) -> list[Quote]:
        """Every market of a coin, in whatever currency."""
        return self._coins.get(symbol, [])

    def watch(self, market: Market, shard: int = 0) -> Quote:
        """A market is served by connection `shard` of its exchange from now on."""
        self.history.open(market.key)
        link, key = self.link(market.exchange, shard), (market.exchange, market.symbol, market.quote)
        quote = self._quotes.get(key)
        if quote is None:
            quote = self._quotes[key] = Quote(market, link)
            self._coins.setdefault(market.symbol, []).append(quote)
        quote.market, quote.link, quote.absent_since = market, link, None
        self._heard[market.exchange, market.listed or market.symbol, market.quote] = quote
        return quote

    def unwatched(self, market: Market) -> Quote:
        """A market of which nothing will come: no list, no link and no minute tells of it."""
        self.history.open(market.key)
        return Quote(market, Link(self._patience, self._patience))

    def listed(self, exchange: str, markets: Iterable[Market], now: Instant) -> None:
        """A complete market list: what it lacks is absent from now on."""
        found = {(market.symbol, market.quote): market for market in markets}
        for quote in self:
            if quote.market.exchange != exchange:
                continue
            market = found.get((quote.market.symbol, quote.market.quote))
            if market is not None:
                quote.market, quote.absent_since = market, None
            elif quote.absent_since is None:
                quote.absent_since = now.mono

    def link(self, exchange: str, shard: int) -> Link:
        """The link of one connection, made when it is new."""
        found = self.links.get((exchange, shard))
        if found is None:
            silence = max(self._patience, round(self.exchanges[exchange].silence_s * 1000))
            found = self.links[exchange, shard] = Link(silence, self._patience)
        return found

    def spread(self, exchange: str, connections: int) -> None:
        """An exchange's markets are on so many connections from now on: a further one is of no account any more."""
        for key in [(name, shard) for name, shard in self.links if name == exchange and shard >= connections]:
            del self.links[key]

    def opened(self, exchange: str, shard: int, epoch: int) -> None:
        """A connection is open: its silence is normal for as long as the venue's is."""
        link = self.link(exchange, shard)
        link.epoch, link.cut_at = epoch, None

    def cut(self, exchange: str, shard: int, now: Instant) -> None:
        """A connection is lost: since it last delivered nobody watched its markets, and their minutes are unknown."""
        link = self.link(exchange, shard)
        link.epoch = NOBODY
        link.cut_at = now.mono if link.cut_at is None else link.cut_at
        for quote in self:
            if quote.link is link:
                self.history.forget(quote.key, minute_of(link.last_wall or now.wall))
        link.last_wall = 0  # what candles fill from here on stays

    def rest_s(self, now: Instant) -> float:
        """Seconds until the next link is no longer fresh if nothing comes; infinite where none is."""
        ends = [link.fresh_until for link in self.links.values() if link.fresh(now)]
        return (min(ends) + 1 - now.mono) / 1000 if ends else math.inf

    def abandon(self, exchanges: Iterable[str], now: Instant) -> None:
        """The feeds of these exchanges have ended: nobody watches their markets."""
        for exchange, shard in [link for link in self.links if link[0] in exchanges]:
            self.cut(exchange, shard, now)

    def _clock_was_set(self, minute: int) -> None:
        """What was watched by a clock that no exchange agreed with is dated wrong: candles tell it anew."""
        offsets = sorted(offset for link in self.links.values() if (offset := link.clock_offset) is not None)
        if offsets and abs(offsets[len(offsets) // 2]) >= MINUTE:
            self.history.rewind(self.since - MINUTE)
        for link in self.links.values():
            link.undated()
        self.since = minute

    def roll(self, now: Instant) -> bool:
        """Whether a minute has ended: silent markets keep their price into it, unwatched ones do not know it."""
        minute, before = minute_of(now.wall), self.minute
        last, self.rolled = self.rolled or now, now
        if not before or abs(now.wall - last.wall - (now.mono - last.mono)) >= MINUTE:
            self._clock_was_set(minute)
        if minute == before:
            return False
        ended, self.minute = minute - MINUTE, minute
        if minute < before:
            self.history.rewind(minute)
            return True
        for quote in self:
            if quote.price is None or quote.epoch != quote.link.epoch or not quote.link.fresh(now):
                self.history.put(quote.key, ended, None)  # nobody watched to its end: candles may fill it
            elif not self.history.series(quote.key).get(ended):
                self.history.put(quote.key, ended, quote.price)
        return True
