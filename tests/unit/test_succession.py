from decimal import Decimal

from ticker.collect.succession import Succession
from ticker.model import Suspension, Tick

OLD, NEW = 1, 2


def tick(symbol: str, ts: int | None = None) -> Tick:
    return Tick(symbol, "KRW", Decimal(1), ts)


def test_while_two_connections_deliver_no_market_goes_back_to_the_older_one() -> None:
    succession = Succession()
    succession.begin(NEW)
    heard = [(OLD, "BTC"), (NEW, "BTC"), (OLD, "BTC"), (OLD, "ETH")]
    assert [succession.allows(number, tick(symbol)) for number, symbol in heard] == [True, True, False, True]
    assert not succession.allows(OLD, Suspension("BTC", "KRW", suspended=True))


def test_a_successors_first_frame_is_left_out_where_it_is_older_than_what_came_meanwhile() -> None:
    succession = Succession()
    succession.begin(NEW)
    heard = [(OLD, 2_000), (NEW, 1_000), (OLD, 3_000), (NEW, 3_000), (OLD, 4_000)]
    assert [succession.allows(number, tick("BTC", ts)) for number, ts in heard] == [True, False, True, True, False]


def test_the_next_succession_begins_anew() -> None:
    succession = Succession()
    succession.begin(NEW)
    assert succession.allows(OLD, tick("BTC", 9_000))
    assert succession.allows(NEW, tick("BTC", 9_000))
    succession.end()
    assert succession.heir is None
    succession.begin(NEW + 1)
    assert succession.allows(NEW, tick("BTC", 2_000))
    assert not succession.allows(NEW + 1, tick("BTC", 1_000))
    assert succession.allows(NEW + 1, tick("BTC", 2_000))
