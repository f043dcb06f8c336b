"""Simulated Coinone: one market a frame, an unknown one acknowledged before it is refused, PING and PONG as JSON."""

from typing import Final

import orjson

from ticker.sim.kit import named, refuse, rows, subscribe, text, unit
from ticker.sim.pages import closing, pages, says, until, within
from ticker.sim.venue import Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}")
TRADING: Final = {"trade_status": 1, "maintenance_status": 0}
ERROR: Final = {"response_type": "ERROR", "error_code": 160012, "message": "Invalid Topic"}


def _pair(coin: Coin, **fields: object) -> dict[str, object]:
    return {"quote_currency": "KRW", "target_currency": coin.symbol, **fields}


def _message(venue: Venue, client: Client, message: str) -> Frames:
    request = orjson.loads(message)
    if request["request_type"] == "PING" or venue.faults.refuse:
        return refuse(client, ERROR) if venue.faults.refuse else [text({"response_type": "PONG"})]
    frames, unknown = subscribe(venue, client, [request["topic"]["target_currency"]], CODE)
    ack = text({"response_type": "SUBSCRIBED", "channel": "TICKER", "data": request["topic"]})
    return [ack, text(ERROR)] if unknown else [ack, *frames]


def _frame(coin: Coin, _client: Client, _first: bool) -> str:
    data = _pair(coin, timestamp=coin.ts, last=f"{coin.price:f}", id=f"{coin.ts}001")
    return text({"response_type": "DATA", "channel": "TICKER", "data": data})


HELLO: Final = says({"response_type": "CONNECTED", "data": {"session_id": "simulated"}})
OK: Final = {key: within(key, result="success", error_code="0") for key in ("markets", "chart")}
LIST: Final = rows(lambda coin, _: _pair(coin, price_unit=unit(coin.price), **TRADING), OK["markets"])
CHART: Final = pages(CODE, until("code", "timestamp", more=1, size="size"), closing, 500, OK["chart"])
ROUTES: Final = {"/public/v2/markets/KRW": LIST, "/public/v2/chart/KRW/{code}": CHART}
PROTOCOL: Final = Protocol("coinone", "/", _message, _frame, ROUTES, 20, 20, hello=HELLO)
