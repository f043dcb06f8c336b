"""Simulated Gemini: no price before the next trade, one unknown stream refuses the frame, 1,440 minutes of candles."""

from typing import Final

import orjson

from ticker.sim.habits import newest
from ticker.sim.kit import named, refuse, rows, subscribe, text, unit
from ticker.sim.venue import Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}usd")
STREAM: Final = named("{}usd@trade")
ERROR: Final = {"status": 400, "error": {"code": -1013, "msg": "Invalid stream name"}}


def _message(venue: Venue, client: Client, message: str) -> Frames:
    request = orjson.loads(message)
    if venue.faults.refuse:
        return refuse(client, {"id": request["id"], **ERROR})
    _, unknown = subscribe(venue, client, request.get("params", []), STREAM, all_or_none=True)
    return [text({"id": request["id"], **(ERROR if unknown else {"status": 200})})]


def _frame(coin: Coin, _client: Client, _first: bool) -> str:
    price = {"p": f"{coin.price:f}", "q": "0.10000000", "m": False}
    return text({"E": coin.ts * 1_000_000 + 1, "s": CODE(coin), "t": coin.ts, **price})


def _symbol(coin: Coin, _now: int) -> dict[str, object]:
    pair = {"symbol": CODE(coin).upper(), "base_currency": coin.symbol, "quote_currency": "USD"}
    return {**pair, "quote_increment": float(unit(coin.price)), "status": "open", "product_type": "spot"}


CANDLES: Final = newest(CODE, "code", 1440, lambda at, price: [at, 0, 0, 0, float(price), 0], filled=True)
ROUTES: Final = {"/v1/symbols/details/all": rows(_symbol), "/v2/candles/{code}/1m": CANDLES}
PROTOCOL: Final = Protocol("gemini", "/", _message, _frame, ROUTES, rest_per_s=5, connects_per_s=5)
