"""Simulated Coinone: one market a frame, an unknown one acknowledged before it is refused, PING and PONG as JSON."""

from typing import Final

import orjson

from ticker import money
from ticker.sim.kit import refuse, rows, subscribe, text, unit
from ticker.sim.venue import Client, Frames, Protocol, Venue
from ticker.sim.world import Coin


def _pair(coin: Coin, **fields: object) -> dict[str, object]:
    return {"quote_currency": "KRW", "target_currency": coin.symbol, **fields}


def _message(venue: Venue, client: Client, message: str) -> Frames:
    request = orjson.loads(message)
    if request["request_type"] == "PING":
        return [text({"response_type": "PONG"})]
    if request["request_type"] != "SUBSCRIBE" or venue.faults.refuse:
        return refuse(client, {"response_type": "ERROR", "error_code": 160011, "message": "Invalid Type"})
    frames, unknown = subscribe(venue, client, [request["topic"]["target_currency"]], lambda coin: coin.symbol)
    ack = text({"response_type": "SUBSCRIBED", "channel": "TICKER", "data": request["topic"]})
    error = text({"response_type": "ERROR", "error_code": 160012, "message": "Invalid Topic"})
    return [ack, error] if unknown else [ack, *frames]


def _frame(coin: Coin, _client: Client, _first: bool) -> str:
    data = _pair(coin, timestamp=coin.ts, last=money.plain(coin.price), id=f"{coin.ts}001")
    return text({"response_type": "DATA", "channel": "TICKER", "data": data})


HELLO: Final = text({"response_type": "CONNECTED", "data": {"session_id": "simulated"}})
LIST: Final = rows(
    lambda coin, _now: _pair(coin, price_unit=unit(coin.price), trade_status=1, maintenance_status=0),
    lambda markets: {"result": "success", "error_code": "0", "markets": markets},
)
ROUTES: Final = {"/public/v2/markets/KRW": LIST}
PROTOCOL: Final = Protocol("coinone", "/", _message, _frame, ROUTES, 20, 20, hello=lambda _venue, _client: [HELLO])
