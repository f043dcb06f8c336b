"""Simulated exchanges that speak the real protocols on loopback, for `ticker demo` and for tests.

An exchange's simulator is the module of its name beside this one; it says how the exchange speaks in `PROTOCOL`.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Final

import msgspec

from ticker.model import Board, Instant
from ticker.names import name
from ticker.settings import COINS, TITLES, Settings
from ticker.settings import boards as configured
from ticker.sim.loopback import serve as serve
from ticker.sim.venue import Protocol, Venue
from ticker.sim.world import ARTICLE
from ticker.sim.world import World as World

DEMO: Final = ("upbit", "bithumb")
"""The exchanges of the demo."""


def protocol(exchange: str) -> Protocol:
    """How a simulated exchange speaks."""
    found: Protocol = import_module(f"{__name__}.{exchange}").PROTOCOL
    return found


def venues(world: World, clock: Callable[[], Instant]) -> list[Venue]:
    """The simulated exchanges of a world."""
    return [Venue(protocol(exchange), world, clock) for exchange in world.coins]


def boards(settings: Settings | None = None) -> dict[str, Board]:
    """The boards of the demo: the article's sidebar first, then `krw`, then the configured ones, which win by name."""
    article = _board("article", tuple(ARTICLE), ("bithumb",), "trim")
    own = configured(settings) if settings and settings.boards else {}
    simulated = {name: msgspec.structs.replace(board, simulated=True) for name, board in own.items()}
    return {"article": article, "krw": _board("krw", tuple(COINS), DEMO, 2)} | simulated


def exchanges(shown: Iterable[Board]) -> list[str]:
    """Those of the demo, the article's first: it trades at the printed prices; and whoever else these boards need."""
    return list(
        dict.fromkeys([*reversed(DEMO), *(source for board in shown for source in (*board.sources, *board.premium))])
    )


def _board(board: str, symbols: tuple[str, ...], sources: tuple[str, ...], digits: int | str) -> Board:
    return Board(
        name=board,
        quote="KRW",
        symbols=symbols,
        sources=sources,
        title=TITLES,
        names={symbol: name(symbol) for symbol in symbols},
        percent_digits="trim" if digits == "trim" else 2,
        simulated=True,
    )
