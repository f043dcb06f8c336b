"""The incidents that a price service must survive, as tests."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import make_board, make_exchange, make_market
from ticker.errors import BadFrame
from ticker.exchanges.exchange import read
from ticker.exchanges.upbit import UPBIT
from ticker.guard import Guard
from ticker.market import Prices
from ticker.model import MINUTE, Held, Instant, Market, Row, Tick
from ticker.sample import pack

D = Decimal
T = 1_639_500_000_000  # 2021-12-14: the day bitcoin cost 870 billion dollars
NAMES = ("alpha", "beta", "gamma")
EXCHANGES = {name: make_exchange(name) for name in NAMES}
BTC = D(57_895_000)


def at(ms: int) -> Instant:
    return Instant(T + ms, 1_000_000 + ms)


def made(*exchanges: str, sources: tuple[str, ...] = ("alpha", "beta")) -> Prices:
    prices = Prices({"krw": make_board("BTC", sources=sources)}, EXCHANGES, 15)
    for exchange in exchanges:
        prices.watch([make_market(exchange, "BTC")])
    return prices


def say(prices: Prices, exchange: str, price: Decimal, ms: int) -> str:
    return prices.tick(exchange, 1, Tick("BTC", "KRW", price, T + ms), at(ms))


def shown(prices: Prices, ms: int) -> Row:
    prices.review(at(ms))
    prices.touch()
    prices.changes(at(ms))
    return prices.rows["krw"]["BTC"]


def test_a_mad_feed_is_never_shown_while_another_exchange_has_the_coin() -> None:
    """Seen failing with a guard that suspects nothing."""
    prices = made("alpha", "beta")
    say(prices, "alpha", BTC, 0)
    say(prices, "beta", BTC - 5000, 1)
    for ms in range(1_000, 2 * 3_600_000, 7_000):
        assert say(prices, "alpha", BTC * 17_000_000 + ms, ms) == "held"
        say(prices, "beta", BTC + ms // 1000, ms + 1)
        row = shown(prices, ms + 2)
        assert (row.source, row.state) == ("beta", "live")
    assert [(held.source, held.outcome) for held in prices.judge.holds] == [("alpha", None)]


def test_a_mad_feed_on_the_only_exchange_is_held_with_the_last_good_price_for_as_long_as_it_lasts() -> None:
    prices = made("alpha")
    say(prices, "alpha", BTC, 0)
    for ms in range(1_000, 2 * 3_600_000, 7_000):
        say(prices, "alpha", BTC * 17_000_000, ms)
        row = shown(prices, ms)
        assert (row.price, row.state, row.ts) == ("57895000", "held", T)
    samples = prices.history.series("alpha:BTC/KRW")
    assert {samples.get(T - T % MINUTE + i * MINUTE) for i in range(120)} <= {0, pack(BTC)}
    say(prices, "alpha", BTC + 1000, 7_200_000)
    row = shown(prices, 7_200_001)
    assert (row.price, row.state) == ("57896000", "live")
    assert prices.judge.holds[0].outcome == "rejected"


def test_a_real_crash_on_all_exchanges_is_shown_within_three_seconds() -> None:
    """Seen failing without the confirmation by another exchange."""
    prices = made(*NAMES)
    for i, name in enumerate(NAMES):
        say(prices, name, BTC + i * 1000, i)
    crashed = BTC * D("0.7")
    say(prices, "alpha", crashed, 1_000)
    assert shown(prices, 1_100).source == "beta"
    say(prices, "beta", crashed + 1000, 1_500)
    say(prices, "gamma", crashed + 2000, 2_000)
    say(prices, "alpha", crashed - 1000, 2_500)
    row = shown(prices, 3_000)
    assert (row.price, row.state) == ("40525500", "live")


def test_a_crash_that_another_exchange_went_through_in_steps_is_confirmed_at_once() -> None:
    prices = made("alpha", "beta")
    say(prices, "alpha", BTC, 0)
    say(prices, "beta", BTC, 1)
    minute = T - T % MINUTE
    prices.history.put("beta:BTC/KRW", minute - MINUTE, BTC)
    price = BTC
    for ms in range(1_000, 6_000, 1_000):
        price = (price * D("0.93")).quantize(D(1))
        assert say(prices, "beta", price, ms) == "accepted"
    assert say(prices, "alpha", price, 7_000) == "accepted"


def test_other_currencies_count_by_their_percent_move() -> None:
    prices = made("alpha")
    prices.watch([Market("gamma", "BTC", "USDT", "BTCUSDT")])
    say(prices, "alpha", BTC, 0)
    prices.tick("gamma", 1, Tick("BTC", "USDT", D(47_000), T), at(0))
    assert say(prices, "alpha", BTC * D("1.3"), 1_000) == "held"
    prices.tick("gamma", 1, Tick("BTC", "USDT", D(47_000) * D("1.29"), T + 1_500), at(1_500))
    row = shown(prices, 2_000)
    assert (row.price, row.state) == ("75263500", "live")
    assert {held.outcome for held in prices.judge.holds} == {"confirmed"}


@pytest.mark.parametrize(("factor", "outcome"), [("1.5", "live"), ("0.6", "live"), ("2", "held"), ("0.5", "held")])
def test_alone_three_ticks_over_two_seconds_confirm_a_move_below_twice(factor: str, outcome: str) -> None:
    prices = made("alpha")
    say(prices, "alpha", BTC, 0)
    for ms in (1_000, 1_500, 2_000):
        assert say(prices, "alpha", BTC * D(factor), ms) == "held"
    say(prices, "alpha", BTC * D(factor), 3_100)
    assert shown(prices, 3_100).state == outcome


def test_with_another_fresh_exchange_repetition_confirms_nothing() -> None:
    prices = made("alpha", "beta")
    say(prices, "alpha", BTC, 0)
    for ms in range(0, 60_000, 1_000):
        say(prices, "beta", BTC, ms)
        say(prices, "alpha", BTC if ms == 0 else BTC * D("1.4"), ms)
    assert shown(prices, 60_000).source == "beta"


def test_a_decimal_shift_is_held() -> None:
    prices = made("alpha", "beta")
    say(prices, "beta", BTC, 0)
    say(prices, "alpha", BTC, 0)
    for ms in (1_000, 4_000, 8_000):
        assert say(prices, "alpha", BTC / 10, ms) == "held"
    assert shown(prices, 8_000).price == "57895000"


def test_a_zero_is_no_price_and_changes_nothing() -> None:
    prices = made("alpha")
    say(prices, "alpha", BTC, 0)
    with pytest.raises(BadFrame):
        read(UPBIT, b'{"type":"ticker","code":"KRW-BTC","trade_price":0.0,"trade_timestamp":1}', {})
    assert (shown(prices, 1).price, shown(prices, 1).state) == ("57895000", "live")


def test_a_frozen_feed_is_left_in_time_and_believed_when_it_goes_on_elsewhere() -> None:
    """It brings nothing for an hour, meanwhile the market falls by 30 %: its first price then is no suspicious jump."""
    prices = made("alpha", "beta")
    say(prices, "alpha", BTC, 0)
    for ms in range(0, 3_600_000, 5_000):
        say(prices, "beta", (BTC * (1 - D(ms) / 12_000_000)).quantize(D(1)), ms)
        assert (shown(prices, ms).source, shown(prices, ms).state) == ("alpha" if ms <= 15_000 else "beta", "live")
    assert say(prices, "alpha", (BTC * D("0.7")).quantize(D(1)), 3_600_000) == "accepted"
    assert shown(prices, 3_600_000).source == "beta"  # until it has been good for a minute


def test_a_first_price_far_from_what_another_exchange_says_is_held() -> None:
    prices = made("alpha", "beta")
    say(prices, "beta", BTC, 0)
    assert say(prices, "alpha", BTC * 1000, 10) == "held"
    assert (shown(prices, 20).source, shown(prices, 20).price) == ("beta", "57895000")


def test_an_editor_can_accept_what_nobody_confirms() -> None:
    prices = made("alpha")
    say(prices, "alpha", BTC, 0)
    say(prices, "alpha", BTC * 3, 1_000)
    assert shown(prices, 1_000).state == "held"
    assert prices.release("BTC", "KRW", at(2_000)) == 1
    assert (shown(prices, 2_000).price, shown(prices, 2_000).state) == ("173685000", "live")
    assert prices.judge.holds[0].outcome == "accepted"


def test_the_bound_is_learnt_from_recent_moves_and_forgotten() -> None:
    guard = Guard()
    guard.accept(D(100), 0)
    guard.accept(D(108), 1)
    assert guard.bound(2) == D("0.24")
    assert guard.bound(1 + 3_600_000) == D("0.12")
    assert guard.bound(1 + 40 * 3_600_000) == D("0.10")


@given(st.lists(st.decimals("0.0001", "100000", places=4), min_size=1, max_size=50))
def test_the_bound_stays_between_a_tenth_and_a_half(prices: list[Decimal]) -> None:
    guard = Guard()
    for i, price in enumerate(prices):
        guard.accept(price, i * 1000)
        assert D("0.1") <= guard.bound(i * 1000) <= D("0.5")


def test_a_held_price_says_in_which_currency_it_is() -> None:
    prices = made("alpha")
    say(prices, "alpha", BTC, 0)
    assert say(prices, "alpha", BTC * 1000, 1_000) == "held"
    assert [(hold.symbol, hold.quote) for hold in prices.judge.holds] == [("BTC", "KRW")]


def test_the_record_of_holds_is_taken_over_once_and_without_what_is_held_no_more() -> None:
    kept = [
        Held(T + 2, "alpha", "BTC", "9", "1"),
        Held(T + 1, "alpha", "BTC", "8", "1", released_ts=T + 2, outcome="rejected"),
    ]
    judge = made().judge
    for _ in range(2):
        judge.restore(kept)
    assert (list(judge.holds), judge.changed) == (kept[1:], True)
