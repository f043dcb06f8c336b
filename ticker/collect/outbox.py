"""I/O: what the collector has not written yet, and how it is written: one batch after another, nothing lost."""

from collections.abc import Callable
from typing import Final

from prometheus_client import Histogram

from ticker.history import MOST
from ticker.market import Prices
from ticker.model import Instant, Row
from ticker.report import Report
from ticker.store import Writer
from ticker.store.writer import Batch

BATCH_ROWS: Final = Histogram(
    "ticker_redis_batch_rows",
    "Rows that one batch wrote; a batch without rows is a heartbeat.",
    buckets=(0, 1, 2, 5, 10, 20, 50, 100, 500),
    registry=None,
)
BATCH_SECONDS: Final = Histogram(
    "ticker_redis_batch_seconds",
    "How long writing a batch took, failed ones included.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2),
    registry=None,
)


class Outbox:
    """Rows, samples and holds on their way to Redis."""

    def __init__(self, prices: Prices, store: Writer, clock: Callable[[], Instant]) -> None:
        self.report: Report | None = None
        """Goes with the next batch, and with that one only."""
        self._prices = prices
        self._store = store
        self._clock = clock
        self._unsent: dict[str, dict[str, Row]] = {name: {} for name in prices.boards}
        self.behind = False
        """More waits than one batch may hold."""

    def everything(self) -> None:
        """Redis came back empty: all there is has to be written again."""
        self._prices.history.rewrite()
        self._prices.judge.changed = True
        self._unsent = {name: dict(rows) for name, rows in self._prices.rows.items()}

    def discard(self, *, samples: bool) -> None:
        """What was not written in time is written no more: rows are compared anew with those in Redis.

        `samples`: somebody else has written since, so that these are old too.
        """
        self._unsent = {name: {} for name in self._prices.boards}
        self._prices.touch()
        if samples:
            self._prices.history.surrender()

    async def send(self) -> list[str]:
        """Write whatever is pending as one batch; returns what an editor accepted.

        After a failure everything is pending again, together with what came since.
        """
        now, history = self._clock(), self._prices.history
        for name, rows in self._prices.changes(now).items():
            self._unsent[name].update({row.symbol: row for row in rows})
        sent, self._unsent = self._unsent, {name: {} for name in self._prices.boards}
        samples = history.take()
        self.behind = len(samples) >= MOST
        judge = self._prices.judge
        holds = judge.holds if judge.changed else None
        judge.changed = False
        report, self.report = self.report, None
        changed = {name: list(rows.values()) for name, rows in sent.items() if rows}
        BATCH_ROWS.observe(sum(map(len, changed.values())))
        try:
            with BATCH_SECONDS.time():
                return await self._store.commit(Batch(now.wall, changed, samples, history.slots, report, holds))
        except BaseException:
            history.give_back(samples)
            self._unsent = {name: sent[name] | self._unsent[name] for name in sent}
            judge.changed |= holds is not None
            raise
