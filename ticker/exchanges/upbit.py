"""Upbit, the Korean exchange with the greatest turnover. KRW, BTC and USDT markets.

Source: https://docs.upbit.com (websocket guide, quotation API; read 2026-10). What its "change" means: the move since
the close at 00:00 UTC (09:00 KST). It is never used here.

- Frames are binary JSON; there is no ack. Unknown codes are silent, a second subscription replaces the first.
- A request that carries an Origin header is limited to one in ten seconds: none is sent.
- Minutes without trades have no candle; `to` is exclusive and UTC.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

from msgspec import json

from ticker import money
from ticker.exchanges.exchange import Candles, Exchange, Frame, Keepalive, Memory, Request, only
from ticker.model import SYMBOL, Event, Market, Refused, Suspension, Tick

NAMES: Final = "error type code price traded framed halted state"
DEFAULT: Final = only("error type code trade_price trade_timestamp timestamp is_trading_suspended market_state", NAMES)
SIMPLE: Final = only("error ty cd tp ttms tms its ms", NAMES)
PRICED: Final = frozenset({"ticker", "trade"})
TRADED, DELISTED = frozenset({"ACTIVE", None}), "DELISTED"
"""Neither: PREVIEW. A `delisting_date` only announces a day; trading goes on until then."""


def subscription(codes: Sequence[str]) -> str:
    """One frame for the whole list: a second one would replace it."""
    return json.encode([{"ticket": str(uuid4())}, {"type": "ticker", "codes": codes}, {"format": "DEFAULT"}]).decode()


def parse(frame: Frame, memory: Memory) -> list[Event]:
    """A ticker or trade frame in DEFAULT or SIMPLE form, alone or in a list; an error; or `{"status":"UP"}`.

    `memory` holds whether each code was traded when last seen: only a change is an event.
    """
    simple = b'"ty"' in frame[:9] if isinstance(frame, bytes) else '"ty"' in frame[:9]  # the first key tells
    data = SIMPLE(frame) if simple else DEFAULT(frame)
    if isinstance(data, list):
        return [event for message in data for event in _message(message, memory)]
    return _message(data, memory)


def _message(message: Any, memory: Memory) -> list[Event]:
    if message.error is not None:
        return [Refused(str(message.error.get("name"))[:60])]
    if message.type not in PRICED:
        return []
    (quote_, symbol), ts = message.code.split("-"), message.traded or message.framed
    tick = Tick(symbol, quote_, money.price(message.price), ts if type(ts) is int and ts > 0 else None)
    said = Suspension(symbol, quote_, message.halted is True or message.state not in TRADED, message.state == DELISTED)
    if message.halted is message.state is None or memory.get(message.code) == said:
        return [tick]
    memory[message.code] = said
    return [said, tick]


def parse_markets(name: str, body: bytes) -> list[Market]:
    """`/v1/market/all`: a delisted pair is absent, there is no status; a name that is no pair's is left out."""
    pairs = [row["market"].partition("-") for row in json.decode(body)]
    return [Market(name, symbol, q, f"{q}-{symbol}") for q, _, symbol in pairs if SYMBOL.fullmatch(symbol)]


def parse_candles(body: bytes) -> list[tuple[int, Decimal]]:
    """Minute candles, newest first, silent minutes absent."""
    rows = [
        (datetime.fromisoformat(f"{row['candle_date_time_utc']}Z"), row["trade_price"]) for row in json.decode(body)
    ]
    return [(round(minute.timestamp()) * 1000, money.price(price)) for minute, price in rows]


def _candles(market: Market, end: int, count: int) -> Request:
    to = quote(datetime.fromtimestamp(end / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    return Request(f"/v1/candles/minutes/1?market={market.code}&to={to}&count={count}")


UPBIT: Final = Exchange(
    name="upbit",
    title={"ko": "업비트", "en": "Upbit"},
    quotes=("KRW", "BTC", "USDT"),
    ws_url="wss://api.upbit.com/websocket/v1",
    rest_url="https://api.upbit.com",
    markets=(Request("/v1/market/all"),),
    parse_markets=lambda body: parse_markets("upbit", body),
    subscribe=lambda markets, _memory, _now: [subscription([market.code for market in markets])],
    parse=parse,
    keepalive=Keepalive(15.0),  # closed after 60 s without a frame from us
    candles=Candles(_candles, parse_candles, most=200, per_s=8.0),  # 10 a second
    connects_per_s=2.0,  # 5 a second
    tick_table=(  # KRW, since 2025-07-31
        *(("1000000", "1000"), ("500000", "500"), ("100000", "100"), ("50000", "50"), ("10000", "10"), ("5000", "5")),
        *(("100", "1"), ("10", "0.1"), ("1", "0.01"), ("0.1", "0.001"), ("0.01", "0.0001"), ("0.001", "0.00001")),
        *(("0.0001", "0.000001"), ("0.00001", "0.0000001"), ("0", "0.00000001")),
    ),
)
