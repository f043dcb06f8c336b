"""Bybit, spot markets in USDT, USDC, BTC, EUR and others, by its v5 stream.

Source: https://bybit-exchange.github.io/docs/v5 (websocket, market; read 2026-11). What its "change" means:
`price24hPcnt` (a fraction) and `prevPrice24h` are about the price 24 hours ago, used until our history covers the day.

- A subscribe frame holds ten topics at most; one invalid topic refuses the whole frame.
- Spot tickers are always snapshots. The time of a ticker is the frame's, a trade has its own.
- Errors of REST come with status 200 and `retCode`. Only markets that trade are in the list.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import orjson

from ticker import money
from ticker.exchanges import pairs
from ticker.exchanges.exchange import Candles, Exchange, Frame, Keepalive, Memory, Request, Rolling
from ticker.model import MINUTE, SYMBOL, Event, Market, Refused, Tick

CHUNK: Final = 10


def _subscriptions(markets: Sequence[Market], _memory: Memory, _now: int) -> list[str]:
    topics = [f"tickers.{market.code}" for market in markets]
    chunks = [topics[i : i + CHUNK] for i in range(0, len(topics), CHUNK)]
    return [orjson.dumps({"op": "subscribe", "args": some}).decode() for some in chunks]


def parse(frame: Frame, _memory: Memory) -> list[Event]:
    """A ticker or trades; a failure; acks, pongs and order books are nothing."""
    message = orjson.loads(frame)
    topic = message.get("topic") or ""
    if message.get("success") is False:
        return [Refused(str(message.get("ret_msg"))[:60])]
    if topic.startswith("tickers."):
        row = message["data"]
        return [Tick(*pairs.split(row["symbol"]), money.price(row["lastPrice"]), int(message["ts"]))]
    if topic.startswith("publicTrade."):
        return [Tick(*pairs.split(row["s"]), money.price(row["p"]), int(row["T"])) for row in message["data"]]
    return []


def _rows(body: bytes) -> list[Any]:
    answer = orjson.loads(body)
    if answer["retCode"] != 0:
        raise ValueError(f"{answer['retCode']} {answer.get('retMsg')}"[:100])
    rows: list[Any] = answer["result"]["list"]
    return rows


def parse_markets(body: bytes) -> list[Market]:
    """`/v5/market/instruments-info`, without the markets whose code would be heard as another pair."""
    heard = [(row, *pairs.split(row["symbol"])) for row in _rows(body) if row["quoteCoin"] in pairs.QUOTES]
    return [
        Market("bybit", symbol, quote, row["symbol"], _step(row), suspended=row["status"] != "Trading")
        for row, symbol, quote in heard
        if (symbol, quote) == (row["baseCoin"], row["quoteCoin"]) and SYMBOL.fullmatch(symbol)
    ]


def _step(row: dict[str, Any]) -> str:
    return money.plain(money.price(row["priceFilter"]["tickSize"]))


def _candles(market: Market, end: int, count: int) -> Request:
    span = f"start={end - count * MINUTE}&end={end - MINUTE}&limit={count}"
    return Request(f"/v5/market/kline?category=spot&symbol={market.code}&interval=1&{span}")


def parse_candles(body: bytes) -> list[tuple[int, Decimal]]:
    """Rows of (ms, open, high, low, close, ...) in text, newest first; silent minutes repeat the last close."""
    return [(int(row[0]), money.price(row[4])) for row in _rows(body)]


def parse_rolling(body: bytes) -> dict[str, Decimal]:
    """`/v5/market/tickers`: `prevPrice24h` of the USDT markets."""
    found = {row["symbol"]: money.number(row.get("prevPrice24h")) for row in _rows(body)}
    return {code.removesuffix("USDT"): before for code, before in found.items() if code.endswith("USDT") and before}


BYBIT: Final = Exchange(
    name="bybit",
    title={"ko": "바이비트", "en": "Bybit"},
    quotes=("USDT", "USDC", "EUR", "BTC"),
    ws_url="wss://stream.bybit.com/v5/public/spot",
    rest_url="https://api.bybit.com",
    markets=(Request("/v5/market/instruments-info?category=spot"),),
    parse_markets=parse_markets,
    subscribe=_subscriptions,
    parse=parse,
    keepalive=Keepalive(20.0, lambda _now: '{"op":"ping"}'),
    candles=Candles(_candles, parse_candles, most=1000, per_s=20.0),  # 600 in five seconds
    rolling=Rolling(Request("/v5/market/tickers?category=spot"), parse_rolling, "USDT"),
    connects_per_s=1.0,  # 500 in five minutes
    refuses_frames=True,
    frame_gap_s=0.1,
)
