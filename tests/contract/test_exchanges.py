"""Every exchange of the registry: its documented frames, its real captures, and what no parser may do."""

import base64
import gzip
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticker import money
from ticker.errors import BadFrame
from ticker.exchanges import EXCHANGES
from ticker.exchanges.exchange import Frame, read
from ticker.model import Event, Goodbye, Refused, Reply, Suspension, Tick

SAMPLES = Path(__file__).parents[1] / "samples"
CAPTURES = Path(__file__).parents[2].parent / "shared" / "captures"
HOSTILE = [
    b"",
    b"not json",
    b'{"type":"ticker"',
    b"\xff\xfe",
    b"[" * 2000,
    b"[" * 2000 + b"]" * 2000,
    b"null",
    b"0",
    b'"text"',
    b"[]",
    b"[[]]",
    b"{}",
    b"\x1f\x8b broken",
]
NO_PRICES = [
    "NaN",
    "Infinity",
    "-1",
    "0",
    '"NaN"',
    '"Infinity"',
    '"1_000"',
    '"１２３"',
    "-5",
    "1e400",
    "null",
    '""',
    "true",
    "[]",
]
PRICE_KEYS = re.compile(
    rb'("(?:trade_price|tp|price|last|close|c|p|a|lastPrice|last_price|lastPr|price_str|last_traded_price)":)("[^"]*"|[-0-9.eE+]+)'
)


def samples(name: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (SAMPLES / f"{name}.jsonl").read_bytes().splitlines() if line.strip()]


def framed(sample: dict[str, Any]) -> Frame:
    text: str = sample["frame"]
    return gzip.compress(text.encode()) if sample.get("gzip") else text


def told(event: Event) -> list[Any]:
    match event:
        case Tick(symbol, quote, price, ts):
            return ["tick", symbol, quote, money.plain(price), ts]
        case Suspension(symbol, quote, suspended, delisted):
            return ["suspension", symbol, quote, suspended, *(["delisted"] if delisted else [])]
        case Reply(text):
            return ["reply", text]
        case Refused():
            return ["refused"]
        case Goodbye():
            return ["goodbye"]


@pytest.mark.parametrize("name", EXCHANGES)
def test_documented_frames_mean_what_they_say(name: str) -> None:
    memory: dict[str, Any] = {}
    for sample in samples(name):
        assert [told(event) for event in read(EXCHANGES[name], framed(sample), memory)] == sample["events"], sample


@pytest.mark.parametrize("name", EXCHANGES)
def test_binary_and_text_frames_mean_the_same(name: str) -> None:
    text, binary = {}, {}  # type: dict[str, Any], dict[str, Any]
    for sample in samples(name):
        if not sample.get("gzip"):
            frame: str = sample["frame"]
            assert read(EXCHANGES[name], frame, text) == read(EXCHANGES[name], frame.encode(), binary)


def harmless(name: str, frame: Frame, memory: dict[str, Any]) -> None:
    """A frame is dropped, or its ticks are prices; nothing else may come of it."""
    try:
        events = read(EXCHANGES[name], frame, memory)
    except BadFrame:
        return
    for event in events:
        if isinstance(event, Tick):
            assert Decimal("1e-15") <= event.price <= Decimal("1e15")
            assert event.ts is None or isinstance(event.ts, int)


@pytest.mark.parametrize("frame", HOSTILE)
@pytest.mark.parametrize("name", EXCHANGES)
def test_malformed_frames_are_dropped(name: str, frame: bytes) -> None:
    harmless(name, frame, {})
    harmless(name, frame.decode("latin-1"), {})


