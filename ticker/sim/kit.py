"""What simulated exchanges share beside the machinery: subscribing, refusing, a coin's past, answers as JSON."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeAlias

import orjson
from aiohttp import web

from ticker import money
from ticker.history import ref_minute
from ticker.model import MINUTE
from ticker.sim.venue import Client, Frames, Venue
from ticker.sim.world import Coin

Route: TypeAlias = Callable[[Venue, web.Request], web.Response]
Code: TypeAlias = Callable[[Coin], str]
"""The venue's own name of a coin's market."""


def named(form: str) -> Code:
    """Names like `{}-KRW`; in lower case when the form is."""
    lower = form.islower()
    return lambda coin: form.format(coin.symbol.lower() if lower else coin.symbol)


def text(body: object) -> str:
    """A text frame."""
    return orjson.dumps(body).decode()


def answer(body: object, status: int = 200) -> web.Response:
    """An answer by HTTP."""
    return web.json_response(body=orjson.dumps(body), status=status)


def subscribe(
    venue: Venue, client: Client, wanted: Iterable[str], code: Code, *, all_or_none: bool = False
) -> tuple[Frames, list[str]]:
    """Add markets by the venue's own codes: (their first frames, the codes that do not exist)."""
    by_code = {code(coin): coin for coin in venue.coins.values()}
    wanted = list(wanted)
    unknown = [one for one in wanted if one not in by_code]
    known = [by_code[one] for one in wanted if one in by_code and not (all_or_none and unknown)]
    client.codes |= {coin.code for coin in known}
    frames: Frames = [] if venue.faults.silent else [venue.protocol.frame(coin, client, True) for coin in known]
    return frames, unknown


def refuse(client: Client, error: object) -> Frames:
    """Nothing is subscribed any more."""
    client.codes.clear()
    return [text(error)]


def before(coin: Coin, now: int) -> Decimal:
    """The price 24 hours ago."""
    minute, closes = ref_minute(now), coin.closes
    return closes[max(known for known in closes if known <= minute)]


def page(coin: Coin, start: int, end: int, *, filled: bool = False) -> list[tuple[int, Decimal]]:
    """The closes of the minutes in `start` ≤ minute < `end`, oldest first; `filled`: silent ones repeat the last."""
    closes, rows = coin.closes, []
    last = closes[max((minute for minute in closes if minute < start), default=min(closes))]
    for minute in range(-(-start // MINUTE) * MINUTE, end, MINUTE):
        last = closes.get(minute, last)
        if filled or minute in closes:
            rows.append((minute, last))
    return rows


def unit(price: Decimal) -> str:
    """The step of the last digit that a price shows: 529.1 -> "0.1"."""
    return format(Decimal(1).scaleb(-money.decimals(price)), "f")


def rows(form: Callable[[Coin, int], object], wrap: Callable[[list[object]], object] = lambda rows: rows) -> Route:
    """A route that tells one row of (coin, now) per market."""

    def route(venue: Venue, _request: web.Request) -> web.Response:
        now = venue.clock().wall
        return answer(wrap([form(coin, now) for coin in venue.coins.values()]))

    return route


def candles(
    code: Code,
    span: tuple[str, str, int],
    form: Callable[[int, Decimal], object],
    most: int,
    *,
    filled: bool = False,
    newest_first: bool = False,
) -> Route:
    """A route that tells the minutes a request asks for; 400 when they are too many.

    `span` names its start and its end, in ms or ISO 8601, and what makes the end exclusive.
    """
    first, last, more = span

    def route(venue: Venue, request: web.Request) -> web.Response:
        wanted = request.match_info.get("code") or request.query["symbol"]
        start, end = _ms(request.query[first]), _ms(request.query[last]) + more
        coin = next((coin for coin in venue.coins.values() if code(coin) == wanted), None)
        if coin is None:
            return answer({"message": "unknown market"}, 404)
        if end - start > most * MINUTE:
            return answer({"message": "too many candles"}, 400)
        found = [form(minute, close) for minute, close in page(coin, start, end, filled=filled)]
        return answer(found[::-1] if newest_first else found)

    return route


def iso(ms: int) -> str:
    """A time in UTC with microseconds: 2026-09-24T00:26:40.123000Z."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _ms(time: str) -> int:
    return int(time) if time.isdigit() else round(datetime.fromisoformat(time).timestamp() * 1000)
