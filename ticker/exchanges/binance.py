"""Binance, the exchange with the greatest turnover. Spot markets in USDT, USDC, FDUSD, BTC and others.

Source: https://developers.binance.com (spot: streams, market data; read 2026-11). What its "change" means: the move
since `o`, the price exactly 24 hours ago, renewed each second; used until our history covers the day.

- A subscribe frame of more than 4,088 bytes is never answered; 5 frames a second, pings included; 1,024 streams.
- Unknown streams are acknowledged and silent. `serverShutdown` announces an end before the 24 hours of a connection.
- `BREAK` is a pause as well as the state of most delisted markets. A market younger than a day begins at trade 0.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from msgspec import json

from ticker import money
from ticker.exchanges import pairs
from ticker.exchanges.exchange import Candles, Exchange, Frame, Keepalive, Memory, Request, Rolling, only
from ticker.model import MINUTE, SYMBOL, Event, Goodbye, Market, Refused, Tick

TICKERS: Final = frozenset({"24hrTicker", "24hrMiniTicker"})
PRICED: Final = TICKERS | {"trade", "aggTrade"}
CHUNK: Final = 100
MESSAGE: Final = only("e s c p T E code msg error", within="data event")


def _subscriptions(markets: Sequence[Market], _memory: Memory, _now: int) -> list[str]:
    streams = [f"{market.code.lower()}@ticker" for market in markets]
    chunks = [streams[i : i + CHUNK] for i in range(0, len(streams), CHUNK)]
    return [json.encode({"method": "SUBSCRIBE", "params": some, "id": i}).decode() for i, some in enumerate(chunks, 1)]


def parse(frame: Frame, _memory: Memory) -> list[Event]:
    """A ticker or trade, alone, in a list, or wrapped with its stream's name; an error; an announced shutdown."""
    message = MESSAGE(frame)
    data = message if isinstance(message, list) else message.data or message.event or message
    return [event for row in data for event in _row(row)] if isinstance(data, list) else _row(data)


def _row(row: Any) -> list[Event]:
    if row.e in PRICED:
        price, ts = row.c if row.e in TICKERS else row.p, row.T or row.E
        return [Tick(*pairs.split(row.s), money.price(price), ts if type(ts) is int and ts > 0 else None)]
    if row.e == "serverShutdown":
        return [Goodbye(row.e)]
    error = row.error or (row.msg is not None and {"code": row.code, "msg": row.msg})
    return [Refused(f"{error.get('code')} {error.get('msg')}"[:60])] if error else []


def parse_markets(body: bytes) -> list[Market]:
    """`/api/v3/exchangeInfo`, without the markets whose code would be heard as another pair."""
    rows = json.decode(body)["symbols"]
    heard = [(row, *pairs.split(row["symbol"])) for row in rows if row["quoteAsset"] in pairs.QUOTES]
    return [
        Market("binance", symbol, quote, row["symbol"], _step(row), suspended=row["status"] != "TRADING")
        for row, symbol, quote in heard
        if (symbol, quote) == (row["baseAsset"], row["quoteAsset"]) and SYMBOL.fullmatch(symbol)
    ]


def _step(row: dict[str, Any]) -> str | None:
    found = money.number(next((one["tickSize"] for one in row.get("filters", ()) if "tickSize" in one), None))
    return money.plain(found) if found else None


def _candles(market: Market, end: int, count: int) -> Request:
    span = f"startTime={end - count * MINUTE}&endTime={end - 1}&limit={count}"
    return Request(f"/api/v3/klines?symbol={market.code}&interval=1m&{span}")


def parse_candles(body: bytes) -> list[tuple[int, Decimal]]:
    """Rows of (open time, open, high, low, close, volume, ...), oldest first; silent minutes repeat the last close."""
    return [(int(row[0]), money.price(row[4])) for row in json.decode(body)]


def parse_rolling(body: bytes) -> dict[str, Decimal]:
    """`/api/v3/ticker/24hr`: `openPrice` of the USDT markets that are older than a day and traded within it."""
    rows = [row for row in json.decode(body) if row["symbol"].endswith("USDT") and row["firstId"] > 0]
    return {row["symbol"].removesuffix("USDT"): money.price(row["openPrice"]) for row in rows}


BINANCE: Final = Exchange(
    name="binance",
    title={"ko": "바이낸스", "en": "Binance"},
    quotes=("USDT", "USDC", "FDUSD", "BTC", "EUR"),
    ws_url="wss://stream.binance.com:9443/stream",
    rest_url="https://api.binance.com",
    markets=(Request("/api/v3/exchangeInfo?permissions=SPOT&showPermissionSets=false"),),
    parse_markets=parse_markets,
    subscribe=_subscriptions,
    parse=parse,
    keepalive=Keepalive(20.0),
    candles=Candles(_candles, parse_candles, most=1000, per_s=10.0),  # weight 2 of 6,000 a minute
    rolling=Rolling(Request("/api/v3/ticker/24hr?type=MINI"), parse_rolling, "USDT"),
    connects_per_s=0.5,  # 300 in five minutes
    frame_gap_s=0.35,
    max_age_s=82800.0,
)
