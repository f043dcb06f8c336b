"""Coinbase Exchange, the American exchange. USD markets, and a few in EUR, GBP, USDT, USDC and BTC.

Source: https://docs.cdp.coinbase.com/exchange (websocket channels, product candles; read 2026-11). Its ticker tells no
percent, only `open_24h`, the price 24 hours ago.

- A client must subscribe within five seconds. The first frames repeat the last trade, however old it is.
- Minutes without trades have no candle, and candles before the asked start may come along.
- A delisted product stays in the list.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import orjson

from ticker import money
from ticker.exchanges.exchange import Candles, Exchange, Frame, Keepalive, Memory, Request
from ticker.model import MINUTE, SYMBOL, Event, Market, Refused, Tick

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)
PRICED: Final = frozenset({"ticker", "ticker_batch", "match", "last_match"})
CHUNK: Final = 100


def subscription(codes: list[str]) -> str:
    """The tickers of some products; a further frame adds to it."""
    return orjson.dumps({"type": "subscribe", "product_ids": codes, "channels": ["ticker"]}).decode()


def parse(frame: Frame, _memory: Memory) -> Iterator[Event]:
    """A ticker or a match; an error; everything else (subscriptions, heartbeat, order books, status) is nothing."""
    message = orjson.loads(frame)
    kind = message.get("type")
    if kind in PRICED:
        symbol, quote = message["product_id"].split("-")
        at = message.get("time")
        ts = (datetime.fromisoformat(at) - EPOCH) // MILLISECOND if at else None
        yield Tick(symbol, quote, money.price(message["price"]), ts)
    elif kind == "error":
        yield Refused(f"{message.get('message')}: {message.get('reason')}"[:60])


def parse_markets(body: bytes) -> list[Market]:
    """`/products`: a product is suspended when it is not online, or when nothing can trade on it."""
    return [
        Market(
            "coinbase",
            row["base_currency"],
            row["quote_currency"],
            row["id"],
            tick_size=money.plain(money.price(row["quote_increment"])),
            suspended=row["status"] != "online" or any(row.get(key) for key in ("trading_disabled", "cancel_only")),
            delisted=row["status"] == "delisted",
        )
        for row in orjson.loads(body)
        if SYMBOL.fullmatch(row["base_currency"])
    ]


def _candles(market: Market, end: int, count: int) -> Request:
    first, last = (datetime.fromtimestamp(ms // 1000, UTC) for ms in (end - count * MINUTE, end - MINUTE))
    span = f"start={first:%Y-%m-%dT%H:%M:%SZ}&end={last:%Y-%m-%dT%H:%M:%SZ}"
    return Request(f"/products/{market.code}/candles?granularity=60&{span}")


def parse_candles(body: bytes) -> list[tuple[int, Decimal]]:
    """Rows of (second, low, high, open, close, volume), newest first, silent minutes absent."""
    return [(int(row[0]) * 1000, money.price(row[4])) for row in orjson.loads(body)]


COINBASE: Final = Exchange(
    name="coinbase",
    title={"ko": "코인베이스", "en": "Coinbase"},
    quotes=("USD", "USDT", "USDC", "EUR", "GBP", "BTC"),
    ws_url="wss://ws-feed.exchange.coinbase.com",
    rest_url="https://api.exchange.coinbase.com",
    markets=(Request("/products"),),
    parse_markets=parse_markets,
    subscribe=lambda markets, _memory, _now: [
        subscription([market.code for market in markets[i : i + CHUNK]]) for i in range(0, len(markets), CHUNK)
    ],
    parse=parse,
    keepalive=Keepalive(15.0),
    candles=Candles(_candles, parse_candles, most=300, per_s=5.0),  # 10 a second
    refuses_frames=True,
    most_markets=300,
    connects_per_s=4.0,  # 8 a second
    frame_gap_s=0.05,  # 100 messages a second
)
