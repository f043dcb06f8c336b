"""What is shown, told to those who listen. Latest wins: each flush sends one message per group, the same bytes to all.

A flush walks a group in chunks and yields between them, so that joins, leaves and other groups are not held up.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from ticker.model import Board, BoardState, Row
from ticker.serve.audience import Audience
from ticker.serve.group import Group
from ticker.serve.message import Message
from ticker.serve.states import differing, merged, onward, redecided, stale
from ticker.serve.timing import FLUSH_SECONDS, note_delays
from ticker.settings import Server

HEARTBEAT_S: Final = 10.0
LOOK_S: Final = 1.0
FAREWELL_S: Final = 2.0


class Hub(Audience):
    """The boards as they are shown, and the readers of each."""

    def __init__(self, boards: Mapping[str, Board], server: Server) -> None:
        super().__init__(boards, server)
        self.versions: Counter[str] = Counter()
        """By board: grows whenever what it shows changes."""
        self.counts: Counter[str] = Counter()
        self.heartbeat_s = HEARTBEAT_S
        self.look_s = LOOK_S
        """How often it looks for the slow and the silent."""
        self.farewell_s = FAREWELL_S
        """How long a reader may take to close its end."""
        self._silent = False
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
        if before and not state.frozen:
            rows = {symbol: onward(before.rows.get(symbol), row) for symbol, row in rows.items()}
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
        changed = {
            row.symbol: self._seen(onward(state.rows.get(row.symbol), row)) for row in rows if row.symbol in known
        }
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
