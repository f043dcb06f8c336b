"""Simulated HTX: everything is gzip, pings want an answer, one topic a frame, candles of the newest minutes only."""

from typing import Final

import orjson

from ticker import money
from ticker.sim.habits import newest, ticking, zipped
from ticker.sim.kit import named, refuse, rows, subscribe
from ticker.sim.pages import within
from ticker.sim.venue import Beat, Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}usdt")
OK: Final = within("data", status="ok")
ERROR: Final = {"status": "error", "err-code": "bad-request", "err-msg": "invalid symbol"}


def _message(venue: Venue, client: Client, message: str) -> Frames:
    request = orjson.loads(message)
    if "pong" in request or venue.faults.refuse:
        return [] if "pong" in request else [zipped(ERROR) for _ in refuse(client, ERROR)]
    frames, unknown = subscribe(venue, client, [request["sub"].split(".")[1]], CODE)
    return [zipped(ERROR if unknown else {"id": "1", "status": "ok", "subbed": request["sub"]}), *frames]


def _frame(coin: Coin, _client: Client, _first: bool) -> bytes:
    return zipped({"ch": f"market.{CODE(coin)}.ticker", "ts": coin.ts, "tick": {"lastPrice": float(coin.price)}})


def _symbol(coin: Coin, _now: int) -> dict[str, object]:
    pair = {"sc": CODE(coin), "bcdn": coin.symbol, "qcdn": "USDT", "state": "online"}
    return {**pair, "tpp": money.decimals(coin.price), "te": True}


KLINE: Final = newest(CODE, "symbol", 2000, lambda at, close: {"id": at // 1000, "close": float(close)}, OK)
ROUTES: Final = {"/v2/settings/common/symbols": rows(_symbol, OK), "/market/history/kline": KLINE}
BEAT: Final = Beat(ticking(lambda now: zipped({"ping": now})), 5.0, '"pong"')
PROTOCOL: Final = Protocol("htx", "/ws", _message, _frame, ROUTES, 10, 20, 20.0, beat=BEAT)
