"""Every exchange's answers by HTTP: what its documented bodies mean, and that a wrong one is nothing but an error.

A line of `samples/<exchange>.rest.jsonl` is `{"what": markets|candles|rolling, "body", "means"}`, where `means` is
"error" for a body that must raise, or `{"what": "request", "market", "end", "count", "means": path}`.
"""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_broken_answer_raises_nothing_that_is_not_caught(data: st.DataObject) -> None:
    name, case = data.draw(st.sampled_from(BODIES))
    body = bytearray(case["body"].encode())
    for _ in range(data.draw(st.integers(1, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        meaning(EXCHANGES[name], case["what"], bytes(body))
    except PARSE_ERRORS:
        return
