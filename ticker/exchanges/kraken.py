"""Kraken, spot markets in USD, EUR, USDT, GBP, BTC and others, by its websocket v2.

Source: https://docs.kraken.com (websocket v2: ticker, trade, status; REST: asset pairs; read 2026-11). What its
"change" means: `change` and `change_pct` of the v2 ticker are about 24 hours. REST tells only `o`, the open of today in
UTC, and one-minute candles of the last 12 hours: neither is the price 24 hours ago, so our own history decides alone.

- v2 says BTC and DOGE where REST and v1 say XBT and XDG; `wsname` of the market list is v1's.
- Each symbol of a subscription is acknowledged or refused on its own. Prices are JSON numbers.
- A connection without traffic ends after a minute; 150 connections in ten minutes, then a block.
- Tokenized shares have names in lower case (AAPLx): left out.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

from ticker import money
from ticker.exchanges.exchange import Exchange, Frame, Keepalive, Memory, Request
from ticker.model import SYMBOL, Event, Market, Refused, Tick

PRICES: Final = {"ticker": "last", "trade": "price"}
OURS: Final = {"XBT": "BTC", "XDG": "DOGE"}
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)
CHUNK: Final = 100


def _subscriptions(markets: Sequence[Market], _memory: Memory, _now: int) -> list[str]:
    codes = [market.code for market in markets]
    asked = [{"channel": "ticker", "symbol": codes[i : i + CHUNK]} for i in range(0, len(codes), CHUNK)]
    return [
        orjson.dumps({"method": "subscribe", "params": params, "req_id": i}).decode()
        for i, params in enumerate(asked, 1)
    ]


def parse(frame: Frame, _memory: Memory) -> Iterator[Event]:
    """A ticker or trades; a failure; acks, pongs, heartbeats, status, candles and order books are nothing."""
    message = orjson.loads(frame)
    key = PRICES.get(message.get("channel"))
    if key is not None:
        for row in message["data"]:
            symbol, quote = row["symbol"].split("/")
            yield Tick(OURS.get(symbol, symbol), OURS.get(quote, quote), money.price(row[key]), _time(row))
    elif message.get("success") is False:
        yield Refused(str(message.get("error"))[:60])


def _time(row: dict[str, str]) -> int | None:
    at = row.get("timestamp")
    return (datetime.fromisoformat(at) - EPOCH) // MILLISECOND if at else None


def parse_markets(body: bytes) -> list[Market]:
    """`/0/public/AssetPairs`: what is not online can at most be cancelled or posted, and counts as suspended."""
    answer = orjson.loads(body)
    if answer["error"]:
        raise ValueError(str(answer["error"])[:100])
    rows = [row for row in answer["result"].values() if row.get("wsname")]
    pairs = [(row, *(OURS.get(name, name) for name in row["wsname"].split("/"))) for row in rows]
    return [
        Market(
            *("kraken", symbol, quote, f"{symbol}/{quote}"),
            tick_size=money.plain(money.price(row["tick_size"])) if row.get("tick_size") else None,
            suspended=row.get("status", "online") != "online",
        )
        for row, symbol, quote in pairs
        if SYMBOL.fullmatch(symbol) and SYMBOL.fullmatch(quote)
    ]


KRAKEN: Final = Exchange(
    name="kraken",
    title={"ko": "크라켄", "en": "Kraken"},
    quotes=("USD", "EUR", "USDT", "USDC", "GBP", "BTC"),
    ws_url="wss://ws.kraken.com/v2",
    rest_url="https://api.kraken.com",
    markets=(Request("/0/public/AssetPairs"),),
    parse_markets=parse_markets,
    subscribe=_subscriptions,
    parse=parse,
    keepalive=Keepalive(20.0, lambda _now: '{"method":"ping"}'),
    silence_s=30.0,  # a ticker comes with a trade
    most_markets=500,
    connects_per_s=0.25,  # 150 in ten minutes
    frame_gap_s=0.5,
)
