import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import make_board
from ticker.serve.query import (
    LONGEST_INTERVAL_MS,
    MOST_SYMBOLS,
    STATUS,
    Refusal,
    Wish,
    interval_of,
    sorted_out,
    symbol_of,
    whole,
    wish,
)

BOARDS = {"krw": make_board("BTC", "ETH", "XRP"), "usdt": make_board("BTC", name="usdt")}


@pytest.mark.parametrize(
    ("board", "query", "wanted"),
    [
        (None, {}, Wish("krw")),
        ("usdt", {}, Wish("usdt")),
        ("krw", {"utm_source": "x", "T": "1"}, Wish("krw")),
        ("krw", {"symbols": ""}, Wish("krw")),
        ("krw", {"symbols": "XRP,BTC,XRP"}, Wish("krw", ("BTC", "XRP"))),
        ("krw", {"lang": "en", "interval_ms": "1000"}, Wish("krw", None, "en")),
        ("krw", {"interval_ms": "fast"}, Wish("krw")),
    ],
)
def test_what_an_address_asks_for(board: str | None, query: dict[str, str], wanted: Wish) -> None:
    assert wish(BOARDS, board, query) == wanted


@pytest.mark.parametrize(
    ("board", "query", "code"),
    [
        ("nope", {}, "unknown_board"),
        ("", {}, "unknown_board"),
        ("KRW", {}, "unknown_board"),
        ("krw", {"symbols": "BTC,NOPE"}, "unknown_symbol"),
        ("krw", {"symbols": "btc"}, "unknown_symbol"),
        ("krw", {"symbols": "BTC,"}, "unknown_symbol"),
        ("krw", {"symbols": ",".join(["BTC"] * (MOST_SYMBOLS + 1))}, "bad_parameter"),
        ("krw", {"lang": "fr"}, "unknown_language"),
        ("krw", {"lang": ""}, "unknown_language"),
    ],
)
def test_a_refusal_has_its_code(board: str, query: dict[str, str], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        wish(BOARDS, board, query)
    assert (refused.value.code, refused.value.status) == (code, STATUS[code])


@pytest.mark.parametrize("text", [None, "0", "1000", str(LONGEST_INTERVAL_MS)])
def test_an_interval_is_whole_milliseconds(text: str | None) -> None:
    assert interval_of({"interval_ms": text} if text else {}) == (int(text) if text else None)


@pytest.mark.parametrize("text", ["fast", "-1", "1e3", str(LONGEST_INTERVAL_MS + 1)])
def test_any_other_interval_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        interval_of({"interval_ms": text})
    assert refused.value.code == "bad_parameter"


@given(st.dictionaries(st.sampled_from(["symbols", "lang", "interval_ms"]), st.text(max_size=20)))
def test_any_query_is_a_wish_or_a_short_refusal(query: dict[str, str]) -> None:
    try:
        wish(BOARDS, "krw", query)
        interval_of(query)
    except Refusal as refusal:
        assert len(refusal.message) < 200  # noqa: PT017 - most queries are a wish


@pytest.mark.parametrize("text", ["²", "１２", " 1", "1_0", "+1", "", "1.0", "9" * 16])
def test_only_plain_digits_are_a_number(text: str) -> None:
    with pytest.raises(Refusal):
        whole({"n": text}, "n", 10**18)


def test_numbers_up_to_the_most() -> None:
    assert (whole({}, "n", 9), whole({"n": "007"}, "n", 9), whole({"n": "9"}, "n", 9)) == (None, 7, 9)


def test_a_symbol_belongs_to_its_board() -> None:
    assert symbol_of(BOARDS["krw"], "ETH") == "ETH"
    with pytest.raises(Refusal, match="board usdt has no symbol 'ETH'"):
        symbol_of(BOARDS["usdt"], "ETH")


def test_a_subscription_is_sorted_out_in_board_order() -> None:
    wanted = ["XRP", "NOPE", 7, None, "BTC", "<script>", "A" * 99]
    assert sorted_out(BOARDS["krw"], wanted) == (("BTC", "XRP"), ["NOPE", "?", "A" * 12])
