"""I/O: held prices, and what became of them."""

import asyncio
from typing import Final, TypeAlias

from ticker import clock
from ticker.model import Board, Held
from ticker.store import Reader

ANSWER_MS: Final = 4000
"""How long the collector may take to say what became of a held price: it looks for 3 s, and writes each second."""
POLL_S: Final = 0.1

Key: TypeAlias = tuple[int, str, str, str | None]
"""When it was held, at which exchange, of which coin, in which currency."""


async def waiting(reader: Reader, board: Board, symbol: str) -> set[Key]:
    """What is held of a coin on a board now."""
    held = [hold for hold in await reader.holds() if hold.symbol == symbol and hold.source in board.sources]
    return {_key(hold) for hold in held if hold.released_ts is None and hold.quote in {board.quote, None}}


async def decided(reader: Reader, keys: set[Key]) -> list[Held] | None:
    """These holds, as soon as none of them waits any more; None when they still do."""
    until = clock.now().mono + ANSWER_MS
    while clock.now().mono < until:
        found = [hold for hold in await reader.holds() if _key(hold) in keys]
        if all(hold.released_ts is not None for hold in found):
            return found
        await asyncio.sleep(POLL_S)
    return None


def _key(hold: Held) -> Key:
    return hold.ts, hold.source, hold.symbol, hold.quote
