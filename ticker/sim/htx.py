"""Simulated HTX: everything is gzip, pings want an answer, one topic a frame, candles of the newest minutes only."""

import gzip
from typing import Final

import orjson

from ticker import money
from ticker.sim.kit import named, rows, subscribe
from ticker.sim.pages import within
from ticker.sim.recent import recent
from ticker.sim.venue import Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}usdt")
OK: Final = within("data", status="ok")


def _said(body: object) -> bytes:
    return gzip.compress(orjson.dumps(body), 1)


def _message(venue: Venue, client: Client, message: str) -> Frames:
    request = orjson.loads(message)
    if "pong" in request:
        return []
    _, code, channel = request["sub"].split(".", 2)
    frames, unknown = subscribe(venue, client, [code], CODE)
    if venue.faults.refuse:
        client.codes.clear()
    if venue.faults.refuse or unknown or channel != "ticker":
        error = {"err-code": "bad-request", "err-msg": f"invalid symbol {code}"}
        return [_said({"status": "error", "id": request["id"], **error})]
    return [_said({"id": request["id"], "status": "ok", "subbed": request["sub"]}), *frames]


def _frame(coin: Coin, _client: Client, _first: bool) -> bytes:
    tick = {"open": 1.0, "close": float(coin.price), "lastPrice": float(coin.price)}
    return _said({"ch": f"market.{CODE(coin)}.ticker", "ts": coin.ts, "tick": tick})


def _symbol(coin: Coin, _now: int) -> dict[str, object]:
    pair = {"sc": CODE(coin), "bcdn": coin.symbol, "qcdn": "USDT"}
    return {**pair, "tpp": money.decimals(coin.price), "te": True, "state": "online"}


def _beat(venue: Venue, _client: Client) -> Frames:
    return [_said({"ping": venue.clock().wall})]


KLINE: Final = recent(
    CODE, lambda asked: asked.query["symbol"], 2000, lambda at, close: {"id": at // 1000, "close": float(close)}, OK
)
ROUTES: Final = {"/v2/settings/common/symbols": rows(_symbol, OK), "/market/history/kline": KLINE}
PROTOCOL: Final = Protocol("htx", "/ws", _message, _frame, ROUTES, 10, 20, idle_s=20.0, beat=_beat, beat_s=5.0)
