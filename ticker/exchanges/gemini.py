"""Gemini, the American exchange. Spot markets in USD, EUR, GBP, SGD, BTC, ETH, USDC and others.

Source: https://developer.gemini.com (streams, market data; stored copies and probes of 2026-09, read 2026-11). What its
"change" means: `percentChange24h`, the only figure told for all markets at once, is about 24 hours, but some read it as
a fraction where the document shows percents: never used. Candles of the last day decide.

- There is no ticker stream: a price comes with its next trade, which has no event name, and a time in nanoseconds.
- One unknown stream refuses its whole frame. The archived socket (`/v2/marketdata`) is read as well; it begins with
  fifty trades in no order: the newest counts.
- `tick_size` of the market list is about quantities; `quote_increment` is the step of prices. Names ending in PERP
  are futures. Codes run together: the list's names are remembered when subscribing (BTCGUSD is not BTCG).
- A page of candles is always the last 1,440 minutes: the first percent comes two minutes after a start.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import orjson

from ticker import money
from ticker.exchanges import pairs
from ticker.exchanges.exchange import Candles, Exchange, Frame, Keepalive, Memory, Request
from ticker.model import SYMBOL, Event, Market, Refused, Tick

QUOTES: Final = ("RLUSD", "USD", "EUR", "GBP", "SGD", "USDT", "USDC", "BTC", "ETH", "LTC", "FIL", "SOL")
TRADED: Final = frozenset({"open", "limit_only"})
"""Not traded: closed, cancel_only, post_only."""
NANOSECONDS: Final = 1_000_000
CHUNK: Final = 50


def _subscriptions(markets: Sequence[Market], memory: Memory, _now: int) -> list[str]:
    memory |= {market.code: (market.listed or market.symbol, market.quote) for market in markets}
    streams = [f"{market.code}@trade" for market in markets]
    chunks = [streams[i : i + CHUNK] for i in range(0, len(streams), CHUNK)]
    return [orjson.dumps({"id": i, "method": "subscribe", "params": some}).decode() for i, some in enumerate(chunks, 1)]


def parse(frame: Frame, memory: Memory) -> list[Event]:
    """A trade; an error; acks, heartbeats, best offers, marks and order books are nothing."""
    message = orjson.loads(frame)
    if "error" in message or message.get("result") == "error":
        error = message.get("error") or {"code": message.get("reason")}
        return [Refused(f"{error.get('code')} {error.get('msg')}"[:60])]
    if "t" in message and message.get("e", "trade") == "trade":
        return [_tick(message["s"], message["p"], message["E"] // NANOSECONDS, memory)]
    trades = [message] if message.get("type") == "trade" else message.get("trades", [])
    newest = sorted(trades, key=lambda trade: (trade["timestamp"], trade["event_id"]))[-1:]
    return [_tick(trade["symbol"], trade["price"], trade["timestamp"], memory) for trade in newest]


def _tick(code: str, price: Any, ts: int, memory: Memory) -> Tick:
    symbol, quote = memory.get(code.lower()) or pairs.split(code, QUOTES)
    return Tick(symbol, quote, money.price(price), int(ts))


def parse_markets(body: bytes) -> list[Market]:
    """`/v1/symbols/details/all`."""
    return [
        Market(
            *("gemini", row["base_currency"], row["quote_currency"], row["symbol"].lower()),
            tick_size=money.plain(money.price(row["quote_increment"])),
            suspended=row["status"] not in TRADED,
        )
        for row in orjson.loads(body)
        if row.get("product_type", "spot") == "spot" and SYMBOL.fullmatch(row["base_currency"])
    ]


def _candles(market: Market, _end: int, _count: int) -> Request:
    return Request(f"/v2/candles/{market.code}/1m")


def parse_candles(body: bytes) -> list[tuple[int, Decimal]]:
    """Rows of (ms, open, high, low, close, volume), newest first."""
    return [(int(row[0]), money.price(row[4])) for row in orjson.loads(body)]


GEMINI: Final = Exchange(
    name="gemini",
    title={"ko": "제미니", "en": "Gemini"},
    quotes=QUOTES,
    ws_url="wss://ws.gemini.com",
    rest_url="https://api.gemini.com",
    markets=(Request("/v1/symbols/details/all"),),
    parse_markets=parse_markets,
    subscribe=_subscriptions,
    parse=parse,
    keepalive=Keepalive(20.0, lambda now: f'{{"id":{now},"method":"ping"}}'),
    candles=Candles(_candles, parse_candles, most=1440, per_s=1.0),  # 120 a minute
    silence_s=180.0,  # trades alone
    refuses_frames=True,
    most_markets=400,
    connects_per_s=0.5,  # 300 in five minutes
)
