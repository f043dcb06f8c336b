"""Simulated Bitstamp: no price before the next trade, unknown markets acknowledged, an end that is announced."""

from typing import Final

import orjson

from ticker import money
from ticker.sim.kit import before, named, refuse, rows, subscribe, text
from ticker.sim.pages import pages, says, span, within
from ticker.sim.venue import Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}usd")
ERROR: Final = {"event": "bts:error", "channel": "", "data": {"code": None, "message": "Bad subscription string."}}
GOODBYE: Final = says({"event": "bts:request_reconnect", "channel": "", "data": None})
ASK: Final = span("code", "start", "end", ms=1000)


def _message(venue: Venue, client: Client, message: str) -> Frames:
    request = orjson.loads(message)
    if request["event"] == "bts:heartbeat" or venue.faults.refuse:
        return refuse(client, ERROR) if venue.faults.refuse else [text({**request, "channel": "", "data": {}})]
    subscribe(venue, client, [request["data"]["channel"].removeprefix("live_trades_")], CODE)
    return [text({"event": "bts:subscription_succeeded", **request["data"], "data": {}})]


def _frame(coin: Coin, _client: Client, _first: bool) -> str:
    data = {"price_str": f"{coin.price:f}", "microtimestamp": f"{coin.ts}000"}
    return text({"event": "trade", "channel": f"live_trades_{CODE(coin)}", "data": data})


def _row(coin: Coin, now: int) -> dict[str, object]:
    pair = {"pair": f"{coin.symbol}/USD", "market_symbol": CODE(coin), "base_currency": coin.symbol}
    told = {"open_24": f"{before(coin, now):f}", "counter_decimals": money.decimals(coin.price)}
    return {**pair, **told, "counter_currency": "USD", "market_type": "SPOT", "trading": "Enabled"}


OHLC: Final = pages(CODE, ASK, lambda at, p: {"timestamp": at // 1000, "close": f"{p:f}"}, 1000, within("data", "ohlc"))
ROUTES: Final = dict.fromkeys(("/api/v2/markets/", "/api/v2/ticker/"), rows(_row)) | {"/api/v2/ohlc/{code}/": OHLC}
PROTOCOL: Final = Protocol("bitstamp", "/", _message, _frame, ROUTES, 400, 20, goodbye=GOODBYE)
