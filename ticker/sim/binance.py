"""Simulated Binance: streams in lower case, unknown ones acknowledged, frames that are too long never answered."""

from typing import Any, Final

import orjson

from ticker.sim.kit import before, candles, named, refuse, rows, subscribe, text, unit
from ticker.sim.venue import Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}USDT")
STREAM: Final = named("{}usdt@ticker")
LONGEST: Final = 4088
GOODBYE: Final = text({"e": "serverShutdown", "E": 1790200000000})


def _message(venue: Venue, client: Client, message: str) -> Frames:
    request: dict[str, Any] = orjson.loads(message)
    if request.get("method") != "SUBSCRIBE" or venue.faults.refuse:
        return refuse(client, {"error": {"code": 2, "msg": "Invalid request"}, "id": request.get("id")})
    frames, _unknown = subscribe(venue, client, request["params"] if len(message) <= LONGEST else (), STREAM)
    return [text({"result": None, "id": request["id"]}), *frames] if len(message) <= LONGEST else []


def _frame(coin: Coin, _client: Client, _first: bool) -> str:
    data = {"e": "24hrTicker", "E": coin.ts, "s": CODE(coin), "c": f"{coin.price:.8f}"}
    return text({"stream": STREAM(coin), "data": data})


def _market(coin: Coin, _now: int) -> dict[str, object]:
    step = [{"filterType": "PRICE_FILTER", "tickSize": unit(coin.price)}]
    return {"symbol": CODE(coin), "status": "TRADING", "baseAsset": coin.symbol, "quoteAsset": "USDT", "filters": step}


MARKETS: Final = rows(_market, lambda found: {"symbols": found})
ROLLING: Final = rows(lambda c, now: {"symbol": CODE(c), "openPrice": f"{before(c, now):.8f}", "firstId": 1})
SPAN: Final = ("startTime", "endTime", 1)
KLINES: Final = candles(CODE, SPAN, lambda at, close: [at, "0", "0", "0", f"{close:.8f}", "0"], 1000, filled=True)
ROUTES: Final = {"/api/v3/exchangeInfo": MARKETS, "/api/v3/ticker/24hr": ROLLING, "/api/v3/klines": KLINES}
PROTOCOL: Final = Protocol("binance", "/stream", _message, _frame, ROUTES, 50, 20, goodbye=lambda _venue: [GOODBYE])
