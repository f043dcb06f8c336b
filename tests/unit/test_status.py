"""What `/v1/status` and `/status` say of boards, exchanges, holds and incidents."""

import re
from typing import Any

import msgspec
import orjson
import pytest

from tests.conftest import make_board
from tests.specification import check
from ticker.model import BoardState, Held, Row
from ticker.report import Incident, Leg, Legs, Report, SourceReport
from ticker.serve import wire
from ticker.serve.query import spoken
from ticker.serve.status import Known, told
from ticker.sidebar.status_page import STYLE, page

T = 1_790_000_000_000
BOARD = make_board("BTC", "ETH", "XRP", sources=("upbit", "bithumb"))
FINE = Known(
    Report({"upbit": SourceReport("live", T, 7, 0), "bithumb": SourceReport("live", T, 5, 0)}),
    [],
    reachable=True,
    heartbeat_age_ms=300,
    lag_ms=2,
    now=T,
    silent=False,
)


def row(symbol: str, ts: int, **more: Any) -> Row:
    return Row(symbol=symbol, price="100", source="upbit", ts=ts, received_ts=ts, **{"state": "live"} | more)


def board(**changes: Any) -> BoardState:
    rows = [row("BTC", T - 100), row("ETH", T - 5000), row("XRP", T - 90_000_000, state="closed", reason="delisted")]
    return BoardState(1, T, {r.symbol: r for r in rows}, **changes)


def tell(state: BoardState, known: Known = FINE, **changes: Any) -> dict[str, Any]:
    answer = told({"krw": BOARD}, {"krw": state}, msgspec.structs.replace(known, **changes))
    check("status", answer)
    return answer


def test_all_is_well() -> None:
    answer = tell(board())
    assert answer["state"] == "ok"
    assert answer["boards"][0]["rows"] == {"live": 2, "stale": 0, "held": 0, "closed": 1, "pending": 0}
    assert (answer["boards"][0]["oldest"]["symbol"], answer["boards"][0]["newest"]["symbol"]) == ("ETH", "BTC")
    assert answer["collector"] == {"state": "live", "heartbeat_age_ms": 300}
    assert answer["redis"] == {"state": "ok", "lag_ms": 2}


def test_a_server_that_never_heard_of_exchanges_claims_nothing_of_them() -> None:
    """Seen failing with five exchanges in trouble and nothing that ever happened, as what was last known."""
    answer = tell(BoardState(), msgspec.structs.replace(FINE, report=Report(), reachable=False, heartbeat_age_ms=None))
    assert (answer["exchanges"], answer["redis"]["state"]) == ([], "unreachable")
    written = page(answer, {"krw": BOARD}, "en")
    assert "nothing is known of the exchanges yet" in written
    assert "last known" not in written
    assert "What happened lately" not in written


def test_what_an_editor_hides_is_not_counted() -> None:
    answer = tell(board(hidden=frozenset({"ETH", "XRP"})))
    assert answer["boards"][0]["rows"]["live"] == 1
    assert answer["boards"][0]["oldest"]["symbol"] == "BTC"


def test_no_exchange_is_live_while_the_collector_is_silent() -> None:
    """Seen failing with what the collector said before it died."""
    silent = msgspec.structs.replace(FINE, silent=True)
    assert [(one["source"], one["state"]) for one in tell(board(), silent)["exchanges"]] == [
        ("upbit", "stale"),
        ("bithumb", "stale"),
    ]
    answer = orjson.loads(wire.boards({"krw": BOARD}, silent.sources, {}))
    assert [source["state"] for source in answer["boards"][0]["sources"]] == ["stale", "stale"]
    assert FINE.sources["upbit"].state == "live"


def test_an_exchange_that_nobody_collects_is_no_trouble() -> None:
    """Seen failing with one that was disabled told as `down`: `degraded` for good. Before a report all are missed."""
    told_of = Report({"bithumb": SourceReport("live", T, 5, 0)})
    answer = tell(board(), report=told_of)
    assert (answer["state"], [one["source"] for one in answer["exchanges"]]) == ("ok", ["bithumb"])
    nothing = tell(board(), report=Report())
    assert nothing["state"] == "degraded"
    assert [(one["source"], one["state"]) for one in nothing["exchanges"]] == [("upbit", "down"), ("bithumb", "down")]


def stale() -> BoardState:
    state = board()
    state.rows = {symbol: msgspec.structs.replace(r, state="stale") for symbol, r in state.rows.items()}
    return state


LATE = Report({"upbit": SourceReport("live", T, 7, 0), "bithumb": SourceReport("stale", T, 5, 2)})
HOLD = Held(T - 60_000, "upbit", "BTC", "984215000000", "57895000")


