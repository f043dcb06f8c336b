"""Who listens to what: groups of readers who get the same bytes, who joins and leaves them, and who is behind."""

import time
from collections.abc import Collection, Mapping
from typing import Final

from ticker.model import Board, BoardState
from ticker.serve.group import Group, Key, Member, key_of
from ticker.settings import Server

CHUNK: Final = 500
NOTHING: Final = -1
MOST_GROUPS: Final = 1000
"""Each costs an encoding per flush (about 50 µs for ten rows): all of them fit into a few flushes' time."""


class Busy(Exception):
    """There are as many groups as there may be."""


class Audience:
    """The readers of each board."""

    def __init__(self, boards: Mapping[str, Board], server: Server) -> None:
        self.configured = boards
        self.server = server
        self.boards: dict[str, BoardState] = {}
        """By board, once it has been read."""
        self.most_groups = MOST_GROUPS
        self.chunk = CHUNK
        self._groups: dict[Key, Group] = {}
        self._by_board: dict[str, dict[Key, Group]] = {name: {} for name in boards}
        self._dirty: set[Group] = set()
        """Groups with something to tell."""
        self._anew: set[Group] = set()
        """Groups whose board itself changed."""
        self._behind: dict[Member, float] = {}
        """Readers who cannot take more, since when."""

    def key(self, board: str, symbols: Collection[str] | None, interval_ms: int | None) -> Key:
        """The group for a wish."""
        return key_of(self.configured[board], symbols, interval_ms, self.server.flush_ms)

    def make_room(self, key: Key) -> None:
        """Busy when there are as many groups as the hub will keep; whole boards always have room."""
        if len(self._groups) >= self.most_groups and key.symbols is not None and key not in self._groups:
            raise Busy

    def join(self, member: Member, key: Key) -> None:
        """Give a reader the group's snapshot and from then on what comes; Busy when there are too many groups."""
        group = self._groups.get(key)
        if group is None:
            self.make_room(key)
            group = Group(key, self.configured[key.board], self.boards[key.board], time.monotonic())
            self._groups[key] = self._by_board[key.board][key] = group
        group.members[member] = None
        member.key = group.key
        self.resync(member)

    def move(self, member: Member, key: Key) -> None:
        """A reader wants something else; one that is behind stays so."""
        since = self._behind.get(member)
        self.leave(member)
        if since is not None:
            self._behind[member] = since
        self.join(member, key)

    def leave(self, member: Member) -> None:
        """Forget a reader; a group without readers costs nothing."""
        self._behind.pop(member, None)
        group = self._groups.get(member.key)
        if group is None:
            return
        group.unseat(member)
        group.members.pop(member, None)
        if not group.members:
            del self._groups[group.key], self._by_board[group.key.board][group.key]
            self._dirty.discard(group)
            self._anew.discard(group)

    def resync(self, member: Member) -> None:
        """Send a reader its group's snapshot, as soon as it can take it."""
        group = self._groups.get(member.key)
        if member in self._behind:
            member.seq = NOTHING
        elif group is not None and member in group.members:
            group.seat(member, self.chunk)
            member.send(group.snapshot(member.language))

    def fell_behind(self, member: Member) -> None:
        """A reader cannot take what it is sent; it has `slow_after_s` to catch up."""
        group = self._groups.get(member.key)
        if group is not None:
            group.unseat(member)
        self._behind.setdefault(member, time.monotonic())

    def caught_up(self, member: Member) -> None:
        """A reader has taken everything; if it missed a message meanwhile, it skips to how things are now."""
        if self._behind.pop(member, None) is None:
            return
        group = self._groups[member.key]
        if member.seq == group.seq:
            group.seat(member, self.chunk)
        else:
            self.resync(member)

    def members(self) -> list[Member]:
        """Every reader."""
        return [member for group in self._groups.values() for member in group.members]

    def groups_of(self, board: str) -> list[Group]:
        """The groups of one board."""
        return list(self._by_board[board].values())

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return len(self._groups)
