"""Simulated Coinbase: one unknown product refuses the frame, candles newest first with silent minutes absent."""

from typing import Any, Final

import orjson

from ticker import money
from ticker.model import MINUTE
from ticker.sim.kit import candles, iso, named, refuse, rows, subscribe, text, unit
from ticker.sim.venue import Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}-USD")


def _message(venue: Venue, client: Client, message: str) -> Frames:
    request: dict[str, Any] = orjson.loads(message)
    if venue.faults.refuse:
        return refuse(client, {"type": "error", "message": "Failed to subscribe"})
    frames, unknown = subscribe(venue, client, request["product_ids"], CODE, all_or_none=True)
    if unknown:
        return [text({"type": "error", "message": "Failed to subscribe", "reason": f"no product {unknown}"})]
    channels = [{"name": "ticker", "product_ids": request["product_ids"]}]
    return [text({"type": "subscriptions", "channels": channels}), *frames]


def _frame(coin: Coin, _client: Client, _first: bool) -> str:
    price, time = money.plain(coin.price), iso(coin.ts)
    return text({"type": "ticker", "product_id": CODE(coin), "price": price, "time": time})


def _product(coin: Coin, _now: int) -> dict[str, object]:
    pair = {"id": CODE(coin), "base_currency": coin.symbol, "quote_currency": "USD"}
    return pair | {"quote_increment": unit(coin.price), "status": "online", "trading_disabled": False}


SPAN: Final = ("start", "end", MINUTE)
CANDLES: Final = candles(CODE, SPAN, lambda at, price: [at // 1000, 0, 0, 0, float(price)], 300, newest_first=True)
ROUTES: Final = {"/products": rows(_product), "/products/{code}/candles": CANDLES}
PROTOCOL: Final = Protocol("coinbase", "/", _message, _frame, ROUTES, rest_per_s=10, connects_per_s=8)
