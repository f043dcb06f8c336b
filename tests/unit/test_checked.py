"""Whoever can write to Redis can write nonsense: it is left out, said once, and every page and message still comes."""

import json
import logging
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conftest import make_board
from ticker import money
from ticker.history import History
from ticker.model import LANGUAGES, BoardState, Held, Row
from ticker.report import Incident, Leg, Legs, Report, SourceReport
from ticker.serve import wire
from ticker.serve.status import Known, told
from ticker.sidebar import page, status_page
from ticker.store.checked import HIGHEST_SLOT, Checked
from ticker.store.reader import UPDATES
from ticker.store.view import HOLDS, REPORT

T = 1_790_000_000_000
BOARD = make_board("BTC", "ETH", sources=("upbit", "bithumb"))
GOOD = Row(
    symbol="BTC",
    price="57895000",
    change_pct="-3.79",
    ref="55780000.5",
    ref_ts=T,
    basis="history",
    source="upbit",
    ts=T,
    received_ts=T,
    state="live",
    premium_pct="1.5",
)
REPORTED = Report(
    {"upbit": SourceReport("live", T, 1, 2)},
    {"krw": Legs(Leg("1380", "upbit", T), {"BTC": Leg("1", "binance", T), "ETH": None})},
    [
        Incident(T, "source", "upbit", board="krw", symbols=["BTC", "ETH"], to="bithumb"),
        Incident(T, "reconnect", "upbit", last_ts=T, times=2),
        Incident(T, "hold", "upbit", symbols=["BTC"], price="1", last_good="2", outcome="repeated"),
    ],
)
HELD = [Held(T, "upbit", "BTC", "1", "2"), Held(T, "upbit", "BTC", "1", "2", T, "confirmed")]

EVERYTHING = {"columns": "price,percent,change,source,time,premium"}
ODD = [
    *(
        "NaN",
        "Infinity",
        "-0",
        "1_000",
        "1e9",
        "１２３",
        "1\n",
        "",
        "<b>",
        "__proto__",
        "-1",
        "0",
        "0.0",
        "9" * 16,
        "9" * 40,
        "9" * 51,
    ),
    *(-1, 0, 1, 2**31, 2**53, 2**63, 10**30, 0.5, 1e300, T, True, 4_102_444_800_000, 4_102_444_800_001),
    *(None, [], {}, ["x"], ["BTC"], {"x": 1}, {"BTC": {"price": "x"}}),
]
odd: st.SearchStrategy[Any] = st.sampled_from(ODD) | st.text(max_size=8)
QUIET = logging.getLogger("quiet")
QUIET.disabled = True


def read(**fields: bytes) -> BoardState:
    return Checked(QUIET).board("krw", fields, {}, {})


def show(state: BoardState, report: Report | None = None, holds: list[Held] | None = None) -> None:
    """Everything a server says of a board, in each of its forms."""
    boards = {"krw": BOARD}
    known = Known(report or Report(), holds or [], True, 1, 2, now=T, silent=False)
    standing = told(boards, {"krw": state}, known)
    orjson.dumps(standing)
    wire.update("krw", 1, state.ts, [wire.change(row, Row(symbol=row.symbol)) for row in state.rows.values()])
    for lang in LANGUAGES:
        wire.snapshot(BOARD, state, lang, None, 1)
        page.embed(BOARD, state, lang, public_url="http://x", symbols=None, look=page.look_of(EVERYTHING))
        page.fragment(
            BOARD, state, lang, public_url="http://x", symbols=None, assets=False, look=page.look_of(EVERYTHING)
        )
        assert "<b>" not in status_page.page(standing, boards, lang).partition("</header>")[2]


@settings(max_examples=100)
@example("premium_pct", "9" * 50)
@example("change_pct", "9" * 50)
@given(st.sampled_from([field.name for field in msgspec.structs.fields(Row)]), odd)
def test_a_row_with_an_odd_field_is_left_out_or_can_be_shown(name: str, value: Any) -> None:
    """Seen failing with a price that is any text: `x` broke every page of its board."""
    line = json.dumps(msgspec.to_builtins(GOOD) | {name: value}).encode()
    state = read(BTC=line, ETH=msgspec.json.encode(Row(symbol="ETH")))
    assert state.rows["ETH"].state == "pending"
    show(state)
    message = b'{"fence":1,"ts":1,"boards":{"krw":{"revision":1,"ts":1,"rows":[%s]}}}' % line
    update = Checked(QUIET).decoded("message", "", UPDATES, message)
    assert (update is not None) is ("BTC" in state.rows or (name, update is not None) == ("symbol", True))


NO_PRICES = ("0", "00.00", "0." + "0" * 15 + "1", "9" * 17, "1." + "0" * 61, "-1", ".5", "1.", "")


@pytest.mark.parametrize("text", NO_PRICES)
def test_a_price_that_cannot_be_reckoned_with_is_left_out(text: str) -> None:
    """Seen failing with any digits: a price of zero, once in Redis, made each percent of its coin a fault, for good."""
    for name in ("price", "ref"):
        assert read(BTC=json.dumps(msgspec.to_builtins(GOOD) | {name: text}).encode()).rows == {}
    held = [msgspec.to_builtins(HELD[0]) | {"price": text}]
    assert read_as(HOLDS, held) is None


