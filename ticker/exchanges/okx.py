"""OKX, spot markets in USDT, USDC, USD, EUR, BTC and others.

Source: https://www.okx.com/docs-v5/en (websocket, market data; read 2026-11). What its "change" means: it tells none,
but `open24h`, the price 24 hours ago; `sodUtc0` and `sodUtc8` are the days' opens of two time zones, never used here.

- Cut after 30 seconds without traffic: a text `ping` is answered by a text `pong`, both without JSON.
- 480 subscribe frames an hour and connection, each of at most 64 KB. An unknown market refuses only itself.
- Notice 64008 announces a service upgrade half a minute or more ahead.
- Futures and swaps share the channels: only names of two parts are spot. Silent minutes repeat the last close.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import orjson

from ticker import money
from ticker.exchanges.exchange import Candles, Exchange, Frame, Keepalive, Memory, Request, Rolling
from ticker.model import SYMBOL, Event, Goodbye, Market, Refused, Tick

PRICES: Final = {"tickers": "last", "trades": "px", "trades-all": "px"}
UPGRADE: Final = "64008"
CHUNK: Final = 100


def _subscriptions(markets: Sequence[Market], _memory: Memory, _now: int) -> list[str]:
    topics = [{"channel": "tickers", "instId": market.code} for market in markets]
    chunks = [topics[i : i + CHUNK] for i in range(0, len(topics), CHUNK)]
    return [orjson.dumps({"op": "subscribe", "args": some}).decode() for some in chunks]


def parse(frame: Frame, _memory: Memory) -> list[Event]:
    """A ticker or trades of spot; an error; the notice of an upgrade; acks, pongs and order books are nothing."""
    if frame in {"pong", b"pong"}:
        return []
    message = orjson.loads(frame)
    event = message.get("event")
    if event == "error":
        return [Refused(f"{message.get('code')} {message.get('msg')}"[:60])]
    if event == "notice":
        return [Goodbye(str(message.get("msg"))[:60])] if message.get("code") == UPGRADE else []
    key = PRICES.get(message["arg"]["channel"]) if event is None else None
    return [_tick(row, key) for row in message["data"] if row["instId"].count("-") == 1] if key else []


def _tick(row: dict[str, Any], key: str) -> Tick:
    symbol, quote = row["instId"].split("-")
    return Tick(symbol, quote, money.price(row[key]), int(row["ts"]) if row.get("ts") else None)


def _rows(body: bytes) -> list[Any]:
    answer = orjson.loads(body)
    if answer["code"] != "0":
        raise ValueError(f"{answer['code']} {answer.get('msg')}"[:100])
    rows: list[Any] = answer["data"]
    return rows


def parse_markets(body: bytes) -> list[Market]:
    """`/api/v5/public/instruments`: `live` or `suspend`; what opens later (`preopen`) or is for tests is left out."""
    rows = [row for row in _rows(body) if row["state"] in {"live", "suspend"} and SYMBOL.fullmatch(row["baseCcy"])]
    pairs = [(row, ("okx", row["baseCcy"], row["quoteCcy"], row["instId"])) for row in rows]
    return [
        Market(*pair, money.plain(money.price(row["tickSz"])), suspended=row["state"] != "live") for row, pair in pairs
    ]


def _candles(market: Market, end: int, count: int) -> Request:
    return Request(f"/api/v5/market/history-candles?instId={market.code}&bar=1m&after={end}&limit={count}")


def parse_candles(body: bytes) -> list[tuple[int, Decimal]]:
    """Rows of (ms, open, high, low, close, ...) in text, newest first."""
    return [(int(row[0]), money.price(row[4])) for row in _rows(body)]


def parse_rolling(body: bytes) -> dict[str, Decimal]:
    """`/api/v5/market/tickers`: `open24h` of the USDT markets."""
    pairs = [(*row["instId"].split("-"), money.number(row.get("open24h"))) for row in _rows(body)]
    return {symbol: before for symbol, quote, before in pairs if quote == "USDT" and before and before > 0}


OKX: Final = Exchange(
    name="okx",
    title={"ko": "OKX", "en": "OKX"},
    quotes=("USDT", "USDC", "USD", "EUR", "BTC"),
    ws_url="wss://ws.okx.com:8443/ws/v5/public",
    rest_url="https://www.okx.com",
    markets=(Request("/api/v5/public/instruments?instType=SPOT"),),
    parse_markets=parse_markets,
    subscribe=_subscriptions,
    parse=parse,
    keepalive=Keepalive(20.0, lambda _now: "ping"),
    candles=Candles(_candles, parse_candles, most=300, per_s=8.0),  # 20 in two seconds
    rolling=Rolling(Request("/api/v5/market/tickers?instType=SPOT"), parse_rolling, "USDT"),
    connects_per_s=1.0,  # 3 a second
    frame_gap_s=0.4,
)
