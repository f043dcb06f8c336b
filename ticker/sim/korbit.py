"""Simulated Korbit: requests in an array, one unknown symbol refuses the request, `prevClose` 24 hours ago."""

from typing import Any, Final

import orjson

from ticker import money
from ticker.sim.kit import before, named, refuse, rows, subscribe, text
from ticker.sim.pages import closing, pages, span, within
from ticker.sim.venue import Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}_krw")
OK: Final = within("data", success=True)
ASK: Final = span("symbol", "start", "end", more=0)


def _message(venue: Venue, client: Client, message: str) -> Frames:
    requests: Any = orjson.loads(message)
    if not isinstance(requests, list) or venue.faults.refuse:
        return refuse(client, {"status": "fail", "message": "invalid_format"})
    frames, unknown = subscribe(venue, client, requests[0]["symbols"], CODE, all_or_none=True)
    if unknown:
        return [text({"status": "fail", "code": "INVALID_SYMBOL", "message": f"{unknown}", "requestId": 1})]
    return [text({"status": "success", "requestId": 1}), *frames]


def _frame(coin: Coin, _client: Client, first: bool) -> str:
    data = {"data": {"close": money.plain(coin.price), "lastTradedAt": coin.ts}} | ({"snapshot": True} if first else {})
    return text({"symbol": CODE(coin), "timestamp": coin.ts + 40, "type": "ticker"} | data)


def _ticker(coin: Coin, now: int) -> dict[str, object]:
    return {"symbol": CODE(coin), "prevClose": money.plain(before(coin, now))}


PAIRS: Final = rows(lambda coin, _now: {"symbol": CODE(coin), "status": "launched"}, OK)
CANDLES: Final = pages(CODE, ASK, closing, 200, OK, oldest_first=True)
ROUTES: Final = {"/v2/currencyPairs": PAIRS, "/v2/tickers": rows(_ticker, OK), "/v2/candles": CANDLES}
PROTOCOL: Final = Protocol("korbit", "/v2/public", _message, _frame, ROUTES, rest_per_s=50, connects_per_s=20)
