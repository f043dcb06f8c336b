"""Simulated Bitget: a text ping, an unknown market refuses only itself, a limit of bytes in a frame."""

from typing import Final

import orjson

from ticker.sim.kit import before, named, refuse, rows, subscribe, text, unit
from ticker.sim.pages import cells, pages, until, within
from ticker.sim.venue import Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}USDT")
OK: Final = within("data", code="00000", msg="success")
ERROR: Final = {"event": "error", "code": 30001, "op": "subscribe"}


def _message(venue: Venue, client: Client, message: str) -> Frames:
    client.closing = venue.faults.refuse or len(message) > 4 << 10  # bytes
    if client.closing or message == "ping":
        return refuse(client, ERROR) if client.closing else ["pong"]
    args = orjson.loads(message)["args"]
    frames, unknown = subscribe(venue, client, [one["instId"] for one in args], CODE)
    acks = [{"event": "subscribe", "arg": one} if one["instId"] not in unknown else ERROR for one in args]
    return [*map(text, acks), *frames]


def _frame(coin: Coin, _client: Client, _first: bool) -> str:
    arg = {"instType": "SPOT", "channel": "ticker", "instId": CODE(coin)}
    return text({"action": "snapshot", "arg": arg, "data": [{"lastPr": f"{coin.price:f}", "ts": str(coin.ts)}]})


def _row(coin: Coin, now: int) -> dict[str, str]:
    pair = {"symbol": CODE(coin), "baseCoin": coin.symbol, "quoteCoin": "USDT", "status": "online"}
    return {**pair, "open": f"{before(coin, now):f}", "pricePrecision": str(len(unit(coin.price)[2:]))}


PAST: Final = pages(CODE, until("symbol", "endTime", more=1), cells(4), 200, OK, filled=True, oldest_first=True)
LISTS: Final = dict.fromkeys(("/api/v2/spot/public/symbols", "/api/v2/spot/market/tickers"), rows(_row, OK))
ROUTES: Final = LISTS | {"/api/v2/spot/market/history-candles": PAST}
PROTOCOL: Final = Protocol("bitget", "/v2/ws/public", _message, _frame, ROUTES, 20, 10, idle_s=120.0)
