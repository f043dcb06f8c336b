"""Real frames, read when they are there: every ticker and trade is its exact price, everything else is nothing.

Recordings of whole connections, frames written down by others, and the fixtures of other clients. What belongs to a
retired form is not read; no capture is left out by oversight.
"""

import base64
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from ticker import money
from ticker.errors import BadFrame
from ticker.exchanges import EXCHANGES
from ticker.exchanges.exchange import read
from ticker.model import Refused, Reply, Suspension, Tick

CAPTURES = Path(__file__).parents[2].parent / "shared" / "captures"

needs_captures = pytest.mark.skipif(not CAPTURES.is_dir(), reason="the captures are not on this machine")
NUMBER = rb"(-?[0-9.]+(?:[eE][-+]?[0-9]+)?)"


def recorded(file: str) -> Iterator[bytes]:
    for line in (CAPTURES / file).read_bytes().splitlines():
        row = orjson.loads(line)
        if row.get("dir") == "recv":
            yield row["text"].encode()


KOREAN = [
    ("upbit", "upbit/thin__UPBIT.ws.62.0.jsonl", 300),
    ("upbit", "upbit/profile2026__frames.jsonl", 2),
    ("bithumb", "bithumb/profile2026__v1_frames.jsonl", 4),
]


@needs_captures
@pytest.mark.parametrize(("name", "file", "least"), KOREAN)
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


EARLIER = re.compile(r'^\[\d+,\[\[|"trades":\[')
"""A list of earlier trades, with which a channel begins: the newest is its price."""
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
            assert not prices or EARLIER.search(text), text
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


# -- frames that others wrote down ------------------------------------------------------------------------------------

WRITTEN = [
    ("coinone", r'"(?:TICKER|TRADE)","data":\{"quote_currency', r'"(?:last|price)":"', 3),
    ("korbit", r'"type":"(?:ticker|trade)"', r'"(?:close|price)":"', 2),
    ("gopax", r'"(?:last|price)":', r'"(?:last|price)":', 3),
]
"""(exchange, a frame that tells prices, what stands before a price, how many there are)."""
REFUSALS = re.compile(r'"response_type":"ERROR"|"status":"fail"|"result":false')


@needs_captures
@pytest.mark.parametrize(("name", "priced", "key", "least"), WRITTEN)
def test_korean_frames_are_their_exact_prices_refusals_pings_or_nothing(
    name: str, priced: str, key: str, least: int
) -> None:
    memory: dict[str, Any] = {}
    found = 0
    for line in (CAPTURES / name / "profile2026__frames.jsonl").read_bytes().splitlines():
        row = orjson.loads(line)
        if row["dir"] != "recv":
            continue
        text: str = row["text"]
        events = read(EXCHANGES[name], text, memory)
        if re.search(priced, text):
            wanted = [Decimal(number) for number in re.findall(key + NUMBER.decode(), text)]
            assert sorted(event.price for event in events if isinstance(event, Tick)) == sorted(wanted), text
            found += 1
        elif "primus::ping" in text:
            assert events == [Reply(text.replace("ping", "pong"))]
        else:
            assert [type(event) for event in events] == ([Refused] if REFUSALS.search(text) else []), text
    assert found == least


# -- fixtures of other clients ----------------------------------------------------------------------------------------

FIXTURES = [
    ("binance", "Ticker", r'"c": "'),
    ("bitfinex", "Ticker", r"\[\s+\d+,\s+\[(?:[^,]+,){6}\s+"),
    ("bybit", "Ticker", r'"lastPrice": "'),
    ("cryptocom", "Ticker", r'"a": "'),
    ("cryptocom", "Trades", r'"p": "'),
    ("htx", "Ticker", r'"lastPrice": '),
    ("kraken", "Ticker", r'"last": '),
    ("kucoin", "Ticker", r'"price": "'),
    ("kucoin", "Tickers", r'"price": "'),
    ("okx", "Ticker", r'"last": "'),
    ("upbit", "Tickers", r'"trade_price": '),
]
"""(exchange, subject, what stands before the price)."""
FOREIGN = [
    *(("binance", "Klines"), ("bitfinex", "Klines"), ("cryptocom", "Klines"), ("htx", "Klines"), ("htx", "Tickers")),
    *(("kraken", "Kline"), ("kucoin", "Klines"), ("okx", "Klines"), ("upbit", "Kline")),
    *(("coinbase", "Ticker"), ("coinbase", "Klines")),  # of another product, Advanced Trade
]


def fixture(name: str, subject: str) -> tuple[list[str], str]:
    """The acks, and the message."""
    text = (CAPTURES / name / f"jkorf__ws__{subject}.txt").read_text(encoding="utf-8-sig").replace("|1|", "1")
    acks = [line.removeprefix("< ") for line in text.splitlines() if line.startswith("< ")]
    return acks, text.split("\n=", 1)[1]


@needs_captures
@pytest.mark.parametrize(("name", "subject", "key"), FIXTURES)
def test_fixtures_of_tickers_and_trades_are_their_exact_price(name: str, subject: str, key: str) -> None:
    memory: dict[str, Any] = {}
    acks, message = fixture(name, subject)
    assert [event for ack in acks for event in read(EXCHANGES[name], ack, memory)] == []
    events = [event for event in read(EXCHANGES[name], message, memory) if not isinstance(event, Suspension)]
    written = re.search(key + NUMBER.decode(), message)
    assert written
    assert [event.price for event in events if isinstance(event, Tick)] == [Decimal(written[1])]
    assert len(events) == 1


@needs_captures
@pytest.mark.parametrize(("name", "subject"), FOREIGN)
def test_fixtures_of_foreign_channels_are_nothing(name: str, subject: str) -> None:
    memory: dict[str, Any] = {}
    acks, message = fixture(name, subject)
    assert [event for frame in (*acks, message) for event in read(EXCHANGES[name], frame, memory)] == []


# -- nothing is left out ----------------------------------------------------------------------------------------------

RETIRED = {
    "bitget/thin__BITGET.ws.1.0.jsonl",
    "bithumb/legacy_pubwss_frames.jsonl",
    "bithumb/thin__BITHUMB.ws.1.0.jsonl",
    "bybit/thin__BYBIT.ws.25.0.jsonl",
    "bybit/thin__BYBIT.ws.26.0.jsonl",
    "kraken/thin__KRAKEN.ws.48.0.jsonl",
    "kraken/thin__KRAKEN.ws.49.0.jsonl",
}


@needs_captures
@pytest.mark.parametrize("file", sorted(RETIRED))
def test_a_retired_form_is_no_price_and_no_fault(file: str) -> None:
    """Its frames are read as nothing, or dropped as malformed; a refusal may be understood."""
    name, memory = file.partition("/")[0], {}  # type: str, dict[str, Any]
    for frame in recorded(file):
        try:
            events = read(EXCHANGES[name], frame, memory)
        except BadFrame:
            continue
        assert {type(event) for event in events} <= {Refused}, frame


@needs_captures
def test_every_recorded_connection_is_replayed() -> None:
    streams = {f"{path.parent.name}/{path.name}" for path in CAPTURES.glob("*/*") if "rest" not in path.name}
    streams = {file for file in streams if "__" in file and not re.search(r"/cryptofeed__", file)} | RETIRED
    read_here = {file for _, file, *_ in [*REAL, *KOREAN]} | RETIRED
    read_here |= {f"{name}/profile2026__frames.jsonl" for name, *_ in WRITTEN}
    read_here |= {f"{name}/jkorf__ws__{subject}.txt" for name, subject, *_ in [*FIXTURES, *FOREIGN]}
    assert streams - read_here == set()