@pytest.mark.parametrize(
    ("state", "changes", "expected", "words"),
    [
        (board(), {"report": LATE}, "degraded", ["연결이 원활하지 않은 거래소: 빗썸."]),
        (board(), {"holds": [HOLD]}, "degraded", ["확인 중인 가격이 1건", "984,215,000,000", "57,895,000"]),
        (board(), {"reachable": False}, "degraded", ["저장소(Redis)에 연결되지 않아", "저장소 연결 안 됨"]),
        (board(), {"silent": True}, "down", ["수집기가 응답하지 않습니다."]),
        (stale(), {}, "down", ["실시간 가격이 없는 시세판이 있습니다.", "멈춤", "지연 3"]),
        (BoardState(), {}, "down", ["멈춤", "대기 3", "—"]),
    ],
)
def test_what_is_wrong_is_said(state: BoardState, changes: dict[str, Any], expected: str, words: list[str]) -> None:
    answer = tell(state, **changes)
    assert answer["state"] == expected
    shown = page(answer, {"krw": BOARD}, "ko")
    assert [word for word in words if word not in shown] == []


def test_a_board_that_an_editor_froze_is_not_down() -> None:
    state = stale()
    state.frozen = True
    answer = tell(state)
    assert answer["state"] == "degraded"
    shown = page(answer, {"krw": BOARD}, "ko")
    assert ">고정됨<" in shown
    assert "편집자가 고정한 시세판: krw." in shown


def test_all_is_well_does_not_say_that_a_frozen_board_moves() -> None:
    answer = tell(board(frozen=True))
    assert answer["state"] == "ok"
    assert "모든 시세판이 정상입니다. 편집자가 고정한 시세판: krw." in page(answer, {"krw": BOARD}, "ko")
    assert "Every board works as it should. Frozen by an editor: krw." in page(answer, {"krw": BOARD}, "en")


def test_incidents_and_holds_are_told_together_newest_first() -> None:
    incidents = [
        Incident(T - 1000, "source", "bithumb", board="krw", symbols=["BTC", "ETH"], to="upbit"),
        Incident(T - 90_000, "reconnect", "bithumb", last_ts=T - 2000, times=3),
    ]
    answer = tell(board(), report=Report(FINE.report.sources, {}, incidents), holds=[HOLD])
    assert [one["kind"] for one in answer["incidents"]] == ["source", "hold", "reconnect"]
    korean, english = (page(answer, {"krw": BOARD}, lang) for lang in ("ko", "en"))
    assert "krw 시세판의 거래소가 바뀌었습니다: 빗썸 → 업비트 (BTC 외 1종목)." in korean
    assert "빗썸 연결이 끊겼습니다. 모두 3번이며 마지막은" in korean
    assert "The exchange of board krw changed: Bithumb → Upbit (BTC and 1 more)." in english
    assert "The connection to Bithumb was lost. 3 times in all" in english


def test_the_premiums_legs_are_told_with_venue_and_time() -> None:
    premium = {"krw": Legs(Leg("1380.5", "upbit", T), {"BTC": Leg("1380.5", "binance", T), "ETH": None})}
    answer = tell(board(), report=Report(FINE.report.sources, premium))
    assert [(one["symbol"], one["source"]) for one in answer["premium"][0]["abroad"]] == [("BTC", "binance")]
    assert "1 USDT = 1,380.5 (업비트," in page(answer, {"krw": BOARD}, "ko")
    none = tell(board(), report=Report(FINE.report.sources, {"krw": Legs()}))
    assert "USDT 시세가 없어" in page(none, {"krw": BOARD}, "ko")


def test_a_strangers_words_cannot_become_markup() -> None:
    named = msgspec.structs.replace(BOARD, title={"ko": "<q>", "en": "<q>"})
    hostile = Incident(T, "source", "<i>", board="<u>", symbols=["<s>"], to="<i>")
    answer = told({"krw": named}, {"krw": board()}, msgspec.structs.replace(FINE, report=Report({}, {}, [hostile])))
    assert re.findall("<[qius]>", page(answer, {"krw": named}, "en").replace(STYLE, "")) == []


def test_the_page_reloads_itself_until_a_reader_stops_it() -> None:
    reloading, still = (page(tell(board()), {"krw": BOARD}, "en", refreshing=on) for on in (True, False))
    assert '<meta http-equiv="refresh" content="30">' in reloading
    assert '<a href="?lang=en&amp;refresh=off">stop</a>' in reloading
    assert "http-equiv" not in still
    assert '<a href="?lang=en">start</a>' in still
    assert '<a href="?lang=ko&amp;refresh=off" hreflang="ko"' in still


def test_simulated_prices_are_said_to_be() -> None:
    simulated = {"krw": msgspec.structs.replace(BOARD, simulated=True)}
    assert "모의 시세입니다." in page(tell(board()), simulated, "ko")
    assert "모의" not in page(tell(board()), {"krw": BOARD}, "ko")


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ({}, "", "ko"),
        ({}, "en-US,en;q=0.9,ko;q=0.8", "en"),
        ({}, "fr, ko-KR;q=0.9, en;q=0.8", "ko"),
        ({}, "ko;q=0.2, en;q=0.7", "en"),
        ({}, "ja", "ko"),
        ({"lang": "ko"}, "en", "ko"),
    ],
)
def test_the_language_is_the_readers(query: dict[str, str], accepted: str, language: str) -> None:
    assert spoken(query, accepted) == language
