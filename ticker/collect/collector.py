"""I/O: the collector process: every exchange's feed, the rows they make, and the one writer to Redis.

A batch is whatever is pending when the previous write returned: no timer, and no publish without its write. Each
second there is one at least, which tells the servers that the collector lives.
"""

import asyncio
import collections
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Final

import aiohttp

from ticker.collect import feed
from ticker.collect.backfill import Progress
from ticker.collect.follow import Follow
from ticker.collect.lease import Lease, LeaseLost
from ticker.collect.outbox import Outbox
from ticker.collect.standing import Standing
from ticker.exchanges import Exchange
from ticker.listing import collected
from ticker.market import Prices
from ticker.model import Board, Instant, Suspension, Tick
from ticker.store import FAILURES, Emptied, Fenced, Writer, why
from ticker.store.writer import Claim

log = logging.getLogger(__name__)

BEAT_S: Final = 1.0
HINT_AFTER_S: Final = 5.0
RETRY_WRITE_S: Final = 0.5


class Reconfigured(Exception):
    """There are other boards to collect for."""


class Collector:
    """Feeds in, rows out. It is the `sink` of the feeds."""

    def __init__(
        self,
        boards: Mapping[str, Board],
        exchanges: Mapping[str, Exchange],
        store: Writer,
        clock: Callable[[], Instant],
        *,
        stale_after_s: float = 15.0,
        proxy: str | None = None,
        progress: Progress = lambda _exchange, _filled, _total: None,
    ) -> None:
        self.prices = Prices(boards, exchanges, stale_after_s)
        self.counts: collections.Counter[tuple[str, str]] = collections.Counter()
        """(exchange, what happened) -> how often."""
        self._store = store
        self._clock = clock
        self._proxy = proxy
        self._progress = progress
        self.write_errors = 0
        """How often Redis did not do what it was asked."""
        self.active = False
        """This collector is the one that writes."""
        self._outbox = Outbox(self.prices, store, clock)
        self.standing = Standing(self.counts)
        self._wake = asyncio.Event()
        self._stale_after_s = stale_after_s
        self._next = (boards, exchanges)
        self._reconfigured = asyncio.Event()
        self._lease = Lease(store, clock, self._failed)

    @property
    def ready(self) -> bool:
        """Redis has let it in: it works, or stands by."""
        return self._lease.answered

    async def run(self) -> None:
        """Collect from the live exchanges until cancelled."""
        async with aiohttp.ClientSession(trust_env=False) as session:
            await self.write_from(partial(self._collect_all, session), self._hint)

    def configure(self, boards: Mapping[str, Board], exchanges: Mapping[str, Exchange]) -> None:
        """Collect for other boards from now on; its sockets begin anew where anything but words has changed."""
        self._next = (boards, exchanges)
        if (collected(boards), exchanges) != (collected(self.prices.boards), self.prices.exchanges):
            self._reconfigured.set()

    async def write_from(self, *feeds: Callable[[], Coroutine[None, None, None]]) -> None:
        """Write what these bring to this sink, whenever the lease is ours, until cancelled.

        Without the lease there are no feeds: the collector stands by.
        """
        try:
            while True:
                if self._reconfigured.is_set():
                    self._begin_anew()
                await self._lease.take(self._read)
                self.active = True
                try:
                    async with asyncio.TaskGroup() as tasks:
                        for feed_ in feeds:
                            tasks.create_task(feed_())
                        tasks.create_task(self._beat(), name="beat")
                        tasks.create_task(self._lease.end(), name="lease")
                        tasks.create_task(self._until_reconfigured(), name="configuration")
                        await self._write()
                except* Reconfigured:
                    log.info("collecting for boards %s", ", ".join(self._next[0]))
                except* LeaseLost as lost:
                    log.warning("standing by: %s", lost.exceptions[0])
                self.active = False
                feed.heed_cancellation()
                self.prices.quotes.abandon(self.prices.exchanges, self._clock())
        finally:
            await self._store.release()

    async def _until_reconfigured(self) -> None:
        await self._reconfigured.wait()
        raise Reconfigured

    def _begin_anew(self) -> None:
        """For other boards; rows and prices are read back from Redis, the samples and the clock's past stay here."""
        self._reconfigured.clear()
        self.prices = Prices(*self._next, self._stale_after_s, self.prices.quotes)
        self._outbox = Outbox(self.prices, self._store, self._clock)

    async def _read(self, claim: Claim) -> None:
        """What the last collector left."""
        now = self._clock()
        self._outbox.discard(samples=claim == "held")
        await self._store.load(self.prices.history, now.wall)
        self.standing.restore((await self._store.report()).incidents)
        self.prices.judge.restore(await self._store.holds())
        for name in self.prices.boards:
            self.prices.restore(name, (await self._store.board(name)).rows, now)

    async def _collect_all(self, session: aiohttp.ClientSession) -> None:
        async with asyncio.TaskGroup() as tasks:
            for exchange in self.prices.exchanges.values():
                follow = Follow(exchange, self.prices, self, self._clock, self._progress, self._proxy)
                tasks.create_task(follow.run(session))

    # -- the feeds' sink ----------------------------------------------------------------------------------------------

    def opened(self, exchange: str, shard: int, epoch: int) -> None:
        """A connection is subscribed."""
        self.counts[exchange, "opened"] += 1
        self.prices.quotes.opened(exchange, shard, epoch)

    def received(self, exchange: str) -> None:
        """A frame came."""
        self.counts[exchange, "messages"] += 1

    def closed(self, exchange: str, shard: int, instant: Instant, reason: str) -> None:  # noqa: ARG002
        """A connection ended and left a gap."""
        self.counts[exchange, "closed"] += 1
        self.standing.lost(exchange, instant)
        self.prices.quotes.cut(exchange, shard, instant)

    def event(self, exchange: str, epoch: int, event: Tick | Suspension, instant: Instant) -> None:
        """A price or a change of a market's life."""
        if isinstance(event, Tick):
            self.counts[exchange, self.prices.tick(exchange, epoch, event, instant)] += 1
        else:
            self.prices.suspension(exchange, event)
        self._wake.set()

    def dropped(self, exchange: str, reason: str) -> None:
        """A frame that could not be read."""
        self.counts[exchange, reason] += 1

    # -- the writer ---------------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            began = self._clock().mono
            try:
                accepted = await self._send()
            except Fenced:
                raise LeaseLost("another collector has taken over") from None
            except (*FAILURES, Emptied) as error:
                await self._endure(error)
            else:
                self._store.complaints.well()
                self._lease.kept(began)
                self._accept(accepted)
                if self._outbox.behind:
                    self._wake.set()

    async def _send(self) -> list[str]:
        """Write a batch, and everything there is when Redis has lost some of it."""
        try:
            return await self._outbox.send()
        except Emptied:
            self._outbox.everything()
            await self._lease.take_again()
            log.warning("redis has lost prices: writing everything again")
            return await self._outbox.send()

    async def _endure(self, error: BaseException) -> None:
        """A batch could not be written: again in a moment."""
        self._failed(error)
        await asyncio.sleep(RETRY_WRITE_S)
        self._wake.set()

    def _failed(self, error: BaseException) -> None:
        self.write_errors += 1
        self._store.complaints.failed(why(error))

    def _accept(self, accepted: Iterable[str]) -> None:
        for accept in accepted:
            symbol, _, quote = accept.partition("/")
            released = self.prices.release(symbol, quote, self._clock())
            what = f"{symbol}/{quote}" if released else "nothing that is held"
            log.info("an editor accepted %s: %d held prices released", what, released)

    async def _beat(self) -> None:
        """Each second every row is looked at again, and when a source has just been silent for too long.

        Minutes end, references move.
        """
        while True:
            now = self._clock()
            self.prices.roll(now)
            self.prices.review(now)
            self.prices.touch()
            self._outbox.report = self.standing.report(self.prices, now)
            self._wake.set()
            await asyncio.sleep(min(BEAT_S, self.prices.quotes.rest_s(now)))

    async def _hint(self) -> None:
        """Without any network there is still something to see."""
        await asyncio.sleep(HINT_AFTER_S)
        if not any(what == "opened" for _, what in self.counts):
            log.warning(
                "no exchange can be reached yet: `ticker doctor` says why (a firewall, or network.proxy is needed);"
                " `ticker demo` shows the board without a network"
            )
