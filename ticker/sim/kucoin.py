"""Simulated KuCoin: an address with a token, a hundred topics a frame, unknown ones silent, BSV under its old code."""

from typing import Final

from ticker.sim.habits import admitting, token
from ticker.sim.kit import before, refuse, rows, subscribe, text, unit
from ticker.sim.pages import cells, pages, renamed, span, within
from ticker.sim.venue import Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

ERROR: Final = {"id": "1", "type": "error", "code": 404, "data": "topic is not found"}
OK: Final = within("data", code="200000")
CODE: Final = renamed("{}-USDT", BSV="BCHSV")


def _message(venue: Venue, client: Client, message: str) -> Frames:
    if '"ping"' in message or venue.faults.refuse:
        return refuse(client, ERROR) if venue.faults.refuse else [text({"id": "1", "type": "pong"})]
    codes = message.partition("/market/ticker:")[2].partition('"')[0].split(",")
    return [text(ERROR)] if codes[100:] else [text({"type": "ack"}), *subscribe(venue, client, codes, CODE)[0]]


def _frame(coin: Coin, _client: Client, _first: bool) -> str:
    data = {"price": f"{coin.price:f}", "time": coin.ts}
    return text({"topic": f"/market/ticker:{CODE(coin)}", "type": "message", "subject": "trade.ticker", "data": data})


def _row(coin: Coin, now: int) -> dict[str, object]:
    told = {"last": f"{coin.price:f}", "changePrice": f"{coin.price - before(coin, now):f}", "enableTrading": True}
    names = dict.fromkeys(("name", "symbolName"), f"{coin.symbol}-USDT")
    return {"symbol": CODE(coin), "priceIncrement": unit(coin.price), **names, **told}


BULLET: Final = token(lambda it, host: OK({"token": it, "instanceServers": [{"endpoint": f"ws://{host}/endpoint"}]}))
HELLO: Final = admitting({"type": "welcome"}, {"type": "error", "code": 401, "data": "token is expired"})
CANDLES: Final = pages(CODE, span("symbol", "startAt", "endAt", ms=1000, more=0), cells(2, ms=1000), 1500, OK)
TICKERS: Final = rows(_row, within("data", "ticker", code="200000"))
REST: Final = {"/api/v1/bullet-public": BULLET, "/api/v2/symbols": rows(_row, OK)}
ROUTES: Final = REST | {"/api/v1/market/allTickers": TICKERS, "/api/v1/market/candles": CANDLES}
PROTOCOL: Final = Protocol("kucoin", "/endpoint", _message, _frame, ROUTES, 20, 15, 60.0, HELLO)
