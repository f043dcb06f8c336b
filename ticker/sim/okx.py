"""Simulated OKX: an unknown market refuses only itself, a text ping, candles newest first before `after`."""

from typing import Final

import orjson

from ticker.sim.kit import before, named, refuse, rows, subscribe, text, unit
from ticker.sim.pages import cells, pages, says, until, within
from ticker.sim.venue import Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}-USDT")
OK: Final = within("data", code="0", msg="")
GOODBYE: Final = says({"event": "notice", "code": "64008", "msg": "The connection will soon be closed."})


def _message(venue: Venue, client: Client, message: str) -> Frames:
    if venue.faults.refuse or message == "ping":
        return ["pong"] if message == "ping" else refuse(client, {"event": "error", "code": "60012", "msg": "Invalid"})
    args = orjson.loads(message)["args"]
    frames, unknown = subscribe(venue, client, [one["instId"] for one in args], CODE)
    acks = [text({"event": "subscribe", "arg": one}) for one in args if one["instId"] not in unknown]
    return [*acks, *(text({"event": "error", "code": "60018", "msg": code}) for code in unknown), *frames]


def _row(coin: Coin, now: int) -> dict[str, str]:
    told = {"last": f"{coin.price:f}", "open24h": f"{before(coin, now):f}", "tickSz": unit(coin.price), "state": "live"}
    return {"instId": CODE(coin), "baseCcy": coin.symbol, "quoteCcy": "USDT", **told}


def _frame(coin: Coin, _client: Client, _first: bool) -> str:
    row = {"instType": "SPOT", "instId": CODE(coin), "last": f"{coin.price:f}", "ts": str(coin.ts)}
    return text({"arg": {"channel": "tickers", "instId": CODE(coin)}, "data": [row]})


CANDLES: Final = pages(CODE, until("instId", "after"), cells(4), 300, OK, filled=True)
LISTS: Final = dict.fromkeys(("/api/v5/public/instruments", "/api/v5/market/tickers"), rows(_row, OK))
ROUTES: Final = LISTS | {"/api/v5/market/history-candles": CANDLES}
PROTOCOL: Final = Protocol("okx", "/ws/v5/public", _message, _frame, ROUTES, 10, 3, 30.0, goodbye=GOODBYE)
