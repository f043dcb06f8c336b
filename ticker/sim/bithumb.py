"""Simulated Bithumb: like Upbit, with Korean times, errors of status 200, and a board of the rolling 24 hours."""

from decimal import Decimal
from typing import Final

from aiohttp import web

from ticker import money
from ticker.sim import quotation
from ticker.sim.kit import answer, before
from ticker.sim.venue import Client, Protocol, Venue
from ticker.sim.world import Coin


def _frame(coin: Coin, client: Client, first: bool) -> bytes:
    return quotation.frame(coin, client, quotation.KST, first=first)


def _candles(venue: Venue, request: web.Request) -> web.Response:
    if not set("Z+").isdisjoint(request.query.get("to", "")):
        return answer({"error": {"name": 400, "message": "invalid to"}}, 400)
    return quotation.candles(venue, request, quotation.KST, unknown=200)


def _figures(coin: Coin, now: int) -> dict[str, str]:
    ago = before(coin, now)
    move = coin.price - ago if coin.price >= Decimal(100) else (coin.price - ago).quantize(Decimal("0.1"))
    rate = money.plain(money.percent(coin.price, ago))
    return {"closing_price": money.plain(coin.price), "fluctate_24H": money.plain(move), "fluctate_rate_24H": rate}


def _board(venue: Venue, _request: web.Request) -> web.Response:
    now = venue.clock().wall
    coins: dict[str, object] = {coin.symbol: _figures(coin, now) for coin in venue.coins.values()}
    return answer({"status": "0000", "data": coins | {"date": str(now)}})


CANDLES: Final = {"/v1/candles/minutes/1": _candles}
ROUTES: Final = CANDLES | {"/v1/market/all": quotation.markets, "/public/ticker/ALL_KRW": _board}
PROTOCOL: Final = Protocol("bithumb", "/websocket/v1", quotation.message, _frame, ROUTES, 150, 10, deflates=True)