FINEST = st.builds(
    "{}.{}e{}".format, st.integers(0, 10**15), st.from_regex(r"[0-9]{1,30}", fullmatch=True), st.integers(-29, 0)
)


@given(FINEST, FINEST)
def test_what_is_written_of_any_two_prices_can_be_read(price: str, before: str) -> None:
    """Seen failing with percents of twenty digits: what one side wrote, the other left out."""
    try:
        now, ref = money.price(price), money.price(before)
    except ValueError:
        return
    percent = money.plain(money.percent(now, ref))
    premium = money.plain(money.percent(now, ref * ref))
    row = msgspec.structs.replace(
        GOOD, price=money.plain(now), ref=money.plain(ref), change_pct=percent, premium_pct=premium
    )
    assert read(BTC=msgspec.json.encode(row)).rows == {"BTC": row}
    show(BoardState(1, T, {"BTC": row}))


def test_a_time_that_no_calendar_has_is_left_out() -> None:
    """Seen failing with a time that is any number: a year beyond 9999 broke the status page."""
    report, holds = msgspec.to_builtins(REPORTED), msgspec.to_builtins(HELD)
    for place in (report["sources"]["upbit"], *report["incidents"], *holds):
        for name in [name for name in place if f"_{name}".endswith("_ts")]:
            before, place[name] = place[name], 2**53
            found = (read_as(REPORT, report), read_as(HOLDS, holds))
            assert None in found, (name, found)
            place[name] = before
    assert None not in (read_as(REPORT, report), read_as(HOLDS, holds))


def read_as(decoder: msgspec.json.Decoder[Any], told: Any) -> Any:
    return Checked(QUIET).decoded("x", "x", decoder, json.dumps(told).encode())


@settings(max_examples=150)
@given(st.data())
def test_a_report_with_an_odd_field_is_left_out_or_can_be_shown(data: st.DataObject) -> None:
    """Seen failing with a price that is any text: the status page could not be written."""
    report, holds = msgspec.to_builtins(REPORTED), msgspec.to_builtins(HELD)
    premium = report["premium"]["krw"]
    places = [report["sources"]["upbit"], premium["rate"], premium, premium["abroad"], *report["incidents"], *holds]
    place = data.draw(st.sampled_from(places))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(odd)
    checked = Checked(QUIET)
    show(
        BoardState(1, T, {"BTC": GOOD}),
        checked.decoded("report", "", REPORT, json.dumps(report).encode()),
        checked.decoded("holds", "", HOLDS, json.dumps(holds).encode()),
    )


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(["revision", "ts", "notice", "hidden", "BTC"]), st.binary(max_size=12)))
def test_no_bytes_in_a_board_make_it_fail(fields: dict[str, bytes]) -> None:
    """Seen failing with a revision that is taken for a number."""
    for moving, frozen, editor in ((fields, {}, {}), ({}, fields, fields), ({}, {}, fields)):
        show(Checked(QUIET).board("krw", moving, frozen, editor))


def test_a_row_under_anothers_name_is_left_out() -> None:
    assert read(ETH=msgspec.json.encode(GOOD)).rows == {}


def test_good_things_are_read_as_they_are() -> None:
    state = read(BTC=msgspec.json.encode(GOOD), revision=b"7", ts=b"%d" % T)
    assert state == BoardState(7, T, {"BTC": GOOD})
    assert Checked(QUIET).decoded("report", "", REPORT, msgspec.json.encode(REPORTED)) == REPORTED


def test_each_kind_of_nonsense_is_said_once_and_on_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Seen failing with a line for each: whoever publishes nonsense filled the log."""
    checked = Checked(logging.getLogger("ticker.store"))
    for number in range(1000):
        checked.decoded("message", "x\ny", UPDATES, b'"\xff\n%d' % number)
        checked.board("krw", {"BTC": b"{", "revision": b"x"}, {}, {})
    said = [record.getMessage() for record in caplog.records]
    assert sorted(text.split(" ")[0] for text in said) == ["message", "revision", "row"]
    assert not [text for text in said if not text.isprintable()]


def test_no_value_of_redis_is_repeated_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Seen failing with msgspec's own words: they repeat a state that is none."""
    log, row = logging.getLogger("ticker.store"), msgspec.to_builtins(GOOD)
    for name in row:
        for value in ("hunter2", "hunter'2 hunter2", 'a"\nhunter2', ["hunter2"], {"hunter2": "hunter2"}):
            lines = [json.dumps(row | {name: value}, ensure_ascii=False), f"hunter2 {value}", f"{value}"]
            for line in (text for whole in lines for text in (whole, whole[:-3], f"{whole}hunter2")):
                Checked(log).board("krw", {"BTC": line.encode(), "revision": line.encode()}, {}, {})
    assert len(caplog.records) > 500
    assert not [text for record in caplog.records if "hunter2" in (text := record.getMessage())]


def test_markets_with_a_place_that_is_none_get_another_and_nobody_elses() -> None:
    """Fails when a new place is counted from how many there are: two markets would share their samples."""
    history = History()
    places = {"a": b"0", "b": b"x", "c": b"2", "d": b"2", "e": b"-1", "f": b"%d" % (HIGHEST_SLOT + 1), "g": b"1e3"}
    history.slots.update(Checked(QUIET).slots(places))
    assert history.slots == {"a": 0, "c": 2}
    history.open("b")
    history.open("d")
    assert history.slots == {"a": 0, "c": 2, "b": 3, "d": 4}
