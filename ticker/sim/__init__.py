"""Simulated exchanges that speak the real protocols on loopback, for `ticker demo` and for tests."""

from collections.abc import Callable
from typing import Final

from ticker.model import Board, Instant
from ticker.names import name
from ticker.settings import KRW, TITLES
from ticker.sim import binance, bithumb, coinbase, coinone, gopax, korbit, upbit
from ticker.sim.venue import Protocol, Venue
from ticker.sim.venue import serve as serve
from ticker.sim.world import ARTICLE
from ticker.sim.world import World as World

ALL: Final[tuple[Protocol, ...]] = (
    *(upbit.PROTOCOL, bithumb.PROTOCOL, coinone.PROTOCOL, korbit.PROTOCOL, gopax.PROTOCOL),
    *(binance.PROTOCOL, coinbase.PROTOCOL),
)
PROTOCOLS: Final[dict[str, Protocol]] = {protocol.name: protocol for protocol in ALL}
DEMO: Final = ("upbit", "bithumb")
"""The exchanges of the demo."""


def venues(world: World, clock: Callable[[], Instant]) -> list[Venue]:
    """The simulated exchanges of a world."""
    return [Venue(PROTOCOLS[name], world, clock) for name in world.coins]


def boards() -> dict[str, Board]:
    """The boards of the demo: the article's sidebar first, then `krw`."""
    article = _board("article", tuple(ARTICLE), ("bithumb",), "trim")
    return {"article": article, "krw": _board("krw", tuple(KRW.symbols), DEMO, 2)}


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
