"""Bitget, spot markets in USDT, USDC, BTC and others, by its v2 stream.

Source: https://www.bitget.com/api-doc (read 2026-11; the stream as probes of 2026-09 quote it). What its "change"
means: `change24h` (a fraction) and REST's `open` are about 24 hours, and agree; the stream's `open24h` agrees with
neither, `openUtc` is the open of the day in UTC. REST's `open` is used until our own history covers the day.

- A text `ping` is answered by a text `pong`; without one for two minutes the connection ends.
- A subscribe frame holds 4,096 bytes at most; 240 frames an hour; an unknown market refuses only itself.
- Futures have the same codes: only `instType` SPOT is heard. Errors of REST come with status 200.
- Codes run together: the list's names are remembered when subscribing.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import orjson

from ticker import money
from ticker.exchanges import pairs
from ticker.exchanges.exchange import Candles, Exchange, Frame, Keepalive, Memory, Request, Rolling
from ticker.model import SYMBOL, Event, Market, Refused, Tick

QUOTES: Final = ("USDT", "USDC", "BTC", "ETH", "EUR")
PRICES: Final = {("SPOT", "ticker"): "lastPr", ("SPOT", "trade"): "price"}


def _subscriptions(markets: Sequence[Market], memory: Memory, _now: int) -> list[str]:
    memory |= {market.code: (market.listed or market.symbol, market.quote) for market in markets}
    topics = [{"instType": "SPOT", "channel": "ticker", "instId": market.code} for market in markets]
    chunks = [topics[i : i + 50] for i in range(0, len(topics), 50)]
    return [orjson.dumps({"op": "subscribe", "args": some}).decode() for some in chunks]


def parse(frame: Frame, memory: Memory) -> list[Event]:
    """A ticker or trades, oldest first; an error; acks, pongs, candles and order books are nothing."""
    if frame in {"pong", b"pong"}:
        return []
    message = orjson.loads(frame)
    if message.get("event") == "error":
        return [Refused(f"{message.get('code')} {message.get('msg')}"[:60])]
    topic = message["arg"]
    key = PRICES.get((topic["instType"], topic["channel"]))
    if key is None or "data" not in message:
        return []
    symbol, quote = memory.get(topic["instId"]) or pairs.split(topic["instId"], QUOTES)
    rows = sorted(message["data"], key=lambda row: int(row["ts"]))
    return [Tick(symbol, quote, money.price(row[key]), int(row["ts"])) for row in rows]


def _rows(body: bytes) -> list[Any]:
    answer = orjson.loads(body)
    if answer["code"] != "00000":
        raise ValueError(f"{answer['code']} {answer.get('msg')}"[:100])
    return list(answer["data"])


def parse_markets(body: bytes) -> list[Market]:
    """`/api/v2/spot/public/symbols`: what is neither online nor offline (halt, gray) is not open to everybody."""
    rows = [row for row in _rows(body) if row["status"] != "offline" and SYMBOL.fullmatch(row["baseCoin"])]
    steps = [money.plain(Decimal(1).scaleb(-int(row["pricePrecision"]))) for row in rows]
    told = [(("bitget", row["baseCoin"], row["quoteCoin"], row["symbol"]), row["status"] != "online") for row in rows]
    return [Market(*pair, step, suspended=halted) for (pair, halted), step in zip(told, steps, strict=True)]


def _candles(market: Market, end: int, count: int) -> Request:
    span = f"endTime={end}&limit={count + 1}"  # whether the end is included is not told
    return Request(f"/api/v2/spot/market/history-candles?symbol={market.code}&granularity=1min&{span}")


def parse_candles(body: bytes) -> list[tuple[int, Decimal]]:
    """Rows of (ms, open, high, low, close, ...) in text, oldest first."""
    return [(int(row[0]), money.price(row[4])) for row in _rows(body)]


def parse_rolling(body: bytes) -> dict[str, Decimal]:
    """`/api/v2/spot/market/tickers`: `open` of the USDT markets."""
    rows = [row for row in _rows(body) if row["symbol"].endswith("USDT")]
    told = [(row["symbol"].removesuffix("USDT"), money.number(row.get("open"))) for row in rows]
    return {symbol: before for symbol, before in told if before and before > 0}


BITGET: Final = Exchange(
    name="bitget",
    title={"ko": "비트겟", "en": "Bitget"},
    quotes=QUOTES,
    ws_url="wss://ws.bitget.com/v2/ws/public",
    rest_url="https://api.bitget.com",
    markets=(Request("/api/v2/spot/public/symbols"),),
    parse_markets=parse_markets,
    subscribe=_subscriptions,
    parse=parse,
    keepalive=Keepalive(25.0, lambda _now: "ping"),
    candles=Candles(_candles, parse_candles, most=199, per_s=8.0),  # 20 a second
    rolling=Rolling(Request("/api/v2/spot/market/tickers"), parse_rolling, "USDT"),
    silence_s=30.0,
    most_markets=150,
    connects_per_s=0.5,  # 300 in five minutes
    frame_gap_s=0.2,  # 10 a second
)
