"""Simulated Bybit: ten topics a frame, one unknown refuses them all, errors of REST with status 200."""

from typing import Final

import orjson

from ticker.sim.kit import before, named, refuse, rows, subscribe, text, unit
from ticker.sim.pages import cells, pages, span, within
from ticker.sim.venue import Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}USDT")
ERROR: Final = {"success": False, "ret_msg": "args size >10, or no such topic", "op": "subscribe"}
OK: Final = within("result", "list", retCode=0, retMsg="OK")


def _message(venue: Venue, client: Client, message: str) -> Frames:
    request = orjson.loads(message)
    if request["op"] == "ping" or venue.faults.refuse:
        return refuse(client, ERROR) if venue.faults.refuse else [text({"success": True, "ret_msg": "pong"})]
    codes = [topic.removeprefix("tickers.") for topic in request["args"]]
    frames, unknown = ([], codes) if codes[10:] else subscribe(venue, client, codes, CODE, all_or_none=True)
    return [text(ERROR)] if unknown else [text({"success": True, "op": "subscribe"}), *frames]


def _row(coin: Coin, now: int) -> dict[str, object]:
    told = {"lastPrice": f"{coin.price:f}", "prevPrice24h": f"{before(coin, now):f}", "status": "Trading"}
    pair = {"symbol": CODE(coin), "baseCoin": coin.symbol, "quoteCoin": "USDT"}
    return {**pair, **told, "priceFilter": {"tickSize": unit(coin.price)}}


def _frame(coin: Coin, _client: Client, _first: bool) -> str:
    data = {"symbol": CODE(coin), "lastPrice": f"{coin.price:f}"}
    return text({"topic": f"tickers.{CODE(coin)}", "ts": coin.ts, "type": "snapshot", "data": data})


CANDLES: Final = pages(CODE, span("symbol", "start", "end"), cells(4), 1000, OK, filled=True)
LISTS: Final = dict.fromkeys(("/v5/market/instruments-info", "/v5/market/tickers"), rows(_row, OK))
PROTOCOL: Final = Protocol("bybit", "/", _message, _frame, LISTS | {"/v5/market/kline": CANDLES}, 100, 20, 600.0)
