"""Korbit, a Korean exchange whose company is called Digital X since 2026. KRW markets only.

Source: https://docs.digitalx.miraeasset.com (Open API v2; candles: a copy of docs.korbit.co.kr read 2026-11), measured
by others on 2026-09-23. The korbit.co.kr hosts still answer. What its "change" means: the move since `prevClose`,
documented as a 24-hour figure, and not the midnight close of the other Korean venues: used until our history covers it.

- A request is an array, symbols are in lower case. Only a request with a `requestId` is acknowledged.
- The server pings by protocol every 30 seconds. Data frames carry no `status`, answers always do.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

import orjson

from ticker import money
from ticker.exchanges.exchange import Candles, Exchange, Frame, Keepalive, Memory, Request, Rolling
from ticker.model import MINUTE, SYMBOL, Event, Market, Refused, Tick


def _subscription(codes: Sequence[str]) -> str:
    return orjson.dumps([{"requestId": 1, "method": "subscribe", "type": "ticker", "symbols": codes}]).decode()


def _pair(code: str) -> tuple[str, str]:
    symbol, quote = code.upper().split("_")
    return symbol, quote


def _time(*found: object) -> int | None:
    return next((ts for ts in found if type(ts) is int and ts > 0), None)


def parse(frame: Frame, _memory: Memory) -> Iterator[Event]:
    """A ticker or trades; a failure; an acknowledgement and order books are nothing."""
    message = orjson.loads(frame)
    if "status" in message:
        if message["status"] != "success":
            yield Refused(str(message.get("message") or message.get("code"))[:60])
        return
    kind, data = message["type"], message.get("data")
    if kind == "ticker":
        ts = _time(data.get("lastTradedAt"), message.get("timestamp"))
        yield Tick(*_pair(message["symbol"]), money.price(data["close"]), ts)
    elif kind == "trade":
        for trade in sorted(data, key=lambda trade: trade["tradeId"]):
            yield Tick(*_pair(message["symbol"]), money.price(trade["price"]), _time(trade.get("timestamp")))


def _rows(body: bytes) -> list[dict[str, Any]]:
    answer = orjson.loads(body)
    if answer.get("success") is not True:
        raise ValueError(str(answer.get("error"))[:100])
    return list(answer["data"])


def parse_markets(body: bytes) -> list[Market]:
    """`/v2/currencyPairs`: `launched` or `stopped`, which a market that was given up stays for good."""
    pairs = [(row["status"] != "launched", row["symbol"], *_pair(row["symbol"])) for row in _rows(body)]
    return [Market("korbit", s, q, code, suspended=halted) for halted, code, s, q in pairs if SYMBOL.fullmatch(s)]


def _candles(market: Market, end: int, count: int) -> Request:
    span = f"start={end - count * MINUTE}&end={end}&limit={count + 1}"  # whether `end` is included is not told
    return Request(f"/v2/candles?symbol={market.code}&interval=1&{span}")


def parse_candles(body: bytes) -> list[tuple[int, Decimal]]:
    """Rows with the `timestamp` of their start, oldest first."""
    return [(int(row["timestamp"]), money.price(row["close"])) for row in _rows(body)]


def parse_rolling(body: bytes) -> dict[str, Decimal]:
    """`/v2/tickers`: `prevClose` of every market that has one."""
    found = {_pair(row["symbol"]): money.number(row.get("prevClose")) for row in _rows(body)}
    return {symbol: before for (symbol, quote), before in found.items() if quote == "KRW" and before and before > 0}


KORBIT: Final = Exchange(
    name="korbit",
    title={"ko": "코빗", "en": "Korbit"},
    quotes=("KRW",),
    ws_url="wss://ws-api.digitalx.miraeasset.com/v2/public",
    rest_url="https://api.digitalx.miraeasset.com",
    markets=(Request("/v2/currencyPairs"),),
    parse_markets=parse_markets,
    subscribe=lambda markets, _memory, _now: [_subscription([market.code for market in markets])],
    parse=parse,
    keepalive=Keepalive(20.0),
    candles=Candles(_candles, parse_candles, most=199, per_s=20.0),  # 50 a second
    rolling=Rolling(Request("/v2/tickers"), parse_rolling, "KRW"),
    tick_table=(  # /v2/tickSizePolicy
        *(("1000000", "1000"), ("500000", "500"), ("100000", "100"), ("50000", "50"), ("10000", "10"), ("5000", "5")),
        *(("1000", "1"), ("100", "0.1"), ("10", "0.01"), ("1", "0.001"), ("0", "0.0001")),
    ),
    silence_s=60.0,
    refuses_frames=True,
    most_markets=300,  # 193 in one frame were not refused
)
