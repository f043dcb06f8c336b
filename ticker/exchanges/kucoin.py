"""KuCoin, spot markets in USDT, USDC, BTC, ETH, KCS and others.

Source: https://www.kucoin.com/docs (spot: websocket, market data; read 2026-11). Its `changePrice` is about 24 hours.

- The address to dial comes with a token by a POST each time. Unknown markets are acknowledged and silent.
- A code outlives renames: BCHSV-USDT is listed as BSV-USDT. The list's names are remembered when subscribing.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from ticker import money
from ticker.exchanges.exchange import Candles, Exchange, Frame, Keepalive, Memory, Request, Rolling
from ticker.model import MINUTE, SYMBOL, Event, Market, Refused, Tick

READ: Final = {"/market/ticker": 1, "/market/match": 1_000_000}  # the units of its time in a millisecond


def _subscriptions(markets: Sequence[Market], memory: Memory, _now: int) -> list[str]:
    memory |= {market.code: (market.listed or market.symbol, market.quote) for market in markets}
    chunks = [markets[i : i + 100] for i in range(0, len(markets), 100)]
    topics = ["/market/ticker:" + ",".join(market.code for market in some) for some in chunks]
    return [orjson.dumps({"id": 1, "type": "subscribe", "topic": topic, "response": True}).decode() for topic in topics]


def parse(frame: Frame, memory: Memory) -> Iterator[Event]:
    """A ticker or a match; an error; welcome, acks, pongs and order books are nothing."""
    message = orjson.loads(frame)
    channel, _, code = message.get("topic", "").partition(":")
    if message["type"] == "error":
        yield Refused(f"{message.get('code')} {message.get('data')}"[:60])
    elif channel in READ:
        data, code = message["data"], message["subject"] if code == "all" else code
        symbol, quote = memory.get(code) or code.split("-")
        yield Tick(symbol, quote, money.price(data["price"]), int(data["time"]) // READ[channel])


def address(_ws_url: str, body: bytes) -> str:
    """`/api/v1/bullet-public`: the first of its servers, with the token."""
    found = _data(body)
    return f"{found['instanceServers'][0]['endpoint']}?{urlencode({'token': found['token']})}"


def _data(body: bytes) -> Any:
    answer = orjson.loads(body)
    if answer["code"] != "200000":
        raise ValueError(f"{answer['code']} {answer.get('msg')}"[:100])
    return answer["data"]


def parse_markets(body: bytes) -> list[Market]:
    """`/api/v2/symbols`: the code stays, the name is the one of today."""
    rows = [(row, *row["name"].split("-"), money.plain(money.price(row["priceIncrement"]))) for row in _data(body)]
    return [
        Market("kucoin", symbol, quote, row["symbol"], step, suspended=row["enableTrading"] is not True)
        for row, symbol, quote, step in rows
        if SYMBOL.fullmatch(symbol)
    ]


def _candles(market: Market, end: int, count: int) -> Request:
    span = f"startAt={(end - count * MINUTE) // 1000}&endAt={end // 1000}"
    return Request(f"/api/v1/market/candles?type=1min&symbol={market.code}&{span}")


def parse_candles(body: bytes) -> list[tuple[int, Decimal]]:
    """Rows of (second, open, close, high, low, ...) in text, newest first; silent ones are absent."""
    return [(int(row[0]) * 1000, money.price(row[2])) for row in _data(body)]


def parse_rolling(body: bytes) -> dict[str, Decimal]:
    """`/api/v1/market/allTickers`: last - changePrice of the USDT markets."""
    rows = [(*row["symbolName"].split("-"), row) for row in _data(body)["ticker"]]
    told = [(s, money.number(r["last"]), money.number(r["changePrice"])) for s, quote, r in rows if quote == "USDT"]
    return {symbol: last - move for symbol, last, move in told if last and move is not None and last > move}


KUCOIN: Final = Exchange(
    name="kucoin",
    title={"ko": "쿠코인", "en": "KuCoin"},
    quotes=("USDT", "USDC", "BTC", "ETH"),
    ws_url="wss://ws-api-spot.kucoin.com/",
    rest_url="https://api.kucoin.com",
    markets=(Request("/api/v2/symbols"),),
    parse_markets=parse_markets,
    subscribe=_subscriptions,
    parse=parse,
    keepalive=Keepalive(15.0, lambda now: f'{{"id":"{now}","type":"ping"}}'),  # cut after a minute without a frame
    candles=Candles(_candles, parse_candles, most=1000, per_s=10.0),
    rolling=Rolling(Request("/api/v1/market/allTickers"), parse_rolling, "USDT"),
    most_markets=300,  # topics
    connects_per_s=0.5,  # 30 a minute
    max_age_s=82800.0,  # a token is good for 24 hours
    token=Request("/api/v1/bullet-public", "POST"),
    address=address,
)
