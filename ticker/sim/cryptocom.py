"""Simulated Crypto.com: heartbeats that want their number back, unknown markets refused alone, figures as fractions."""

from typing import Final

import orjson

from ticker import money
from ticker.sim.kit import before, named, refuse, rows, subscribe, text, unit
from ticker.sim.pages import pages, span, within
from ticker.sim.venue import Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}_USD")
CHANNEL: Final = named("ticker.{}_USD")
OK: Final = within("result", "data", id=-1, code=0)


def _message(venue: Venue, client: Client, message: str) -> Frames:
    request = orjson.loads(message)
    ack = {"id": request["id"], "method": "subscribe", "code": 0}
    if request["method"] == "public/respond-heartbeat":
        return []
    if venue.faults.refuse:
        return refuse(client, {**ack, "code": 40003, "message": "Unrecognized channel"})
    frames, unknown = subscribe(venue, client, request["params"]["channels"], CHANNEL)
    errors = [text({**ack, "code": 40003, "channel": one, "message": "Unknown symbol"}) for one in unknown]
    return [text(ack), *errors, *frames]


def _frame(coin: Coin, _client: Client, _first: bool) -> str:
    channel = {"instrument_name": CODE(coin), "subscription": CHANNEL(coin), "channel": "ticker"}
    data = [{"a": f"{coin.price:f}", "c": "0.0211", "t": coin.ts}]
    return text({"id": -1, "method": "subscribe", "code": 0, "result": {**channel, "data": data}})


def _row(coin: Coin, now: int) -> dict[str, object]:
    change = money.WIDE.divide(coin.price, before(coin, now)) - 1
    pair = {"symbol": CODE(coin), "inst_type": "CCY_PAIR", "base_ccy": coin.symbol, "quote_ccy": "USD"}
    told = {"i": CODE(coin), "a": f"{coin.price:f}", "c": f"{change:.8f}"}
    return {**pair, **told, "price_tick_size": unit(coin.price), "tradable": True}


def _beat(venue: Venue, _client: Client) -> Frames:
    return [text({"id": venue.clock().wall, "method": "public/heartbeat", "code": 0})]


ASK: Final = span("instrument_name", "start_ts", "end_ts")
CANDLES: Final = pages(CODE, ASK, lambda at, price: {"t": at, "c": f"{price:f}"}, 300, OK, oldest_first=True)
API: Final = "/exchange/v1/public"
LISTS: Final = dict.fromkeys((f"{API}/get-instruments", f"{API}/get-tickers"), rows(_row, OK))
ROUTES: Final = LISTS | {f"{API}/get-candlestick": CANDLES}
WS: Final = "/exchange/v1/market"
PROTOCOL: Final = Protocol("cryptocom", WS, _message, _frame, ROUTES, 100, 20, 70.0, beat=_beat, beat_s=30.0)
