"""What simulated exchanges share beyond `kit`: other questions for candles, other answers, fixed greetings."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from aiohttp import web

from ticker.model import MINUTE
from ticker.sim.kit import Code, Route, answer, page, text
from ticker.sim.venue import Frames, Venue

Ask: TypeAlias = Callable[[Mapping[str, str]], tuple[str, int, int]]
"""The query -> (the market's code, the first minute, the end, exclusive), in ms."""
Form: TypeAlias = Callable[[int, Decimal], object]
Wrap: TypeAlias = Callable[[Any], object]


def renamed(form: str, **old: str) -> Code:
    """Names like `{}-USDT`, with an older symbol for some."""
    return lambda coin: form.format(old.get(coin.symbol, coin.symbol))


def span(code: str, first: str, last: str, *, ms: int = 1, more: int = 1) -> Ask:
    """A question from `first` to `last`, in units of `ms`; `more` makes the end exclusive."""
    return lambda query: (query[code], int(query[first]) * ms, int(query[last]) * ms + more)


def until(code: str, last: str, *, more: int = 0, size: str = "limit") -> Ask:
    """A question about the `size` minutes before `last`."""
    return lambda query: (
        query[code],
        int(query[last]) + more - int(query[size]) * MINUTE,
        int(query[last]) + more,
    )


def cells(place: int, *, ms: int = 1) -> Form:
    """A candle as a list of texts, its time in units of `ms` first, its close at `place`."""
    return lambda at, close: [str(at // ms), *"0" * (place - 1), f"{close:f}"]


def closing(at: int, close: Decimal) -> object:
    """A candle by names."""
    return {"timestamp": at, "close": f"{close:f}"}


def within(*keys: str, **rest: object) -> Wrap:
    """An answer whose rows stand under a key, or a key under a key."""

    def wrap(found: object) -> object:
        for key in reversed(keys):
            found = {key: found}
        return {**rest, **found} if isinstance(found, dict) else found

    return wrap


def says(body: object) -> Callable[..., Frames]:
    """A greeting, a beat or a goodbye that is always the same."""
    return lambda *_whom: [text(body)]


def pages(
    code: Code,
    ask: Ask,
    form: Form,
    most: int,
    wrap: Wrap = lambda found: found,
    *,
    filled: bool = False,
    oldest_first: bool = False,
    reach: bool = False,
) -> Route:
    """A route that tells one row of (minute, close) for each minute asked for; 400 when they are too many.

    `filled`: silent minutes repeat the last close; `reach`: older minutes stand in for them.
    """

    def route(venue: Venue, request: web.Request) -> web.Response:
        wanted, start, end = ask({**request.query, **request.match_info})
        coin = next((coin for coin in venue.coins.values() if code(coin) == wanted), None)
        if coin is None or end - start > most * MINUTE:
            return answer({"message": "unknown market, or too many candles"}, 400)
        found = page(coin, min(coin.closes) if reach else start, end, filled=filled)[(start - end) // MINUTE :]
        told = [form(minute, close) for minute, close in found]
        return answer(wrap(told if oldest_first else told[::-1]))

    return route
