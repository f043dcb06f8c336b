"""I/O: the server process: the boards in Redis, followed and handed to the hub.

It recomputes nothing. When the collector's heartbeat stops, its rows are shown as stale until it is heard again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from ticker import money
from ticker.model import MINUTE, Board, BoardState, Held, Instant
from ticker.report import Report
from ticker.sample import unpack
from ticker.serve.hub import Hub
from ticker.serve.query import UNREADABLE, Refusal
from ticker.serve.status import Known
from ticker.settings import Server
from ticker.store import FAILURES, Reader, Update, why

log = logging.getLogger(__name__)

RETRY_S: Final = 1.0
PREPARE_S: Final = 5.0
REMEMBER_S: Final = 5.0
FRESH: Final = 1_000
"""What was asked less than this many ms ago is not asked again."""
FRESH_DAY: Final = 5_000
"""The same of a day of prices, which costs Redis and us as much as hundreds of snapshots."""
MOST_DAYS: Final = 100
"""Each takes about 200 kB."""


class Node:
    """Follows Redis for one hub, and reads from it what is not pushed."""

    def __init__(
        self,
        boards: Mapping[str, Board],
        hub: Hub,
        store: Reader,
        clock: Callable[[], Instant],
        *,
        stale_after_s: float = 15.0,
    ) -> None:
        self._boards = boards
        self._hub = hub
        self._store = store
        self._clock = clock
        self._patience = round(stale_after_s * 1000)
        self._fence = 0
        self._revisions: dict[str, int] = {}
        self._heard: int | None = None
        self._silent = False
        self._turn = asyncio.Lock()
        """Held by whoever changes what is shown, so that nothing is put in twice or in the wrong order."""
        self.read_errors = 0
        """How often Redis did not answer what it was asked."""
        self.lag: int | None = None
        """ms from the collector's writing to the arrival here, of the last batch."""
        self._days: dict[str, tuple[int, list[tuple[int, str]]]] = {}
        """By market: when its last 24 hours were asked for, and what they were."""
        self._reading = asyncio.Lock()
        """Held by whoever reads a day, one at a time: a crowd would take every connection to Redis."""
        self._unread = -FRESH
        """When a day could last not be read."""
        self._asking = asyncio.Lock()
        """Whoever comes while Redis is asked waits for its answer."""
        self._asked = -FRESH
        self._report, self._holds, self._reachable = Report(), list[Held](), True

    async def configure(self, boards: Mapping[str, Board], server: Server) -> None:
        """Other boards and limits from now on; limits at once, boards as soon as Redis has told about them."""
        self._hub.server = server
        async with self._turn:
            states = await self._states(boards)
            self._boards = boards
            self._hub.configure(boards, server)
            self._show(states)

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="listen")
            tasks.create_task(self._watch(), name="watch")
            tasks.create_task(self._remember(), name="remember")

    async def _listen(self) -> None:
        async for update in self._store.updates():
            async with self._turn:
                if update is None:
                    await self._read_all()
                else:
                    await self._take(update)

    async def _take(self, update: Update) -> None:
        if update.fence < self._fence and not self._silent:
            return  # the last words of a collector that has been replaced
        replaced, self._fence = update.fence != self._fence, update.fence
        if update.edited or replaced:  # whoever writes now may count from elsewhere
            await self._read_all()
        if update.edited:
            return
        now = self._clock()
        self._heard, self.lag = now.mono, max(0, now.wall - update.ts)
        if self._silent:
            self._silent = False
            self._hub.silence(False)
            await self._read_all()
        for name, board in update.boards.items():
            known = self._revisions.get(name)
            if known is None or board.revision <= known or self._hub.boards[name].frozen:
                continue
            if board.revision == known + 1:
                self._revisions[name] = board.revision
                self._hub.update(name, board.revision, board.ts, board.rows)
            else:
                await self._read_all()

    async def prepare(self) -> None:
        """Know every board before anybody is let in, within reason: others on the same port answer meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PREPARE_S):
                await self._read_all()

    async def _read_all(self) -> None:
        self._show(await self._states(self._boards))

    async def _states(self, boards: Iterable[str]) -> dict[str, BoardState]:
        """Read these boards until it works; what arrives meanwhile waits in the subscription."""
        while True:
            try:
                states = {name: await self._store.board(name) for name in boards}
            except FAILURES as error:
                self._missed(error)
                await asyncio.sleep(RETRY_S)
            else:
                self._store.complaints.well()
                return states

    def _show(self, states: Mapping[str, BoardState]) -> None:
        self._revisions = {name: state.revision for name, state in states.items()}
        for name, state in states.items():
            self._hub.replace(name, state)

    async def _watch(self) -> None:
        """The collector speaks every second; after `stale_after_s` without a word nothing here is live any more."""
        started = self._clock().mono
        while True:
            heard = self._heard if self._heard is not None else started
            if not self._silent and self._clock().mono - heard > self._patience:
                log.warning("the collector is silent: every row is shown as stale")
                self._silent = True
                self._hub.silence(True)
            await asyncio.sleep(RETRY_S)

    @property
    def heartbeat_age(self) -> int | None:
        """ms since the collector was last heard; None: never."""
        return None if self._heard is None else self._clock().mono - self._heard

    # -- what the routes ask for --------------------------------------------------------------------------------------

    async def history(self, board: Board, symbol: str) -> tuple[str, list[tuple[int, str]]] | None:
        """The source a row shows now and its last 24 hours as (minute end, price text); None before the first price.

        A Refusal while Redis does not answer.
        """
        row = self._hub.boards[board.name].rows.get(symbol)
        if row is None or row.source is None:
            return None
        return row.source, await self._day(f"{row.source}:{symbol}/{board.quote}")

    async def _day(self, market: str) -> list[tuple[int, str]]:
        if not self._has(market):
            async with self._reading:
                if not self._has(market):
                    await self._read_day(market)
        return self._days[market][1]

    def _has(self, market: str) -> bool:
        return market in self._days and self._clock().mono - self._days[market][0] < FRESH_DAY

    async def _read_day(self, market: str) -> None:
        """Everybody else waits: when Redis does not answer, nobody waits for it a second time."""
        now = self._clock()
        if now.mono - self._unread < FRESH:
            raise Refusal(*UNREADABLE)
        try:
            samples = await self._store.samples(market, now.wall)
        except FAILURES as error:
            self._unread = self._clock().mono
            self._missed(error)
            raise Refusal(*UNREADABLE) from None
        points = [(minute + MINUTE, unpack(sample)) for minute, sample in samples]
        day = [(end, money.plain(price)) for end, price in points if price is not None]
        self._days = {key: kept for key, kept in self._days.items() if now.mono - kept[0] < FRESH_DAY}
        if len(self._days) >= MOST_DAYS:
            self._days.clear()
        self._days[market] = now.mono, day

    def _missed(self, error: Exception) -> None:
        self.read_errors += 1
        self._store.complaints.failed(why(error))

    async def known(self) -> Known:
        """What is known of the collector and of Redis, asked at most once a second; what was known when it is gone."""
        async with self._asking:
            if self._clock().mono - self._asked >= FRESH:
                await self._ask()
        now = self._clock().wall
        return Known(
            self._report, self._holds, self._reachable, self.heartbeat_age, self.lag, now=now, silent=self._silent
        )

    async def _remember(self) -> None:
        """Whoever asks first when Redis is gone is still told what was last known."""
        while True:
            await self.known()
            await asyncio.sleep(REMEMBER_S)

    async def _ask(self) -> None:
        self._asked = self._clock().mono
        try:
            self._report, self._holds = await self._store.report(), await self._store.holds()
            self._reachable = True
            self._store.complaints.well()
        except FAILURES as error:
            self._reachable = False
            self._missed(error)
