from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import make_board
from ticker.model import BoardState, Row
from ticker.report import SourceReport
from ticker.rows import same
from ticker.serve import wire

BOARD = msgspec.structs.replace(
    make_board("BTC", "ETH", "XRP", sources=("upbit", "bithumb")),
    names={s: {"ko": f"{s}코인", "en": f"{s} coin"} for s in ("BTC", "ETH", "XRP")},
)
ROW = Row(
    symbol="BTC",
    price="57895000",
    change_pct="3.79",
    ref="55780000",
    ref_ts=1613899980000,
    basis="history",
    source="bithumb",
    ts=1613986399000,
    received_ts=1613986399041,
    state="live",
)


def but(**changes: Any) -> Row:
    return msgspec.structs.replace(ROW, **changes)


def test_a_row_is_the_contracts_object_field_by_field() -> None:
    assert orjson.dumps(wire.row(ROW, "비트코인")).decode() == (
        '{"symbol":"BTC","name":"비트코인","price":"57895000","decimals":0,"change_pct":"3.79","ref":"55780000",'
        '"ref_ts":1613899980000,"basis":"history","source":"bithumb","ts":1613986399000,"received_ts":1613986399041,'
        '"state":"live","reason":null}'
    )


def test_a_premium_is_there_only_where_the_board_has_one() -> None:
    assert wire.row(but(premium_pct="1.2"), "x")["premium_pct"] == "1.2"
    assert wire.row(but(premium_pct=None), "x")["premium_pct"] is None
    assert "premium_pct" not in wire.row(ROW, "x")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, {}),
        ({"price": "1"}, {"price": "1"}),
        ({"change_pct": None}, {"change_pct": None}),
        ({"ref": None, "ref_ts": None}, {"ref": None, "ref_ts": None}),
        ({"state": "closed", "reason": "delisted"}, {"state": "closed", "reason": "delisted"}),
        ({"source": "upbit", "received_ts": 5}, {"source": "upbit", "received_ts": 5}),
        ({"premium_pct": None}, {"premium_pct": None}),
    ],
)
def test_an_update_says_what_it_always_says_and_what_changed(change: dict[str, Any], told: dict[str, Any]) -> None:
    always = {"symbol": "BTC", "price": "57895000", "change_pct": "3.79", "ts": 1613986399000}
    assert wire.change(but(**change), ROW) == always | told


def test_only_a_second_arrival_is_no_change() -> None:
    assert same(but(received_ts=9), ROW)
    for change in ({"price": "1"}, {"ts": 1}, {"state": "stale"}, {"premium_pct": None}, {"ts": 1, "received_ts": 2}):
        assert not same(but(**change), ROW)


texts = st.none() | st.sampled_from(["1", "2"])
changed = st.fixed_dictionaries({}, optional={"price": texts, "change_pct": texts, "ref": texts, "reason": texts})


@given(st.lists(changed, max_size=8))
def test_a_reader_who_applies_every_update_has_the_newest_row(changes: list[dict[str, Any]]) -> None:
    seen, before = wire.row(ROW, "비트코인"), ROW
    for change in changes:
        now = msgspec.structs.replace(before, **change)
        seen, before = seen | wire.change(now, before), now
    assert seen == wire.row(before, "비트코인")


def test_rows_come_in_board_order_without_hidden_ones_and_pending_where_unknown() -> None:
    state = BoardState(rows={"BTC": ROW}, hidden=frozenset({"ETH"}))
    shown = wire.rows(BOARD, state, "en", None)
    assert [(r["symbol"], r["name"], r["state"]) for r in shown] == [
        ("BTC", "BTC coin", "live"),
        ("XRP", "XRP coin", "pending"),
    ]
    assert [r["symbol"] for r in wire.rows(BOARD, state, "ko", ("XRP", "ETH", "BTC"))] == ["BTC", "XRP"]


def test_a_snapshot_is_the_http_body_with_the_groups_number() -> None:
    state = BoardState(revision=41, ts=1613986399000, rows={"BTC": ROW}, notice="점검", frozen=True)
    body = wire.body(BOARD, state, "ko")
    head = ["v", "board", "quote", "title", "notice", "frozen", "sources", "seq", "ts"]
    assert [body[name] for name in head] == [
        *(1, "krw", "KRW", "시세", "점검", True),
        *({"upbit": "업비트", "bithumb": "빗썸"}, 41, 1613986399000),
    ]
    message = orjson.loads(wire.snapshot(BOARD, state, "ko", None, 7))
    assert message == {"type": "snapshot"} | body | {"seq": 7}
    assert list(message)[:2] == ["type", "v"]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (wire.update("krw", 2, 3, [{"a": 1}]), '{"type":"update","board":"krw","seq":2,"ts":3,"rows":[{"a":1}]}'),
        (wire.heartbeat("krw", 2, 3), '{"type":"heartbeat","board":"krw","seq":2,"ts":3}'),
        (wire.bye("restart", 1000), '{"type":"bye","reason":"restart","retry_ms":1000}'),
        (
            wire.subscribed("krw", ("A",), ["B"]),
            '{"type":"subscribed","board":"krw","symbols":["A"],"rejected":[{"symbol":"B","code":"unknown_symbol"}]}',
        ),
        (wire.pong(7, 3), '{"type":"pong","id":7,"ts":3}'),
        (wire.error("bad_json", "no"), '{"type":"error","code":"bad_json","message":"no"}'),
        (wire.failure("busy", "no"), '{"error":{"code":"busy","message":"no"}}'),
        (
            wire.history(BOARD, "BTC", "upbit", [(60000, "1.5")]),
            '{"v":1,"board":"krw","symbol":"BTC","quote":"KRW","source":"upbit","points":[[60000,"1.5"]]}',
        ),
        (wire.holds([]), '{"v":1,"holds":[]}'),
    ],
)
def test_every_other_message(message: bytes, text: str) -> None:
    assert message.decode() == text


def test_a_source_nobody_has_heard_of_is_down() -> None:
    body = orjson.loads(wire.boards({"krw": BOARD}, {"upbit": SourceReport("live", 5, 9, 2)}, {"flush_ms": 0}))
    assert body["limits"] == {"flush_ms": 0}
    assert [(s["source"], s["state"], s["last_tick_ts"]) for s in body["boards"][0]["sources"]] == [
        ("upbit", "live", 5),
        ("bithumb", "down", None),
    ]
