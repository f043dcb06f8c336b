"""Simulated Bitget: a text ping, an unknown market refuses only itself, futures under the same codes, no candles."""

from typing import Final

import orjson

from ticker import money
from ticker.sim.kit import before, named, refuse, rows, subscribe, text
from ticker.sim.pages import within
from ticker.sim.venue import Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}USDT")
OK: Final = within("data", code="00000", msg="success")
LONGEST: Final = 4096


def _message(venue: Venue, client: Client, message: str) -> Frames:
    if message == "ping":
        return ["pong"]
    client.closing = len(message) > LONGEST
    if venue.faults.refuse or client.closing:
        return refuse(client, {"event": "error", "code": 30016, "msg": "Param error"})
    args = orjson.loads(message)["args"]
    frames, unknown = subscribe(venue, client, [one["instId"] for one in args], CODE)
    acks = [text({"event": "subscribe", "arg": one}) for one in args if one["instId"] not in unknown]
    errors = [text({"event": "error", "code": 30001, "msg": f"instId:{one} doesn't exist"}) for one in unknown]
    return [*acks, *errors, *frames]


def _frame(coin: Coin, _client: Client, _first: bool) -> str:
    row = {"instId": CODE(coin), "lastPr": f"{coin.price:f}", "ts": str(coin.ts)}
    topic = {"instType": "SPOT", "channel": "ticker", "instId": CODE(coin)}
    return text({"action": "snapshot", "arg": topic, "data": [row], "ts": coin.ts})


def _row(coin: Coin, now: int) -> dict[str, str]:
    pair = {"symbol": CODE(coin), "baseCoin": coin.symbol, "quoteCoin": "USDT", "status": "online"}
    told = {"lastPr": f"{coin.price:f}", "open": f"{before(coin, now):f}"}
    return {**pair, **told, "pricePrecision": str(money.decimals(coin.price))}


ROUTES: Final = dict.fromkeys(("/api/v2/spot/public/symbols", "/api/v2/spot/market/tickers"), rows(_row, OK))
PROTOCOL: Final = Protocol("bitget", "/v2/ws/public", _message, _frame, ROUTES, 20, 10, idle_s=120.0)
