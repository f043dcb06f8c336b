"""A board read anew, beside what was shown before."""

import msgspec

from ticker.model import BoardState, Row
from ticker.serve.states import merged, onward

T = 1_790_000_000_000


def row(symbol: str, price: str, at: int) -> Row:
    return Row(symbol=symbol, price=price, ts=T + at, received_ts=T + at, state="live")


def state(revision: int, *rows: Row) -> BoardState:
    return BoardState(revision, T, {row.symbol: row for row in rows})


def test_a_replica_that_is_behind_takes_no_price_back() -> None:
    """Seen failing with whatever is read shown: BTC fell back to an older price."""
    shown = state(7, row("BTC", "2", 20), row("ETH", "2", 20), row("XRP", "2", 20))
    read = state(5, row("BTC", "1", 10), row("ETH", "3", 30))
    assert {symbol: row.price for symbol, row in merged(shown, read).items()} == {"BTC": "2", "ETH": "3", "XRP": "2"}


def test_without_a_loss_the_newest_revision_is_right_whatever_its_times() -> None:
    shown, read = state(7, row("BTC", "2", 20)), state(8, row("BTC", "1", 10))
    assert merged(shown, read)["BTC"].price == "1"


def test_a_collector_that_knows_less_than_the_last_one_takes_no_price_back() -> None:
    """Seen failing in a soak: Redis came back empty, and the collector that took it had stood by for 100 s."""
    shown = Row(symbol="BTC", price="101", source="upbit", ts=9, received_ts=9, state="live")
    older = Row(symbol="BTC", price="100", source="upbit", ts=5, received_ts=5, state="stale")
    assert onward(shown, older) == msgspec.structs.replace(shown, state="stale")
    assert onward(shown, Row(symbol="BTC")) == msgspec.structs.replace(shown, state="stale")
    closed = msgspec.structs.replace(older, state="closed", reason="suspended")
    assert onward(shown, closed) == msgspec.structs.replace(shown, state="closed", reason="suspended")


def test_what_an_exchange_has_just_said_counts_whatever_its_time() -> None:
    shown = Row(symbol="BTC", price="101", source="upbit", ts=9, received_ts=9, state="live")
    for told in (
        Row(symbol="BTC", price="100", source="upbit", ts=5, received_ts=5, state="live"),  # the clock was set back
        Row(symbol="BTC", price="100", source="bithumb", ts=5, received_ts=5, state="stale"),
        Row(symbol="BTC", price="101", source="upbit", ts=9, received_ts=9, state="stale"),
    ):
        assert onward(shown, told) == told
