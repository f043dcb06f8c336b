"""Readers who get the same bytes: one board, one choice of symbols, one interval, one sequence of numbers."""

from typing import NamedTuple, Protocol

from ticker.model import Board, BoardState, Language, Row
from ticker.serve import wire
from ticker.serve.message import Message


class Key(NamedTuple):
    """What makes readers share their messages."""

    board: str
    symbols: tuple[str, ...] | None
    """None: all of the board, in its order."""
    interval_ms: int


class Member(Protocol):
    """One reader, by websocket or server-sent events."""

    language: Language
    key: Key
    """The very key of its group."""
    seq: int
    """The number of the last message it has; a message that is not newer is not for it."""

    def send(self, message: Message) -> None:
        """Write it now, or fall behind and ask for a snapshot later."""

    def poke(self) -> None:
        """Look whether what it could not take is out by now."""

    def close(self, code: int, reason: str) -> None:
        """End the connection, telling why."""


class Group:
    """The readers of one key, and what they have been told."""

    def __init__(self, key: Key, board: Board, state: BoardState, now: float) -> None:
        self.key = key
        self.board = board
        self.members: dict[Member, None] = {}
        self.seq = 0
        self.told = copy(state)
        """The board as of the last flush."""
        self.changed: set[str] = set()
        self._symbols = None if key.symbols is None else frozenset(key.symbols)
        self._place = {symbol: at for at, symbol in enumerate(board.symbols)}
        self.flushed_at = now - key.interval_ms / 1000
        self.spoke_at = now
        self.first = 0
        """Where the next flush begins, so that nobody is always last."""
        self._snapshots: dict[Language, Message] = {}

    @property
    def due(self) -> float:
        """When the next flush may be."""
        return self.flushed_at + self.key.interval_ms / 1000

    def note(self, symbols: set[str]) -> bool:
        """Keep in mind that these rows may have changed; False when its readers see none of them."""
        concerned = symbols if self._symbols is None else symbols & self._symbols
        self.changed.update(concerned)
        return bool(concerned)

    def snapshot(self, language: Language) -> Message:
        """The state as of the last flush, with the current number."""
        if language not in self._snapshots:
            payload = wire.snapshot(self.board, self.told, language, self.key.symbols, self.seq)
            self._snapshots[language] = Message(payload)
        return self._snapshots[language]

    def update(self, state: BoardState, now: float) -> Message | None:
        """What changed since the last flush; None when all of it changed back."""
        changes = []
        for symbol in sorted(self.changed, key=self._place.__getitem__):
            row, before = state.rows[symbol], self.told.rows.get(symbol) or Row(symbol=symbol)
            if symbol not in state.hidden and not wire.same(row, before):
                changes.append(wire.change(row, before))
                self.told.rows[symbol] = row
        self.changed.clear()
        self.flushed_at = now
        if not changes:
            return None
        self.told.revision, self.told.ts = state.revision, state.ts
        self._speak(now)
        return Message(wire.update(self.board.name, self.seq, state.ts, changes))

    def heartbeat(self, now: float) -> Message:
        """A sign of life."""
        self._speak(now)
        return Message(wire.heartbeat(self.board.name, self.seq, self.told.ts))

    def restart(self, state: BoardState, now: float) -> None:
        """The board itself changed: everybody gets a snapshot."""
        self.told = copy(state)
        self.changed.clear()
        self.flushed_at = now
        self._speak(now)

    def _speak(self, now: float) -> None:
        self.seq += 1
        self.spoke_at = now
        self._snapshots.clear()


def copy(state: BoardState) -> BoardState:
    """A board's state that stays as it is; rows are frozen already."""
    return BoardState(state.revision, state.ts, dict(state.rows), state.notice, state.frozen, state.hidden)


def differing(before: BoardState, now: BoardState) -> set[str]:
    """The symbols whose rows differ."""
    return {symbol for symbol, row in now.rows.items() if before.rows.get(symbol) != row}


def redecided(before: BoardState, now: BoardState) -> bool:
    """Whether an editor changed something."""
    return (before.notice, before.frozen, before.hidden) != (now.notice, now.frozen, now.hidden)
