"""The life of markets at one exchange, while everything goes on: no restart, and no new connection without need."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from collections.abc import Set as AbstractSet

import aiohttp
import msgspec
from aiohttp import web

from tests.conftest import make_board
from tests.venues import until
from ticker import clock, sim
from ticker.collect.follow import Follow
from ticker.collect.standing import Standing
from ticker.market import Prices
from ticker.model import Instant, Row, Suspension, Tick
from ticker.sim.kit import answer
from ticker.sim.venue import Venue

COINS = {symbol: (price, "1") for symbol, price in (("BTC", "57895000"), ("ETH", "1914000"), ("A", "800"))}


class Told:
    """A sink that tells the prices."""

    def __init__(self, prices: Prices) -> None:
        self.prices = prices

    def opened(self, exchange: str, shard: int, epoch: int) -> None:
        self.prices.quotes.opened(exchange, shard, epoch)

    def received(self, exchange: str) -> None:
        pass

    def closed(self, exchange: str, shard: int, instant: Instant, reason: str) -> None:
        self.prices.quotes.cut(exchange, shard, instant)

    def event(self, exchange: str, epoch: int, event: Tick | Suspension, instant: Instant) -> None:
        if isinstance(event, Tick):
            self.prices.tick(exchange, epoch, event, instant)
        else:
            self.prices.suspension(exchange, event)

    def dropped(self, exchange: str, reason: str) -> None:
        raise AssertionError(reason)


class Life:
    """What one exchange lists, and how the rows look."""

    def __init__(self, venue: Venue, prices: Prices, listed: dict[str, str]) -> None:
        self.venue = venue
        self.prices = prices
        self.listed = listed
        """Symbol -> status; the market list is made of it."""
        self.asked = 0
        """How often the market list was asked for."""

    def row(self, symbol: str) -> Row:
        self.prices.touch()
        self.prices.changes(clock.now())
        return self.prices.rows["usd"][symbol]

    def is_(self, symbol: str, state: str, reason: str | None = None) -> Callable[[], bool]:
        return lambda: (self.row(symbol).state, self.row(symbol).reason) == (state, reason)


@contextlib.asynccontextmanager
async def living(
    *, refresh_s: float = 0.25, short: AbstractSet[int] = frozenset(), most_markets: int = 1000
) -> AsyncIterator[Life]:
    """`short`: the market lists that lack what they should not, counted from one."""
    start = clock.now()
    world = sim.World(start.wall, ["coinbase"], coins=COINS)
    (venue,) = sim.venues(world, clock.now)
    listed = {"BTC": "online", "ETH": "online"}

    def products(_venue: Venue, _request: web.Request) -> web.Response:
        life.asked += 1
        pair = {"quote_currency": "USD", "quote_increment": "0.01"}
        rows = [{"id": f"{s}-USD", "base_currency": s, "status": status, **pair} for s, status in listed.items()]
        return answer(rows[:1] if life.asked in short else rows)

    rules = {"routes": {**venue.protocol.routes, "/products": products}, "rest_per_s": 1000}
    venue.protocol = msgspec.structs.replace(venue.protocol, **rules)
    board = make_board("BTC", "ETH", "EOS", sources=("coinbase",), name="usd")
    boards = {"usd": msgspec.structs.replace(board, quote="USD")}
    async with sim.serve([venue]) as exchanges, aiohttp.ClientSession() as session:
        candles = exchanges["coinbase"].candles
        assert candles
        paced = msgspec.structs.replace(candles, per_s=200.0)
        rules = {"candles": paced, "connects_per_s": 1000.0, "most_markets": most_markets}
        exchange = msgspec.structs.replace(exchanges["coinbase"], **rules)
        prices = Prices(boards, {"coinbase": exchange}, 15)
        old, price = start.wall - 60_000, f"{world.coins['coinbase']['ETH'].price:f}"
        kept = Row(symbol="ETH", price=price, source="coinbase", ts=old, received_ts=old, state="live")
        prices.restore("usd", {"ETH": kept}, start)
        args = (exchange, prices, Told(prices), clock.now, lambda *_: None)
        life = Life(venue, prices, listed)
        task = asyncio.create_task(Follow(*args, refresh_s=refresh_s, again_s=0.25).run(session))
        await until(lambda: all(life.is_(symbol, "live")() for symbol in listed))
        try:
            yield life
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_suspension_closes_the_row_and_its_end_opens_it_on_the_same_connection() -> None:
    """Seen failing without what a later market list says of a market."""
    async with living() as life:
        life.listed["ETH"] = "offline"
        await until(life.is_("ETH", "closed", "suspended"))
        assert life.is_("BTC", "live")()
        life.listed["ETH"] = "online"
        await until(life.is_("ETH", "live"))
        assert len(life.venue.dials) == 1


async def test_a_market_that_is_said_to_be_delisted_is_closed_at_once_and_one_that_vanishes_is_stale() -> None:
    async with living() as life:
        life.listed["ETH"] = "delisted"
        await until(life.is_("ETH", "closed", "delisted"))
        del life.listed["BTC"]
        await until(life.is_("BTC", "stale"))
        assert life.row("BTC").price is not None
        life.listed.update(BTC="online", ETH="online")
        await until(lambda: life.is_("BTC", "live")() and life.is_("ETH", "live")())


async def test_an_exchange_that_needs_fewer_connections_is_live_with_those_it_has() -> None:
    """Seen failing with each connection it ever had kept: with one more than it needs it was stale for ever."""
    async with living(most_markets=1) as life:
        standing = Standing(Counter())
        assert len(life.prices.quotes.links) == 2
        life.listed["ETH"] = "delisted"
        await until(lambda: len(life.prices.quotes.links) == 1)
        await until(lambda: standing.states(life.prices, clock.now()) == {"coinbase": "live"})
        life.listed["ETH"] = "online"
        await until(lambda: len(life.prices.quotes.links) == 2)


async def test_a_coin_that_is_renamed_goes_on_under_our_symbol_from_its_new_market() -> None:
    """Seen failing with a feed that a changed list does not begin anew."""
    async with living() as life:
        assert life.row("EOS").state == "pending"
        life.listed["A"] = "online"
        await until(life.is_("EOS", "live"))
        coin = life.venue.world.coins["coinbase"]["A"]
        await until(lambda: life.row("EOS").price == f"{coin.price.normalize():f}")


async def test_a_market_list_that_is_cut_short_silences_nothing() -> None:
    """Seen failing with one list believed: the feed began anew without what it lacked, for an hour."""
    async with living(short={3}) as life:
        states = set()

        def three_more() -> bool:
            states.add(life.row("ETH").state)
            return life.asked >= 6

        await until(three_more)
        assert (states, len(life.venue.dials)) == ({"live"}, 1)


async def test_a_first_market_list_that_is_cut_short_is_asked_for_again_soon() -> None:
    """It lacks what a row in Redis was made of. Seen failing with a next look after an hour."""
    async with living(refresh_s=3600.0, short={1}) as life:
        assert life.asked == 2
