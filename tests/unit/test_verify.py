"""The account that `ticker verify` gives of a row."""

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.conftest import make_board, make_exchange
from ticker.exchanges.exchange import Request, Rolling
from ticker.model import DAY, MINUTE, BoardState, Row
from ticker.sample import pack
from ticker.tools.verify import judge, rolling

NOW = 1_613_986_399_000  # 2021-02-22 18:33:19 in Seoul
REF_TS = 1_613_899_980_000
BOARD = make_board("BTC", "EOS", sources=("alpha",))
ROW = Row(
    symbol="BTC",
    price="57895000",
    change_pct="3.79",
    ref="55780000",
    ref_ts=REF_TS,
    basis="history",
    source="alpha",
    ts=NOW - 40,
    received_ts=NOW,
    state="live",
)


def samples(middle: str | None = "55780000") -> list[tuple[int, int]]:
    """Three minutes before the one that counts, it, and three after."""
    prices = ["55770000", "55770000", "55775000", middle, "55790000", None, "55800000"]
    start = REF_TS - 4 * MINUTE
    return [(start + i * MINUTE, pack(Decimal(p)) if p else 0) for i, p in enumerate(prices)]


def told(found: list[tuple[int, int]] | None = None, *, now: int = NOW, frozen: bool = False, **changes: Any) -> str:
    row = msgspec.structs.replace(ROW, **changes)
    account = judge(BOARD, BoardState(frozen=frozen), row, samples() if found is None else found, now)
    return "\n".join(account.lines) + ("" if account.agrees else "\nWRONG")


def test_the_whole_account_of_the_articles_first_row() -> None:
    assert told().splitlines() == [
        "BTC on board krw: market alpha:BTC/KRW, state live",
        "price   57,895,000",
        "        traded 2021-02-22 18:33:18 Asia/Seoul, received 2021-02-22 18:33:19 Asia/Seoul",
        "ref     55,780,000",
        "        basis history, 2021-02-21 18:33:00 Asia/Seoul",
        "samples around now - 24 h, by the end of their minute:",
        "    2021-02-21 18:30:00 Asia/Seoul  55,770,000",
        "    2021-02-21 18:31:00 Asia/Seoul  55,770,000",
        "    2021-02-21 18:32:00 Asia/Seoul  55,775,000",
        "  > 2021-02-21 18:33:00 Asia/Seoul  55,780,000",
        "    2021-02-21 18:34:00 Asia/Seoul  55,790,000",
        "    2021-02-21 18:35:00 Asia/Seoul  —",
        "    2021-02-21 18:36:00 Asia/Seoul  55,800,000",
        "(57895000 - 55780000) / 55780000 * 100 = 3.79168161, half away from zero 3.79",
        "shown   3.79 %: agrees with 3.79 %, recomputed from the price of the sample",
    ]


@pytest.mark.parametrize(
    ("changes", "found", "sentence"),
    [
        ({"change_pct": "3.8"}, None, "shown   3.8 %: DISAGREES with 3.79 %"),
        ({}, samples("55000000"), "shown   3.79 %: DISAGREES with 5.26 %"),
        ({}, samples("55780001"), "DISAGREES: the reference is not the sample 55780001"),
        ({}, samples(None), "DISAGREES: no sample of that minute is in Redis"),
        ({}, [], "DISAGREES: no sample of that minute is in Redis"),
        ({"change_pct": None}, None, "shown   —: DISAGREES: a percent and its reference must come together"),
        ({"ref": None}, None, "DISAGREES: a percent and its reference must come together"),
        ({"ref": None, "change_pct": None, "basis": None}, None, "shown   —: DISAGREES: the samples know one"),
        ({"basis": "exchange", "change_pct": "3.7"}, [], "DISAGREES with 3.79 %"),
    ],
)
def test_a_wrong_percent_is_found(changes: dict[str, Any], found: list[tuple[int, int]], sentence: str) -> None:
    account = told(found, **changes)
    assert sentence in account
    assert account.endswith("WRONG")


@pytest.mark.parametrize(
    ("changes", "found", "sentence"),
    [
        ({"basis": "exchange"}, [], "agrees with 3.79 %, recomputed from the price of the reference"),
        ({"ref": None, "change_pct": None, "basis": None, "ref_ts": None}, [], "shown   —: right: no reference"),
        ({"price": None, "change_pct": None}, [], "no price yet, so there is nothing to verify"),
        ({"price": "1024", "ref": "1024", "change_pct": "0"}, samples("1024"), "agrees with 0 %"),
        ({"price": "992", "ref": "1024", "change_pct": "-3.13"}, samples("1024"), "= -3.12500000, half away"),
        ({"state": "closed", "reason": "suspended"}, None, "state suspended"),
    ],
)
def test_a_right_percent_is_right(changes: dict[str, Any], found: list[tuple[int, int]], sentence: str) -> None:
    account = told(found, **changes)
    assert sentence in account
    assert not account.endswith("WRONG")


def test_what_redis_must_have_forgotten_is_not_missed() -> None:
    """Frozen for hours, or the collector dead for hours: samples are kept for 26 hours."""
    account = told([], now=NOW + 3 * 60 * MINUTE)
    assert "the collector is silent" in account
    assert "recomputed from the price of the reference" in account
    assert "an editor has frozen this board" in told([], now=NOW + 3 * 60 * MINUTE, frozen=True)


def test_an_exchanges_own_figure_or_why_there_is_none() -> None:
    exchange = make_exchange("alpha")
    own = Rolling(Request("/rolling"), lambda _body: {}, "KRW")

    def ask(figure: Rolling | None) -> str:
        aimed = msgspec.structs.replace(exchange, rolling=figure)
        return asyncio.run(rolling(aimed, BOARD, "BTC", Decimal(1), None))

    assert ask(None) == "it publishes none"
    assert ask(msgspec.structs.replace(own, quote="BTC")) == "it publishes none"
    assert ask(own) == "not known: 127.0.0.1:1 cannot be reached (connection refused)"


def test_the_minute_that_counts_ends_a_day_before_now() -> None:
    assert REF_TS <= NOW - DAY < REF_TS + MINUTE
