"""GOPAX, a small Korean exchange. KRW markets and a few in USDC; most of them trade less than once a day.

Source: https://gopax.github.io/wsapi and https://gopax.github.io/API, measured by others on 2026-09-23. It tells no
change: `open` is the first trade after 00:00 KST, never used here.

- Tickers cannot be chosen: one subscription brings all of them, also of markets delisted long ago with their last
  values. What `/trading-pairs` does not list is delisted; there is no status.
- Each 30 seconds comes `"primus::ping::<ms>"`, a JSON string; its pong is due within 30 seconds, data or not.
- Minutes are the normal silence. A connection lives 24 hours. A trade's time is in seconds, a ticker's in ms.
- Candles run over every minute from `start` to `end`, both included; a silent minute repeats the last close.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

import orjson

from ticker import money
from ticker.exchanges.exchange import Candles, Exchange, Frame, Keepalive, Memory, Request
from ticker.model import MINUTE, SYMBOL, Event, Market, Refused, Reply, Tick

PING: Final = "primus::ping::"
PONG: Final = "primus::pong::"
SUBSCRIPTION: Final = '{"n":"SubscribeToTickers","o":{}}'
PUBLIC_TRADE: Final = "PublicTradeEvent"


def parse(frame: Frame, _memory: Memory) -> Iterator[Event]:
    """All tickers, those that changed, or a trade; a ping; a failure; order books and foreign events are nothing."""
    message = orjson.loads(frame)
    if isinstance(message, str):
        if message.startswith(PING):
            yield Reply(orjson.dumps(PONG + message.removeprefix(PING)).decode())
        return
    kind, body = message["n"], message.get("o")
    if not isinstance(body, dict):
        return
    if body.get("result") is False:
        yield Refused(f"{kind}: {body.get('errCode')} {body.get('errData')}"[:60])
    elif kind == "SubscribeToTickers":
        yield from _ticks(body["data"])
    elif kind == "TickerEvent":
        yield from _ticks(body.values())
    elif kind == PUBLIC_TRADE:
        symbol, quote = body["tradingPairName"].split("-")
        at = money.number(body.get("occurredAt"))
        yield Tick(symbol, quote, money.price(body["price"]), round(at * 1000) if at and at > 0 else None)


def _ticks(rows: Iterable[dict[str, Any]]) -> Iterator[Tick]:
    """A market that never traded has no last price."""
    for row in rows:
        if row.get("last"):
            symbol, quote = row["tradingPairName"].split("-")
            ts = row.get("lastTraded")
            yield Tick(symbol, quote, money.price(row["last"]), ts if type(ts) is int and ts > 0 else None)


def parse_markets(body: bytes) -> list[Market]:
    """`/trading-pairs`: whatever is listed trades."""
    return [
        Market("gopax", row["baseAsset"], row["quoteAsset"], row["name"])
        for row in orjson.loads(body)
        if SYMBOL.fullmatch(row["baseAsset"])
    ]


def _candles(market: Market, end: int, count: int) -> Request:
    span = f"start={end - count * MINUTE}&end={end - MINUTE}"
    return Request(f"/trading-pairs/{market.code}/candles?{span}&interval=1")


def parse_candles(body: bytes) -> list[tuple[int, Decimal]]:
    """Rows of (ms, low, high, open, close, volume)."""
    return [(int(row[0]), money.price(row[4])) for row in orjson.loads(body) if row[4]]


GOPAX: Final = Exchange(
    name="gopax",
    title={"ko": "고팍스", "en": "GOPAX"},
    quotes=("KRW", "USDC"),
    ws_url="wss://wsapi.gopax.co.kr",
    rest_url="https://api.gopax.co.kr",
    markets=(Request("/trading-pairs"),),
    parse_markets=parse_markets,
    subscribe=lambda _markets, _memory, _now: [SUBSCRIPTION],
    parse=parse,
    keepalive=Keepalive(20.0),
    candles=Candles(_candles, parse_candles, most=500, per_s=10.0),  # 20 a second
    silence_s=300.0,
    connects_per_s=5.0,  # 20 a second
    max_age_s=82800.0,
)
