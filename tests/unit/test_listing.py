from decimal import Decimal

import msgspec

from tests.conftest import make_board, make_exchange, make_market
from ticker.listing import choose, wanted_of
from ticker.market import Prices
from ticker.model import DAY, Instant, Market, Tick
from ticker.report import Leg

D = Decimal
T = 1_790_000_000_000
EXCHANGES = {name: make_exchange(name) for name in ("alpha", "beta", "gamma")}


def at(ms: int) -> Instant:
    return Instant(T + ms, 1_000_000 + ms)


def test_boards_want_their_symbols_and_the_legs_of_their_premium() -> None:
    board = msgspec.structs.replace(make_board("BTC", "ETH"), premium=("gamma",))
    assert wanted_of({"krw": board}, "alpha") == {("BTC", "KRW"), ("ETH", "KRW"), ("USDT", "KRW")}
    assert wanted_of({"krw": board}, "gamma") == {("BTC", "USDT"), ("ETH", "USDT")}
    assert wanted_of({"krw": board}, "delta") == set()


def test_a_renamed_coin_is_found_under_its_new_symbol_and_shown_under_ours() -> None:
    listed = [make_market("alpha", "A"), make_market("alpha", "BTC")]
    markets, absent = choose({("EOS", "KRW"), ("BTC", "KRW"), ("XYZ", "KRW")}, listed)
    assert [(m.symbol, m.listed, m.code) for m in markets] == [("BTC", None, "KRW-BTC"), ("EOS", "A", "KRW-A")]
    assert absent == ["XYZ/KRW"]
    prices = Prices({"krw": make_board("EOS")}, EXCHANGES, 15)
    prices.watch(markets)
    assert prices.tick("alpha", 1, Tick("A", "KRW", D(700), T), at(0)) == "accepted"
    prices.changes(at(0))
    assert prices.rows["krw"]["EOS"].price == "700"


def test_a_renamed_coin_is_found_although_its_old_market_is_still_listed_as_stopped() -> None:
    stopped = msgspec.structs.replace(make_market("alpha", "KLAY"), suspended=True)
    markets, _ = choose({("KLAY", "KRW")}, [stopped, make_market("alpha", "KAIA")])
    assert [(m.symbol, m.listed) for m in markets] == [("KLAY", "KAIA")]
    markets, _ = choose({("KLAY", "KRW"), ("KAIA", "KRW")}, [stopped, make_market("alpha", "KAIA")])
    assert [(m.symbol, m.listed) for m in markets] == [("KAIA", None), ("KLAY", None)]


def test_a_market_that_vanishes_is_stale_and_after_a_day_delisted_and_may_come_back() -> None:
    prices = Prices({"krw": make_board("BTC", "ETH", sources=("alpha",))}, EXCHANGES, 15)
    both = [make_market("alpha", "BTC"), make_market("alpha", "ETH")]
    prices.watch(both)

    def state(ms: int) -> tuple[str, str | None]:
        prices.tick("alpha", 1, Tick("ETH", "KRW", D(1), T + ms), at(ms))  # the connection lives
        prices.touch()
        prices.changes(at(ms))
        return prices.rows["krw"]["BTC"].state, prices.rows["krw"]["BTC"].reason

    prices.tick("alpha", 1, Tick("BTC", "KRW", D(100), T), at(0))
    assert state(1) == ("live", None)
    prices.quotes.listed("alpha", both[1:], at(2))
    assert state(3) == ("stale", None)
    prices.quotes.listed("alpha", both[1:], at(DAY))
    assert state(DAY + 1) == ("stale", None)
    assert state(DAY + 2) == ("closed", "delisted")
    assert prices.rows["krw"]["BTC"].price == "100"
    prices.quotes.listed("alpha", both, at(DAY + 3))
    assert state(DAY + 4) == ("stale", None)
    prices.tick("alpha", 1, Tick("BTC", "KRW", D(101), T + DAY + 5), at(DAY + 5))
    assert state(DAY + 6) == ("live", None)


def test_a_suspension_in_the_list_closes_the_row_and_its_end_opens_it() -> None:
    prices = Prices({"krw": make_board("BTC", sources=("alpha",))}, EXCHANGES, 15)
    market = make_market("alpha", "BTC")
    prices.watch([market])
    prices.tick("alpha", 1, Tick("BTC", "KRW", D(100), T), at(0))
    for suspended, state in ((True, "closed"), (False, "live")):
        prices.quotes.listed("alpha", [msgspec.structs.replace(market, suspended=suspended)], at(1))
        prices.touch()
        prices.changes(at(2))
        assert prices.rows["krw"]["BTC"].state == state


def test_what_the_list_calls_delisted_is_closed_at_once_and_not_taken_for_a_market_of_the_same_name() -> None:
    prices = Prices({"krw": make_board("BTC", sources=("alpha",))}, EXCHANGES, 15)
    market = make_market("alpha", "BTC")
    gone = msgspec.structs.replace(market, code="old", delisted=True)
    prices.watch([market])
    prices.tick("alpha", 1, Tick("BTC", "KRW", D(100), T), at(0))
    for listed, state, reason in (([gone], "closed", "delisted"), ([market, gone], "live", None)):
        prices.quotes.listed("alpha", choose({("BTC", "KRW")}, listed)[0], at(1))
        prices.touch()
        prices.changes(at(2))
        assert (prices.rows["krw"]["BTC"].state, prices.rows["krw"]["BTC"].reason) == (state, reason)


def test_the_premium_is_the_formulas_and_unknown_when_a_leg_is_stale() -> None:
    board = msgspec.structs.replace(make_board("BTC", sources=("alpha",)), premium=("gamma",))
    prices = Prices({"krw": board}, EXCHANGES, 15)
    prices.watch([make_market("alpha", "BTC"), make_market("alpha", "USDT")])
    prices.watch([Market("gamma", "BTC", "USDT", "BTCUSDT")])

    def premium(ms: int) -> object:
        prices.touch()
        prices.changes(at(ms))
        return prices.rows["krw"]["BTC"].premium_pct

    assert premium(0) is None
    prices.tick("alpha", 1, Tick("BTC", "KRW", D(58_740_000), T), at(0))
    prices.tick("alpha", 1, Tick("USDT", "KRW", D(1_297), T), at(0))
    assert premium(1) is None
    prices.tick("gamma", 1, Tick("BTC", "USDT", D("42981.09"), T), at(2))
    assert premium(3) == "5.37"
    legs = prices.premiums["krw"].legs(at(3))
    assert legs.rate == Leg("1297", "alpha", T)
    assert legs.abroad["BTC"] == Leg("42981.09", "gamma", T)
    prices.tick("alpha", 1, Tick("BTC", "KRW", D(58_740_000), T + 15_000), at(15_000))
    assert premium(15_002) == "5.37"
    assert premium(15_003) is None


def test_a_board_without_premium_has_no_such_field() -> None:
    prices = Prices({"krw": make_board("BTC")}, EXCHANGES, 15)
    assert prices.rows["krw"]["BTC"].premium_pct is msgspec.UNSET
