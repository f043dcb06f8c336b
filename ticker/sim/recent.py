"""Candles of simulated exchanges that always tell the newest minutes, whatever is asked."""

from collections.abc import Callable
from decimal import Decimal

from aiohttp import web

from ticker.model import MINUTE
from ticker.sim.kit import Code, Route, answer, page
from ticker.sim.pages import Form, Wrap
from ticker.sim.venue import Venue


def recent(
    code: Code,
    market: Callable[[web.Request], str],
    size: int,
    form: Form,
    wrap: Wrap = lambda found: found,
    *,
    filled: bool = False,
) -> Route:
    """A route that tells the last `size` minutes of a market, newest first; 400 for one that does not exist."""

    def route(venue: Venue, request: web.Request) -> web.Response:
        coin = next((coin for coin in venue.coins.values() if code(coin) == market(request)), None)
        if coin is None:
            return answer({"status": "error", "err-code": "invalid-parameter", "err-msg": "invalid symbol"}, 400)
        end = venue.clock().wall // MINUTE * MINUTE + MINUTE
        found: list[tuple[int, Decimal]] = page(coin, end - size * MINUTE, end, filled=filled)
        return answer(wrap([form(minute, close) for minute, close in reversed(found)]))

    return route
