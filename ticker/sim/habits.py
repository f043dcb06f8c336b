"""What a few simulated exchanges do: gzip, beats that tell the time, tokens, candles of the newest minutes only."""

import gzip
from collections.abc import Callable

import orjson
from aiohttp import web

from ticker.model import MINUTE
from ticker.sim.kit import Code, Route, answer, page, text
from ticker.sim.pages import Form, Wrap
from ticker.sim.venue import Client, Frames, Venue


def zipped(body: object) -> bytes:
    """A binary frame."""
    return gzip.compress(orjson.dumps(body), 1)


def ticking(form: Callable[[int], str | bytes]) -> Callable[[Venue, Client], Frames]:
    """A beat with the time in ms in it."""
    return lambda venue, _client: [form(venue.clock().wall)]


def token(form: Callable[[str, str], object]) -> Route:
    """A route that hands out a token for the host it was asked at."""

    def route(venue: Venue, request: web.Request) -> web.Response:
        venue.tokens += 1
        return answer(form(f"{venue.tokens}==", request.host))

    return route


def admitting(welcome: object, refusal: object) -> Callable[[Venue, Client], Frames]:
    """A greeting for those who dialled with a token that is good; the others are sent away."""

    def hello(venue: Venue, client: Client) -> Frames:
        good = {f"{number}==" for number in range(venue.faults.expired + 1, venue.tokens + 1)}
        client.closing = client.query.get("token") not in good
        return [text(refusal if client.closing else welcome)]

    return hello


def newest(
    code: Code, market: str, size: int, form: Form, wrap: Wrap = lambda found: found, *, filled: bool = False
) -> Route:
    """A route that tells the last `size` minutes of the market named by the parameter, newest first."""

    def route(venue: Venue, request: web.Request) -> web.Response:
        wanted = {**request.query, **request.match_info}[market]
        coin = next((coin for coin in venue.coins.values() if code(coin) == wanted), None)
        if coin is None:
            return answer({"status": "error", "err-msg": "invalid symbol"}, 400)
        end = venue.clock().wall // MINUTE * MINUTE + MINUTE
        found = page(coin, end - size * MINUTE, end, filled=filled)
        return answer(wrap([form(minute, close) for minute, close in reversed(found)]))

    return route
