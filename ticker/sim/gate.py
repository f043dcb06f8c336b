"""Simulated Gate: one unknown pair refuses its frame, times in seconds, the day's move as a percent only."""

from typing import Final

import orjson

from ticker.sim.kit import before, named, refuse, rows, subscribe, text, unit
from ticker.sim.pages import cells, pages, says, span
from ticker.sim.venue import Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}_USDT")
ERROR: Final = {"channel": "spot.tickers", "event": "subscribe", "error": {"code": 2, "message": "unknown pair"}}
ACK: Final = {"channel": "spot.tickers", "event": "subscribe", "result": {"status": "success"}}
GOODBYE: Final = says({"type": "upgrade", "msg": "The connection will soon be closed."})


def _message(venue: Venue, client: Client, message: str) -> Frames:
    if '"spot.ping"' in message or venue.faults.refuse:
        return refuse(client, ERROR) if venue.faults.refuse else [text({"channel": "spot.pong", "event": ""})]
    frames, unknown = subscribe(venue, client, orjson.loads(message)["payload"], CODE, all_or_none=True)
    return [text(ERROR)] if unknown else [text(ACK), *frames]


def _frame(coin: Coin, _client: Client, _first: bool) -> str:
    result = {"currency_pair": CODE(coin), "last": f"{coin.price:f}"}
    return text({"time_ms": coin.ts, "channel": "spot.tickers", "event": "update", "result": result})


def _row(coin: Coin, now: int) -> dict[str, object]:
    move = {"last": f"{coin.price:f}", "change_percentage": f"{(coin.price / before(coin, now) - 1) * 100:.4f}"}
    pair = {"id": CODE(coin), "currency_pair": CODE(coin), "base": coin.symbol, "quote": "USDT"}
    return {**pair, **move, "precision": len(unit(coin.price)[2:]), "trade_status": "tradable"}


CANDLES: Final = pages(CODE, span("currency_pair", "from", "to", ms=1000), cells(2, ms=1000), 1000, oldest_first=True)
LISTS: Final = dict.fromkeys(("/api/v4/spot/currency_pairs", "/api/v4/spot/tickers"), rows(_row))
ROUTES: Final = LISTS | {"/api/v4/spot/candlesticks": CANDLES}
PROTOCOL: Final = Protocol("gate", "/ws/v4/", _message, _frame, ROUTES, 20, 20, 30.0, goodbye=GOODBYE)
