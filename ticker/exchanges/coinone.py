"""Coinone, a Korean exchange. KRW markets only.

Source: https://docs.coinone.co.kr (public API v2 and websocket), measured by others on 2026-09-23. It tells no change
of 24 hours: `first` and `yesterday_last` belong to the calendar day. Of its minute chart neither the order is
documented nor what becomes of silent minutes: any order will do, and those are carried forward.

- One market a frame. An unknown pair is acknowledged first and refused after it, by an error that names no pair.
- The first frame after a subscription may carry an old time. No protocol pings come from the server.
- REST errors come with status 200. The `id` of a ticker row is no pair's name.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import orjson

from ticker import money
from ticker.exchanges.exchange import Candles, Exchange, Frame, Keepalive, Memory, Request
from ticker.model import SYMBOL, Event, Market, Refused, Tick

PRICES: Final = {"TICKER": "last", "TRADE": "price"}
PING: Final = '{"request_type":"PING"}'
TRADING: Final = 1
"""`trade_status`: 0 no trading, 1 buying and selling, 2 no buying, 3 no selling."""


def _subscription(market: Market) -> str:
    topic = {"quote_currency": market.quote, "target_currency": market.code}
    return orjson.dumps({"request_type": "SUBSCRIBE", "channel": "TICKER", "topic": topic}).decode()


def parse(frame: Frame, _memory: Memory) -> Iterator[Event]:
    """A ticker or a trade in the default format; an error; acks, PONG and other channels are nothing."""
    message = orjson.loads(frame)
    kind = message["response_type"]
    if kind == "ERROR":
        yield Refused(f"{message.get('error_code')} {message.get('message')}"[:60])
    elif kind == "DATA" and (key := PRICES.get(message["channel"])):
        data = message["data"]
        ts = data.get("timestamp")
        symbol, quote = data["target_currency"].upper(), data["quote_currency"].upper()
        yield Tick(symbol, quote, money.price(data[key]), ts if type(ts) is int and ts > 0 else None)


def parse_markets(body: bytes) -> list[Market]:
    """`/markets/KRW`; `price_unit` is the step at the present price, and is going to be removed."""
    return [_market(row) for row in _rows(body, "markets") if SYMBOL.fullmatch(row["target_currency"])]


def _rows(body: bytes, key: str) -> list[dict[str, Any]]:
    answer = orjson.loads(body)
    if answer.get("result") != "success":
        raise ValueError(answer.get("error_msg") or "an error")
    return list(answer[key])


def _market(row: dict[str, Any]) -> Market:
    step = money.number(row.get("price_unit"))
    return Market(
        "coinone",
        row["target_currency"],
        row["quote_currency"],
        row["target_currency"],
        tick_size=money.plain(step) if step else None,
        suspended=row["trade_status"] != TRADING or row["maintenance_status"] != 0,
    )


def _candles(market: Market, end: int, count: int) -> Request:
    span = f"timestamp={end}&size={count + 1}"  # of the last candle; whether it is included is not told
    return Request(f"/public/v2/chart/{market.quote}/{market.code}?interval=1m&{span}")


def parse_candles(body: bytes) -> list[tuple[int, Decimal]]:
    """Rows with the `timestamp` of their start."""
    return [(int(row["timestamp"]), money.price(row["close"])) for row in _rows(body, "chart")]


COINONE: Final = Exchange(
    name="coinone",
    title={"ko": "코인원", "en": "Coinone"},
    quotes=("KRW",),
    ws_url="wss://stream.coinone.co.kr",
    rest_url="https://api.coinone.co.kr",
    markets=(Request("/public/v2/markets/KRW"),),
    parse_markets=parse_markets,
    subscribe=lambda markets, _memory, _now: [_subscription(market) for market in markets],
    parse=parse,
    keepalive=Keepalive(20.0, lambda _now: PING),  # closed 30 minutes after the last one
    candles=Candles(_candles, parse_candles, most=499, per_s=8.0),  # 1,200 a minute
    silence_s=30.0,
    most_markets=400,  # 363 were carried by one; 20 connections per address
    frame_gap_s=0.02,  # 363 frames at once were not refused
)
