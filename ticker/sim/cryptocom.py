"""Simulated Crypto.com: heartbeats that want their number back, unknown markets refused alone, change as a fraction."""

from typing import Final

import orjson

from ticker.sim.kit import before, named, refuse, rows, subscribe, text, unit
from ticker.sim.pages import pages, says, span, within
from ticker.sim.venue import Beat, Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}_USD")
OK: Final = within("result", "data", id=-1, code=0)
ERROR: Final = {"method": "subscribe", "code": 40003, "message": "Unknown symbol"}


def _message(venue: Venue, client: Client, message: str) -> Frames:
    request = orjson.loads(message)
    if request["method"] != "subscribe" or venue.faults.refuse:
        return refuse(client, ERROR) if venue.faults.refuse else []
    frames, unknown = subscribe(venue, client, [one.split(".")[1] for one in request["params"]["channels"]], CODE)
    return [text({"method": "subscribe", "code": 0}), *(text({**ERROR, "channel": one}) for one in unknown), *frames]


def _frame(coin: Coin, _client: Client, _first: bool) -> str:
    told = {"instrument_name": CODE(coin), "channel": "ticker", "data": [{"a": f"{coin.price:f}", "t": coin.ts}]}
    return text({"method": "subscribe", "code": 0, "result": told})


def _row(coin: Coin, now: int) -> dict[str, object]:
    told = {"i": CODE(coin), "a": f"{coin.price:f}", "c": f"{coin.price / before(coin, now) - 1:.12f}"}
    pair = {"symbol": CODE(coin), "inst_type": "CCY_PAIR", "base_ccy": coin.symbol, "quote_ccy": "USD"}
    return {**told, **pair, "price_tick_size": unit(coin.price), "tradable": True}


BEAT: Final = Beat(says({"id": 1790200000000, "method": "public/heartbeat", "code": 0}), 30.0, "respond-heartbeat")
LISTS: Final = dict.fromkeys(("/exchange/v1/public/get-instruments", "/exchange/v1/public/get-tickers"), rows(_row, OK))
ASK: Final = span("instrument_name", "start_ts", "end_ts")
PAST: Final = {"/exchange/v1/public/get-candlestick": pages(CODE, ASK, lambda t, c: {"t": t, "c": f"{c:f}"}, 300, OK)}
PROTOCOL: Final = Protocol("cryptocom", "/", _message, _frame, LISTS | PAST, 100, 20, 70.0, beat=BEAT)
