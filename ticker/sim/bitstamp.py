"""Simulated Bitstamp: no price before the next trade, unknown markets acknowledged, frames that are too long end it."""

from typing import Any, Final

import orjson

from ticker import money
from ticker.sim.kit import before, named, refuse, rows, subscribe, text
from ticker.sim.pages import pages, says, span, within
from ticker.sim.venue import Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}usd")
CHANNEL: Final = "live_trades_"
GOODBYE: Final = says({"event": "bts:request_reconnect", "channel": "", "data": None})
LONGEST: Final = 512


def _error(message: str) -> dict[str, Any]:
    return {"event": "bts:error", "channel": "", "data": {"code": None, "message": message}}


def _message(venue: Venue, client: Client, message: str) -> Frames:
    request = orjson.loads(message)
    client.closing = len(message) > LONGEST
    if request["event"] == "bts:heartbeat":
        return [text({"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}})]
    channel = request["data"]["channel"]
    if venue.faults.refuse or client.closing or not channel.islower():
        return refuse(client, _error("Bad subscription string."))
    subscribe(venue, client, [channel.removeprefix(CHANNEL)], CODE)
    return [text({"event": "bts:subscription_succeeded", "channel": channel, "data": {}})]


def _frame(coin: Coin, _client: Client, _first: bool) -> str:
    data = {"price": float(coin.price), "price_str": f"{coin.price:f}", "microtimestamp": f"{coin.ts}000"}
    return text({"event": "trade", "channel": f"{CHANNEL}{CODE(coin)}", "data": data})


def _row(coin: Coin, now: int) -> dict[str, object]:
    pair = {"pair": f"{coin.symbol}/USD", "market_symbol": CODE(coin), "market_type": "SPOT", "trading": "Enabled"}
    told = {"open": "1", "open_24": f"{before(coin, now):f}", "counter_decimals": money.decimals(coin.price)}
    return {**pair, "base_currency": coin.symbol, "counter_currency": "USD", **told}


OHLC: Final = pages(
    *(
        CODE,
        span("code", "start", "end", ms=1000),
        lambda at, price: {"timestamp": f"{at // 1000}", "close": f"{price:f}"},
    ),
    *(1000, within("data", "ohlc")),
    oldest_first=True,
)
LISTS: Final = dict.fromkeys(("/api/v2/markets/", "/api/v2/ticker/"), rows(_row))
PROTOCOL: Final = Protocol(
    "bitstamp", "/", _message, _frame, LISTS | {"/api/v2/ohlc/{code}/": OHLC}, 400, 20, goodbye=GOODBYE
)
