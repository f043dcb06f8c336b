"""Who listens to what. Latest wins: each flush sends one message per group, the same bytes to every member.

A flush walks its members in chunks and yields between them, so that joins, leaves and other groups are not held up.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from ticker.model import Board, BoardState, Row
from ticker.serve.group import Group, Key, Member, differing, key_of, merged, redecided, stale
from ticker.serve.message import Message
from ticker.serve.timing import FLUSH_SECONDS, note_delays
from ticker.settings import Server

CHUNK: Final = 500
NOTHING: Final = -1
MOST_GROUPS: Final = 1000
"""Each costs an encoding per flush (about 50 µs for ten rows): all of them fit into a few flushes' time."""
HEARTBEAT_S: Final = 10.0
LOOK_S: Final = 1.0
FAREWELL_S: Final = 2.0


class Busy(Exception):
    """There are as many groups as the hub will keep."""


class Hub:
    """The boards as they are shown, and the readers of each."""

    def __init__(self, boards: Mapping[str, Board], server: Server) -> None:
        self.configured = boards
        self.server = server
        self.boards: dict[str, BoardState] = {}
        """By board, once it has been read."""
        self.versions: Counter[str] = Counter()
        """By board: grows whenever what it shows changes."""
        self.counts: Counter[str] = Counter()
        self.heartbeat_s = HEARTBEAT_S
        self.most_groups = MOST_GROUPS
        self.chunk = CHUNK
        self.look_s = LOOK_S
        """How often it looks for the slow and the silent."""
        self.farewell_s = FAREWELL_S
        """How long a reader may take to close its end."""
        self._silent = False
        self._groups: dict[Key, Group] = {}
        self._by_board: dict[str, dict[Key, Group]] = {name: {} for name in boards}
        self._dirty: set[Group] = set()
        self._anew: set[Group] = set()
        self._behind: dict[Member, float] = {}
        self._wake = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Every board has been read from Redis once."""
        return all(name in self.boards for name in self.configured)

    def configure(self, boards: Mapping[str, Board], server: Server) -> None:
        """Other boards and limits from now on: who watches a board that changed gets a snapshot.

        A board that is gone stays with those who watch it, its last prices stale; nobody else finds it.
        """
        before, self.configured, self.server = self.configured, boards, server
        for name in [name for name in {**before, **boards} if before.get(name) != boards.get(name)]:
            groups = self._by_board.setdefault(name, {})
            self.versions[name] += 1
            for group in groups.values():
                group.board = boards.get(name, group.board)
            self._anew.update(groups.values())
            if name not in boards and name in self.boards:
                self.boards[name].rows = {symbol: stale(row) for symbol, row in self.boards[name].rows.items()}
        self._wake.set()

    # -- what comes from Redis ----------------------------------------------------------------------------------------

    def replace(self, name: str, state: BoardState) -> None:
        """A board was read as a whole; what Redis has lost meanwhile stays as it was."""
        before = self.boards.get(name)
        rows = merged(before, state) if before else state.rows
        known = self.configured[name].names
        state.rows = {symbol: self._seen(row) for symbol, row in rows.items() if symbol in known}
        self.boards[name] = state
        self.versions[name] += 1
        if before is None or redecided(before, state):
            self._anew.update(self._by_board[name].values())
            self._wake.set()
        else:
            self._changed(name, differing(before, state))

    def update(self, name: str, revision: int, ts: int, rows: Iterable[Row]) -> None:
        """A batch changed these rows of a board."""
        state = self.boards[name]
        state.revision, state.ts = revision, ts
        known = self.configured[name].names
        changed = {row.symbol: self._seen(row) for row in rows if row.symbol in known}
        state.rows.update(changed)
        self._changed(name, set(changed))

    def silence(self, silent: bool) -> None:
        """The collector stopped (or spoke again): nothing is live while nobody watches."""
        self._silent = silent
        for name, state in self.boards.items():
            changed = {symbol: seen for symbol, row in state.rows.items() if (seen := self._seen(row)) is not row}
            state.rows.update(changed)
            self._changed(name, set(changed))

    def _seen(self, row: Row) -> Row:
        return stale(row) if self._silent else row

    def _changed(self, name: str, symbols: set[str]) -> None:
        self.versions[name] += 1
        if not symbols:
            return
        self._dirty.update(group for group in self._by_board[name].values() if group.note(symbols))
        if self._dirty:
            self._wake.set()

    # -- readers ------------------------------------------------------------------------------------------------------

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

    # -- flushing -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Flush what is due, forever."""
        last_look = 0.0
        while True:
            now = time.monotonic()
            if now - last_look >= self.look_s:
                last_look = now
                await self._look_around(now)
            await self._flush_due()
            await self._sleep(min([last_look + self.look_s, *(group.due for group in self._dirty)]))

    async def _sleep(self, until: float) -> None:
        """Wait for a change or for the time; a change of a group that is not due yet shortens nothing."""
        self._wake.clear()
        if any(group.due <= time.monotonic() for group in self._dirty) or self._anew:
            return
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _flush_due(self) -> None:
        for group in list(self._anew):
            self._anew.discard(group)
            self._dirty.discard(group)
            group.restart(self.boards[group.key.board], time.monotonic())
            await self._deliver(group, None)
        now, news = time.monotonic(), dict[int, Row]()
        due = [group for group in self._dirty if group.due <= now]
        for group in sorted(due, key=lambda group: group.key.symbols is not None):  # whole boards have most readers
            if group in self._anew:
                continue  # a snapshot comes first: its readers may not even know the rows that changed
            self._dirty.discard(group)
            message = group.update(self.boards[group.key.board], now)
            await (asyncio.sleep(0) if message is None else self._deliver(group, message))
            if group.key.interval_ms == self.server.flush_ms:  # others have asked for their delay
                news.update((id(row), row) for row in group.news)
        note_delays(news.values(), time.time() * 1000)

    async def _deliver(self, group: Group, message: Message | None) -> None:
        """One message, or each its snapshot, to every member of now; those who join meanwhile have it already."""
        seq = group.seq
        with FLUSH_SECONDS.time():
            for chunk in group.turn():
                if chunk.seq < seq:
                    self.counts["deliveries"] += len(chunk.places)
                    self.counts["bytes"] += len(chunk.places) * (len(message.form(chunk.form)) if message else 0)
                    group.tell(chunk, message)
                    await asyncio.sleep(0)

    async def _look_around(self, now: float) -> None:
        """Once a second: who is too slow, and who has heard nothing for long."""
        for member in list(self._behind):
            member.poke()
        for member in [member for member, since in self._behind.items() if now - since > self.server.slow_after_s]:
            del self._behind[member]
            self.counts["slow"] += 1
            member.close(4008, "too slow")
        for group in [group for group in self._groups.values() if now - group.spoke_at >= self.heartbeat_s]:
            await self._deliver(group, group.heartbeat(now))