@pytest.mark.parametrize("name", EXCHANGES)
def test_what_is_no_price_is_never_a_tick(name: str) -> None:
    for sample in samples(name):
        if sample.get("gzip"):
            continue
        frame: str = sample["frame"]
        for bad in NO_PRICES:
            harmless(name, PRICE_KEYS.sub(rb"\g<1>" + bad.encode(), frame.encode()), {})
        harmless(name, frame[: len(frame) // 2], {})


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_exception_but_badframe_escapes_any_parser(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(EXCHANGES)))
    sample = data.draw(st.sampled_from(samples(name)))
    frame = bytearray(sample["frame"].encode())
    for _ in range(data.draw(st.integers(0, 6))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    harmless(name, bytes(frame), {})
    harmless(name, gzip.compress(bytes(frame)), {})
    harmless(name, orjson.dumps(data.draw(JSON)), {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "code", "data", "event", "channel", "error", "ty", "cd"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


# -- real captures, read when they are there ---------------------------------------------------------------------------

needs_captures = pytest.mark.skipif(not CAPTURES.is_dir(), reason="the captures are not on this machine")
NUMBER = rb"(-?[0-9.]+(?:[eE][-+]?[0-9]+)?)"


def recorded(file: str) -> Iterator[bytes]:
    for line in (CAPTURES / file).read_bytes().splitlines():
        row = orjson.loads(line)
        if row.get("dir") == "recv":
            yield row["text"].encode()


@needs_captures
@pytest.mark.parametrize(
    ("name", "file", "least"),
    [
        ("upbit", "upbit/thin__UPBIT.ws.62.0.jsonl", 300),
        ("upbit", "upbit/profile2026__frames.jsonl", 2),
        ("bithumb", "bithumb/profile2026__v1_frames.jsonl", 4),
    ],
)
def test_real_frames_keep_the_exact_digits(name: str, file: str, least: int) -> None:
    found = 0
    for frame in recorded(file):
        events = read(EXCHANGES[name], frame, {})
        kind = re.search(rb'"(?:type|ty)":"(\w+)"', frame)
        if kind and kind[1] in {b"ticker", b"trade"}:
            written = re.search(rb'"(?:trade_price|tp)":' + NUMBER, frame)
            assert written
            ticks = [event for event in events if isinstance(event, Tick)]
            assert [tick.price for tick in ticks] == [Decimal(written[1].decode())]
            found += 1
        elif b'"error"' in frame:
            assert [type(event) for event in events] == [Refused]
        else:
            assert events == []
    assert found >= least


ANY_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
REAL = [
    ("binance", "binance/thin__BINANCE.ws.1.0.jsonl", '"e":"aggTrade"', '"p":"', 2),
    ("binance", "binance/thin__BINANCE_US.ws.1.0.jsonl", '"e":"aggTrade"', '"p":"', 11),
    ("bitfinex", "bitfinex/thin__BITFINEX.ws.11.0.jsonl", r"^\[\d+,\[(?:[^\[,]+,){6}", r"^\[\d+,\[(?:[^\[,]+,){6}", 21),
    ("bitstamp", "bitstamp/thin__BITSTAMP.ws.1.0.jsonl", '"event":"trade"', '"price_str":"', 10),
    ("coinbase", "coinbase/thin__COINBASE.ws.28.0.jsonl", '"type":"(?:ticker|match|last_match)"', '"price":"', 214),
    ("gate", "gate/thin__GATEIO.ws.1.0.jsonl", r'spot\.(?:tickers|trades)","event":"update', '"(?:last|price)":"', 31),
    ("gemini", "gemini/thin__GEMINI.ws.1.0.jsonl", '^{"type":"trade"', '"price":"', 16),
    ("htx", "htx/thin__HUOBI.ws.44.0.jsonl", r'"ch":"market\.\w+\.trade\.detail"', '"price":', 44),
    ("kucoin", "kucoin/thin__KUCOIN.ws.1.0.jsonl", r'"trade\.(?:ticker|l3match)"', '"price":"', 848),
    ("okx", "okx/thin__OKX.ws.1.0.jsonl", r'"(?:tickers|trades)","instId":"\w+-\w+"},"data', '"(?:last|px)":"', 94),
    ("okx", "okx/thin__OKCOIN.ws.1.0.jsonl", r'"(?:tickers|trades)","instId":"\w+-\w+"},"data', '"(?:last|px)":"', 12),
]
"""(exchange, recording, a frame that tells prices, what stands before a price, how many there are)."""


@needs_captures
@pytest.mark.parametrize(("name", "file", "priced", "key", "least"), REAL)
def test_recorded_tickers_and_trades_are_their_exact_prices(
    name: str, file: str, priced: str, key: str, least: int
) -> None:
    memory: dict[str, Any] = {}
    found = 0
    for line in (CAPTURES / file).read_bytes().splitlines():
        row = orjson.loads(line)
        if row["dir"] != "recv":
            continue
        text: str = row["text"]
        events = read(EXCHANGES[name], base64.b64decode(row["gzip_b64"]) if "gzip_b64" in row else text, memory)
        assert {type(event) for event in events} <= {Tick, Reply}, text
        prices = sorted(event.price for event in events if isinstance(event, Tick))
        if re.search(priced, text):
            assert prices == sorted(Decimal(number) for number in re.findall(key + NUMBER.decode(), text)), text
            found += 1
        else:
            assert set(prices) <= set(map(Decimal, ANY_NUMBER.findall(text))), text
    assert found == least


@needs_captures
def test_bithumbs_own_rolling_day_gives_our_percent() -> None:
    rolling = EXCHANGES["bithumb"].rolling
    assert rolling
    for line in (CAPTURES / "bithumb/cryptofeed__BITHUMB.0").read_bytes().splitlines():
        if b"/public/ticker/ALL_KRW ->" not in line:
            continue
        body = line[line.index(b'{"status"') :]
        before = rolling.parse(body)
        coins = {s: row for s, row in orjson.loads(body)["data"].items() if isinstance(row, dict)}
        dear = {s: row for s, row in coins.items() if Decimal(row["closing_price"]) >= 100}
        assert len(dear) == 110
        for symbol, row in dear.items():
            percent = money.percent(Decimal(row["closing_price"]), before[symbol])
            assert abs(percent - Decimal(row["fluctate_rate_24H"])) <= Decimal("0.01"), symbol
        return
    pytest.fail("the board is not in the file")
