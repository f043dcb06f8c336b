"""Every exchange's answers by HTTP: what its documented bodies mean, and that a wrong one is nothing but an error.

A line of `samples/<exchange>.rest.jsonl` is `{"what": markets|candles|rolling, "body", "means"}`, where `means` is
"error" for a body that must raise, or `{"what": "request", "market", "end", "count", "means": path}`.
"""

import contextlib
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oddities import odd
from ticker import money
from ticker.exchanges import EXCHANGES, Exchange
from ticker.exchanges.exchange import PARSE_ERRORS
from ticker.model import Market

SAMPLES = Path(__file__).parents[1] / "samples"
CASES: list[tuple[str, dict[str, Any]]] = [
    (path.name.removesuffix(".rest.jsonl"), orjson.loads(line))
    for path in sorted(SAMPLES.glob("*.rest.jsonl"))
    for line in path.read_bytes().splitlines()
]
BODIES = [(name, case) for name, case in CASES if "body" in case]


def meaning(exchange: Exchange, what: str, body: bytes) -> Any:
    """An answer in the words of the sample files."""
    if what == "markets":
        found = exchange.parse_markets(body)
        assert {market.exchange for market in found} <= {exchange.name}
        gone = ["delisted"]
        return [[m.symbol, m.quote, m.code, m.tick_size, m.suspended, *(gone if m.delisted else ())] for m in found]
    if what == "candles":
        assert exchange.candles
        return [[minute, money.plain(close)] for minute, close in exchange.candles.parse(body)]
    assert exchange.rolling
    return {symbol: money.plain(before) for symbol, before in exchange.rolling.parse(body).items()}


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}-{case['what']}" for name, case in CASES])
def test_documented_answers_mean_what_they_say(name: str, case: dict[str, Any]) -> None:
    exchange = EXCHANGES[name]
    if case["what"] == "request":
        assert exchange.candles
        request = exchange.candles.request(Market(name, *case["market"]), case["end"], case["count"])
        assert request.path == case["means"]
    elif case["means"] == "error":
        with pytest.raises(PARSE_ERRORS):
            meaning(exchange, case["what"], case["body"].encode())
    else:
        assert meaning(exchange, case["what"], case["body"].encode()) == case["means"]


@pytest.mark.parametrize("name", EXCHANGES)
@settings(max_examples=40)
@given(data=st.data())
def test_a_broken_answer_raises_nothing_that_is_not_caught(name: str, data: st.DataObject) -> None:
    """Its documented answers with other values or other bytes in them.

    Seen failing without `TypeError` among what reading a malformed answer may raise.
    """
    case = data.draw(st.sampled_from([case for whose, case in BODIES if whose == name]))
    with contextlib.suppress(*PARSE_ERRORS):
        meaning(EXCHANGES[name], case["what"], data.draw(odd(case["body"].encode())))
