"""A board read anew, beside what was shown before."""

from ticker.model import BoardState, Row
from ticker.serve.group import merged

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
