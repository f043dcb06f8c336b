"""Bithumb: the second Korean exchange. KRW and BTC markets by its v1 stream, which looks like Upbit's but is not.

Source: https://apidocs.bithumb.com (v2.1.5). What its "change" means: since the close at 00:00 KST; never used here.
Its public board tells a true rolling 24 hours (`fluctate_24H`, `fluctate_rate_24H`), used until our history covers it.

- Candles' `to` is naive Korean time and exclusive; a zone in it is an error. Errors come with status 200.
- The options of a subscription are `isOnlySnapshot` and `isOnlyRealtime`; the documented snake case is ignored.
- A coin below about 100 KRW has a rounded `fluctate_24H`: there the rate itself is used.
"""

import contextlib
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

import orjson

from ticker import money
from ticker.exchanges import upbit
from ticker.exchanges.exchange import PARSE_ERRORS, Candles, Exchange, Keepalive, Request, Rolling
from ticker.model import Market

KST: Final = timezone(timedelta(hours=9))
ALL_OF_IT: Final = Decimal(-100)
ROUNDING: Final = Decimal("0.005")


def _candles(market: Market, end: int, count: int) -> Request:
    to = datetime.fromtimestamp(end / 1000, UTC).astimezone(KST).strftime("%Y-%m-%dT%H:%M:%S")
    return Request(f"/v1/candles/minutes/1?market={market.code}&to={to}&count={count}")


def parse_rolling(body: bytes) -> dict[str, Decimal]:
    """`/public/ticker/ALL_KRW`: the price 24 hours ago of each coin; `date` sits among the coins."""
    board = orjson.loads(body)
    if board.get("status") != "0000":
        raise ValueError(board.get("message", "not a board"))
    found: dict[str, Decimal] = {}
    for symbol, row in board["data"].items():
        with contextlib.suppress(*PARSE_ERRORS):  # `date`, and coins that nobody traded
            found[symbol] = _before(row)
    return found


def _before(row: dict[str, Any]) -> Decimal:
    last = money.price(row["closing_price"])
    change, rate = money.number(row["fluctate_24H"]), money.number(row["fluctate_rate_24H"])
    if change is None or rate is None or rate <= ALL_OF_IT:
        raise ValueError("no change is told")
    before = last - change
    if before > 0 and abs((last - before) / before * 100 - rate) <= ROUNDING:
        return before
    return (last / (1 + rate / 100)).quantize(Decimal("1e-8"))


BITHUMB: Final = Exchange(
    name="bithumb",
    title={"ko": "빗썸", "en": "Bithumb"},
    quotes=("KRW", "BTC"),
    ws_url="wss://ws-api.bithumb.com/websocket/v1",
    rest_url="https://api.bithumb.com",
    markets=(Request("/v1/market/all"),),
    parse_markets=lambda body: upbit.parse_markets("bithumb", body),
    subscribe=lambda markets, _memory, _now: [upbit.subscription([market.code for market in markets])],
    parse=upbit.parse,
    keepalive=Keepalive(15.0),  # closed after 60 s without a frame from us
    candles=Candles(_candles, upbit.parse_candles, most=200, per_s=50.0),  # 150 a second
    rolling=Rolling(Request("/public/ticker/ALL_KRW"), parse_rolling, "KRW"),
    connects_per_s=5.0,  # 10 a second, then blocked for ten minutes
    tick_table=(  # KRW, measured
        *(("1000000", "1000"), ("500000", "500"), ("100000", "100"), ("50000", "50"), ("10000", "10"), ("5000", "5")),
        *(("1000", "1"), ("100", "0.1"), ("10", "0.01"), ("1", "0.001"), ("0", "0.0001")),
    ),
)
