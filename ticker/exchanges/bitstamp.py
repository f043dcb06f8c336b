"""Bitstamp, the oldest exchange still trading. Spot markets in USD, EUR, GBP, BTC, USDT and USDC.

Source: https://www.bitstamp.net/websocket/v2/ and /api/ (as probes of 2026-09 quote them). What its "change" means:
`percent_change_24` is about `open_24`, the price 24 hours ago, used until our history covers the day; `open` is the
open of the day in UTC, never used.

- There is no ticker channel: a price comes with its next trade. An unknown market is acknowledged and silent.
- One channel a frame, 512 bytes at most, or the connection ends; 1,024 channels a connection.
- `bts:request_reconnect` announces an end in a few seconds. A connection ends after 90 days.
- Codes run together in lower case: the list's names are remembered when subscribing. Those with a hyphen are futures.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

import orjson

from ticker import money
from ticker.exchanges import pairs
from ticker.exchanges.exchange import Candles, Exchange, Frame, Keepalive, Memory, Request, Rolling
from ticker.model import MINUTE, SYMBOL, Event, Goodbye, Market, Refused, Tick

QUOTES: Final = ("USD", "EUR", "GBP", "USDT", "USDC", "BTC", "ETH")
CHANNEL: Final = "live_trades_"


def _subscriptions(markets: Sequence[Market], memory: Memory, _now: int) -> list[str]:
    memory |= {market.code: (market.listed or market.symbol, market.quote) for market in markets}
    channels = [f"{CHANNEL}{market.code}" for market in markets]
    return [orjson.dumps({"event": "bts:subscribe", "data": {"channel": channel}}).decode() for channel in channels]


def parse(frame: Frame, memory: Memory) -> Iterator[Event]:
    """A trade; an error; an announced end; acks, heartbeats, orders and order books are nothing."""
    message = orjson.loads(frame)
    event, channel = message["event"], message.get("channel", "")
    if event == "trade" and channel.startswith(CHANNEL) and "-" not in channel:
        code, data = channel.removeprefix(CHANNEL), message["data"]
        symbol, quote = memory.get(code) or pairs.split(code, QUOTES)
        yield Tick(symbol, quote, money.price(data["price_str"]), int(data["microtimestamp"]) // 1000)
    elif event == "bts:error":
        yield Refused(f"{message['data'].get('code')} {message['data'].get('message')}"[:60])
    elif event == "bts:request_reconnect":
        yield Goodbye(event)


def _spot(body: bytes) -> list[dict[str, Any]]:
    return [row for row in orjson.loads(body) if row.get("market_type", "SPOT") == "SPOT"]


def parse_markets(body: bytes) -> list[Market]:
    """`/api/v2/markets/`: `counter_decimals` is the number of a price's digits."""
    return [
        Market(
            *("bitstamp", row["base_currency"], row["counter_currency"], row["market_symbol"]),
            tick_size=money.plain(Decimal(1).scaleb(-int(row["counter_decimals"]))),
            suspended=row["trading"] != "Enabled",
        )
        for row in _spot(body)
        if SYMBOL.fullmatch(row["base_currency"])
    ]


def _candles(market: Market, end: int, count: int) -> Request:
    span = f"start={(end - count * MINUTE) // 1000}&end={end // 1000 - 1}&limit={count}"
    return Request(f"/api/v2/ohlc/{market.code}/?step=60&{span}")


def parse_candles(body: bytes) -> list[tuple[int, Decimal]]:
    """Rows oldest first, everything in text."""
    return [(int(row["timestamp"]) * 1000, money.price(row["close"])) for row in orjson.loads(body)["data"]["ohlc"]]


def parse_rolling(body: bytes) -> dict[str, Decimal]:
    """`/api/v2/ticker/`: `open_24` of the USD markets."""
    told = [(*row["pair"].split("/"), money.number(row.get("open_24"))) for row in _spot(body)]
    return {symbol: before for symbol, quote, before in told if quote == "USD" and before and before > 0}


BITSTAMP: Final = Exchange(
    name="bitstamp",
    title={"ko": "비트스탬프", "en": "Bitstamp"},
    quotes=QUOTES,
    ws_url="wss://ws.bitstamp.net",
    rest_url="https://www.bitstamp.net",
    markets=(Request("/api/v2/markets/"),),
    parse_markets=parse_markets,
    subscribe=_subscriptions,
    parse=parse,
    keepalive=Keepalive(20.0, lambda _now: '{"event":"bts:heartbeat"}'),
    candles=Candles(_candles, parse_candles, most=1000, per_s=10.0),  # 10,000 in ten minutes
    rolling=Rolling(Request("/api/v2/ticker/"), parse_rolling, "USD"),
    silence_s=120.0,  # trades alone
    frame_gap_s=0.02,
    max_age_s=6_912_000.0,  # 80 days
)
