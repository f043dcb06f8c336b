"""Simulated Bithumb: like Upbit on the socket with Korean times; its own rules for candles and a board of its own."""

from datetime import datetime
from decimal import Decimal
from typing import Final

import orjson
from aiohttp import web

from ticker import money
from ticker.history import ref_minute
from ticker.sim import upbit
from ticker.sim.venue import Protocol, Venue
from ticker.sim.world import Coin


def candles(venue: Venue, request: web.Request) -> web.Response:
    """`/v1/candles/minutes/1`: `to` is naive Korean time, a zone in it is an error; errors come with status 200."""
    query = request.query
    to = datetime.fromisoformat(query["to"]) if "to" in query else datetime.now(upbit.KST).replace(tzinfo=None)
    if to.tzinfo is not None:
        return web.json_response({"error": {"name": 400, "message": "invalid to"}}, status=400)
    if query.get("market") not in venue.coins:
        return web.json_response({"error": {"name": 404, "message": "Code not found"}})
    end = round(to.replace(tzinfo=upbit.KST).timestamp() * 1000)
    return upbit.answer(venue, query["market"], end, int(query.get("count", 1)))


def board(venue: Venue, _request: web.Request) -> web.Response:
    """`/public/ticker/ALL_KRW`: a rolling 24 hours in text; `date` sits among the coins."""
    now = venue.clock().wall
    data: dict[str, object] = {coin.symbol: _figures(coin, now) for coin in venue.coins.values()}
    return web.json_response(body=orjson.dumps({"status": "0000", "data": data | {"date": str(now)}}))


def _figures(coin: Coin, now: int) -> dict[str, str]:
    minute = max(m for m in coin.closes if m <= ref_minute(now))
    before = coin.closes[minute]
    change = coin.price - before
    return {
        "closing_price": money.plain(coin.price),
        "fluctate_24H": money.plain(change if coin.price >= Decimal(100) else change.quantize(Decimal("0.1"))),
        "fluctate_rate_24H": money.plain(money.percent(coin.price, before)),
    }


PROTOCOL: Final = Protocol(
    name="bithumb",
    path="/websocket/v1",
    message=upbit.message,
    frame=lambda coin, client, first: upbit.frame(coin, client, upbit.KST, first=first),
    routes={
        "/v1/market/all": upbit.markets,
        "/v1/candles/minutes/1": candles,
        "/public/ticker/ALL_KRW": board,
    },
    rest_per_s=150,
    connects_per_s=10,
)
