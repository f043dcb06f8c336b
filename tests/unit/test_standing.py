"""What the collector remembers of lost connections and of changed sources."""

from collections import Counter
from decimal import Decimal

import pytest

from tests.conftest import make_board, make_exchange, make_market
from ticker.collect.standing import HEARD_MS, MOST_INCIDENTS, SAME_MS, Standing
from ticker.market import Prices
from ticker.model import Instant, Suspension, Tick

T = 1_790_000_000_000
BOARDS = {"krw": make_board("BTC", "ETH")}
EXCHANGES = {name: make_exchange(name) for name in ("alpha", "beta")}


def at(ms: int) -> Instant:
    return Instant(T + ms, ms)


def made() -> tuple[Prices, Standing, Counter[tuple[str, str]]]:
    prices, counts = Prices(BOARDS, EXCHANGES, 15.0), Counter[tuple[str, str]]()
    for name in EXCHANGES:
        prices.watch([make_market(name, symbol) for symbol in ("BTC", "ETH")])
    return prices, Standing(counts), counts


def tick(prices: Prices, exchange: str, ms: int) -> None:
    for symbol in ("BTC", "ETH"):
        prices.tick(exchange, 1, Tick(symbol, "KRW", Decimal(100), T + ms), at(ms))
    prices.changes(at(ms))


def test_rows_that_change_their_source_together_are_one_incident() -> None:
    prices, standing, _ = made()
    tick(prices, "alpha", 0)
    tick(prices, "beta", 0)
    assert standing.report(prices, at(0)).incidents == []
    prices.touch()
    tick(prices, "beta", 20_000)
    (incident,) = standing.report(prices, at(20_000)).incidents
    assert (incident.kind, incident.board, incident.source, incident.to) == ("source", "krw", "alpha", "beta")
    assert incident.symbols == ["BTC", "ETH"]
    assert standing.report(prices, at(21_000)).incidents == [incident]


def test_states_ticks_and_reconnects_of_each_exchange_are_told() -> None:
    prices, standing, counts = made()
    tick(prices, "alpha", 0)
    counts.update({("alpha", "accepted"): 2, ("alpha", "closed"): 1})
    sources = standing.report(prices, at(100)).sources
    assert (sources["alpha"].state, sources["alpha"].last_tick_ts) == ("live", T)
    assert (sources["alpha"].ticks, sources["alpha"].reconnects) == (2, 1)
    assert (sources["beta"].state, sources["beta"].last_tick_ts) == ("down", None)
    assert standing.report(prices, at(20_000)).sources["alpha"].state == "stale"


def test_a_market_that_its_exchange_tells_nothing_of_is_named_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Refused on a connection that serves the others, it was `pending` without a word.

    Seen failing with a line each second.
    """
    prices, standing, _ = made()
    prices.quotes.opened("alpha", 0, 5)
    for ms in range(0, 80_000, 10_000):
        prices.tick("alpha", 5, Tick("BTC", "KRW", Decimal(100), T + ms), at(ms))
        told = standing.report(prices, at(ms + 5)).sources
        assert told["alpha"].silent_markets == (["ETH/KRW"] if ms >= HEARD_MS else []), ms
    assert caplog.messages == ["alpha: nothing came of ETH/KRW, though its connection is fine"]
    assert told["beta"].silent_markets == []
    prices.tick("alpha", 5, Tick("ETH", "KRW", Decimal(7), T + 80_000), at(80_000))
    assert standing.report(prices, at(80_001)).sources["alpha"].silent_markets == []


def test_a_suspended_market_or_one_of_a_lost_connection_is_not_called_silent() -> None:
    prices, standing, _ = made()
    tick(prices, "alpha", 70_000)
    prices.watch([make_market("alpha", "XRP")])
    prices.quotes.opened("alpha", 0, 5)
    assert standing.report(prices, at(70_010)).sources["alpha"].silent_markets == ["XRP/KRW"]
    prices.suspension("alpha", Suspension("XRP", "KRW", suspended=True))
    assert standing.report(prices, at(70_010)).sources["alpha"].silent_markets == []
    prices.suspension("alpha", Suspension("XRP", "KRW", suspended=False))
    prices.quotes.cut("alpha", 0, at(70_011))
    assert standing.report(prices, at(70_012)).sources["alpha"].silent_markets == []


def test_connections_lost_again_and_again_are_one_incident() -> None:
    prices, standing, _ = made()
    for ms in (0, 1000, 2000):
        standing.lost("alpha", at(ms))
    standing.lost("beta", at(2500))
    standing.lost("alpha", at(2000 + SAME_MS))
    told = [(i.source, i.ts - T, i.times) for i in standing.report(prices, at(0)).incidents]
    assert told == [("alpha", 2000 + SAME_MS, 1), ("beta", 2500, 1), ("alpha", 0, 3)]


def test_the_record_is_bounded_and_taken_over_once() -> None:
    empty, before, _ = made()
    for number in range(MOST_INCIDENTS + 5):
        before.lost("alpha", at(number * SAME_MS))
    kept = before.report(empty, at(0)).incidents
    assert len(kept) == MOST_INCIDENTS
    _, after, _ = made()
    for _ in range(2):
        after.restore(kept)
    assert after.report(empty, at(0)).incidents == kept
