"""I/O: readers who get the same bytes: one board, one choice of symbols, one interval, one sequence of numbers."""

import os
from collections.abc import Collection
from typing import Final, NamedTuple, Protocol

from ticker.model import Board, BoardState, Language, Row
from ticker.rows import same
from ticker.serve import wire
from ticker.serve.message import Message
from ticker.serve.states import copy


class Key(NamedTuple):
    """What makes readers share their messages."""

    board: str
    symbols: tuple[str, ...] | None
    """None: all of the board, in its order."""
    interval_ms: int


INTERVALS: Final = (200, 500, 1000, 2000, 5000, 10000, 30000)


def key_of(board: Board, symbols: Collection[str] | None, interval_ms: int | None, flush_ms: int) -> Key:
    """The key for a wish: symbols in board order, the interval rounded up to one of a few."""
    chosen = None if symbols is None else tuple(symbol for symbol in board.symbols if symbol in symbols)
    wanted = interval_ms or 0
    rounded = next((step for step in INTERVALS if step >= wanted), INTERVALS[-1]) if wanted else 0
    return Key(board.name, None if chosen == board.symbols else chosen, max(rounded, flush_ms))


class Member(Protocol):
    """One reader, by websocket or server-sent events."""

    language: Language
    form: int
    """The form of its messages."""
    key: Key
    """The very key of its group."""
    fd: int
    """Its socket; nothing waits in front of it while the reader has a place in a chunk."""
    seq: int
    """Without a place: the number of the last message it has."""

    def send(self, message: Message) -> None:
        """Write a message for this reader alone."""

    def keep(self, rest: bytes) -> None:
        """Write what its socket did not take as soon as it can, or say that it fell behind."""

    def poke(self) -> None:
        """Look whether what it could not take is out by now."""

    def close(self, code: int, reason: str) -> None:
        """End the connection, telling why."""

    def abort(self) -> None:
        """End the connection at once."""


class Chunk:
    """Members of a group who are written to in one go: the same bytes, straight to each socket."""

    __slots__ = ("form", "places", "seq")

    def __init__(self, form: int, seq: int) -> None:
        self.form = form
        self.seq = seq
        """The number of the last message that all of them have."""
        self.places: dict[int, Member] = {}
        """By socket."""

    def write(self, message: Message, seq: int) -> None:
        """Write a message to all of them; a socket that is full or broken holds up nobody."""
        self.seq = seq
        data, write = message.form(self.form), os.write
        size, cut = len(data), []
        for fd in self.places:
            try:
                written = write(fd, data)
            except BlockingIOError:
                written = 0
            except OSError:
                written = -1
            if written != size:
                cut.append((self.places[fd], written))
        for member, written in cut:
            if written < 0:
                member.abort()
            else:
                member.keep(data[written:])


class Group:
    """The readers of one key, and what they have been told."""

    def __init__(self, key: Key, board: Board, state: BoardState, now: float) -> None:
        self.key = key
        self.board = board
        self.members: dict[Member, Chunk | None] = {}
        """With the chunk each has a place in; none while it takes nothing."""
        self.chunks: list[Chunk] = []
        self.seq = 0
        self.told = copy(state)
        """The board as of the last flush."""
        self.changed: set[str] = set()
        self._symbols = None if key.symbols is None else frozenset(key.symbols)
        self.flushed_at = now - key.interval_ms / 1000
        self.spoke_at = now
        self.news: list[Row] = []
        """The rows of the last update whose price is a new trade's."""
        self._turns = 0
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

    def seat(self, member: Member, most: int) -> None:
        """Give a member who has the newest message a place among at most so many."""
        self.unseat(member)
        fitting = (c for c in self.chunks if c.seq == self.seq and c.form == member.form and len(c.places) < most)
        chunk = next(fitting, None)
        if chunk is None:
            chunk = Chunk(member.form, self.seq)
            self.chunks.append(chunk)
        chunk.places[member.fd] = member
        self.members[member] = chunk

    def unseat(self, member: Member) -> None:
        """Take its place from a member, who keeps in mind what it has."""
        chunk = self.members.get(member)
        if chunk is None:
            return
        member.seq = chunk.seq
        self.members[member] = None
        del chunk.places[member.fd]
        if not chunk.places:
            self.chunks.remove(chunk)

    def turn(self) -> list[Chunk]:
        """The chunks, each time with another one first, so that nobody is always last."""
        first = self._turns % max(1, len(self.chunks))
        self._turns += 1
        return self.chunks[first:] + self.chunks[:first]

    def tell(self, chunk: Chunk, message: Message | None) -> None:
        """Write a message to a whole chunk, or to each its snapshot."""
        if message is not None:
            chunk.write(message, self.seq)
            return
        chunk.seq = self.seq
        for member in list(chunk.places.values()):
            member.send(self.snapshot(member.language))

    def snapshot(self, language: Language) -> Message:
        """The state as of the last flush, with the current number."""
        if language not in self._snapshots:
            payload = wire.snapshot(self.board, self.told, language, self.key.symbols, self.seq)
            self._snapshots[language] = Message(payload)
        return self._snapshots[language]

    def update(self, state: BoardState, now: float) -> Message | None:
        """What changed since the last flush; None when all of it changed back."""
        changes, self.news = [], []
        for symbol in [symbol for symbol in self.board.symbols if symbol in self.changed]:
            row, before = state.rows[symbol], self.told.rows.get(symbol) or Row(symbol=symbol)
            if symbol not in state.hidden and not same(row, before):
                changes.append(wire.change(row, before))
                if row.ts != before.ts:
                    self.news.append(row)
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
