"""I/O: the Redis that an operator's command is about, and the boards in it: the configured ones or the demo's."""

import asyncio
import contextlib
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from ticker import sim
from ticker.errors import StartError, UsageError
from ticker.model import Board
from ticker.settings import Settings, boards
from ticker.store import FAILURES, Reader, embedded, why
from ticker.tables import nearest

DEMO: Final = "demo"
"""The demo's own folder in the data directory, as `program.demo` makes it."""
REPLAY: Final = "replay"
UNIX: Final = "unix://"
TIMEOUT_S: Final = 1.0


class Place(NamedTuple):
    """Where prices are kept."""

    url: str
    boards: Mapping[str, Board]
    what: str
    """For people: `redis.url` or the folder."""
    instead: str = ""
    """`demo` or `replay`: what runs there, which asks no exchange."""

    def board(self, name: str) -> Board:
        """The board of this name."""
        if name not in self.boards:
            raise UsageError(f"there is no board {name!r}{nearest(name, self.boards)}")
        return self.boards[name]

    def symbol(self, board: Board, symbol: str) -> str:
        """A symbol of a board, however its letters are written."""
        if symbol.upper() not in board.symbols:
            raise UsageError(f"board {board.name} has no {symbol!r}{nearest(symbol, board.symbols)}")
        return symbol.upper()

    def showing(self, symbol: str) -> Board:
        """The first board that shows a symbol."""
        found = next((board for board in self.boards.values() if symbol.upper() in board.symbols), None)
        if found is None:
            known = sorted({symbol for board in self.boards.values() for symbol in board.symbols})
            raise UsageError(f"no board shows {symbol!r}{nearest(symbol, known)}")
        return found


def find(settings: Settings) -> Place | None:
    """The configured Redis; else the private one that runs in the data directory now, or in the demo's; else None."""
    if settings.redis.url:
        return Place(settings.redis.url, boards(settings), "redis.url")
    folder = Path(settings.redis.data_dir)
    for instead in ("", DEMO, REPLAY):
        url = embedded.running(folder / instead)
        if url is not None and _answers(url):
            shown = sim.boards(settings) if instead == DEMO else boards(settings)
            return Place(url, shown, str(folder / instead), instead)
    return None


def needed(settings: Settings) -> Place:
    """The same, with the demo's boards where a configured Redis holds them; StartError where there is none."""
    found = find(settings)
    if found is None:
        folder = settings.redis.data_dir
        raise StartError(f"no ticker runs in {folder}: start `ticker run` or `ticker demo`, or set redis.url")
    if not settings.redis.url:
        return found
    others = {name: board for name, board in sim.boards().items() if name not in found.boards}
    kept = asyncio.run(_kept(found.url, others))
    return found._replace(boards={**found.boards, **{name: others[name] for name in kept}})


async def _kept(url: str, names: Iterable[str]) -> list[str]:
    try:
        async with Reader(url) as reader:
            return await reader.kept(names)
    except FAILURES as error:
        raise refused("redis cannot be read", error) from None


def refused(what: str, error: BaseException) -> StartError:
    """What Redis would not do for a command, and why, with the remedy."""
    return StartError(f"{what}: {why(error)}")


def _answers(url: str) -> bool:
    """Whether somebody listens on a private server's socket: its address outlives one that was killed."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(TIMEOUT_S)
        probe.connect(url.removeprefix(UNIX))
        return True
    return False
