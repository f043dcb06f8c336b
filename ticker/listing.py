"""Pure: which markets of an exchange's list are watched, and under which name."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from ticker.model import Board, Market
from ticker.premium import DOLLAR

RENAMED: Final = {
    "EOS": "A",
    "FTM": "S",
    "KLAY": "KAIA",
    "MATIC": "POL",
    "RNDR": "RENDER",
}
"""Symbol -> what exchanges list it as since its project renamed it."""


def wanted_of(boards: Mapping[str, Board], exchange: str) -> set[tuple[str, str]]:
    """The (symbol, quote) pairs that boards want of an exchange, the legs of their premiums included."""
    wanted: set[tuple[str, str]] = set()
    for board in boards.values():
        if exchange in board.sources:
            wanted |= {(symbol, board.quote) for symbol in board.symbols}
            wanted |= {(DOLLAR, board.quote)} if board.premium else set()
        if exchange in board.premium:
            wanted |= {(symbol, DOLLAR) for symbol in board.symbols if symbol != DOLLAR}
    return wanted


def collected(boards: Mapping[str, Board]) -> list[object]:
    """What of the boards matters to whoever collects for them."""
    return [(board.name, board.quote, board.symbols, board.sources, board.premium) for board in boards.values()]


def choose(wanted: set[tuple[str, str]], listed: Iterable[Market]) -> tuple[list[Market], list[str]]:
    """The markets to watch, and the pairs that are not listed; a renamed coin is found under its new symbol."""
    traded_last = sorted(listed, key=stopped, reverse=True)  # of two with the same name the one that is traded counts
    found = {(market.symbol, market.quote): market for market in traded_last}
    markets, absent = [], []
    for symbol, quote in sorted(wanted):
        renamed = RENAMED.get(symbol, symbol)
        market = found.get((symbol, quote))
        later = found.get((renamed, quote)) if renamed != symbol and (renamed, quote) not in wanted else None
        if later is not None and (market is None or (stopped(market) and not stopped(later))):
            market = msgspec.structs.replace(later, symbol=symbol, listed=renamed)
        if market is None:
            absent.append(f"{symbol}/{quote}")
        else:
            markets.append(market)
    return markets, absent


def stopped(market: Market) -> bool:
    """Nobody trades it, for a while or for good."""
    return market.suspended or market.delisted
