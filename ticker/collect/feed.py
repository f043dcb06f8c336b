"""I/O: one exchange's connections, one after another for ever: backoff, hand-over, spreading over several.

The backoff is ours: 0.5 s doubling to 20 s with full jitter, reset by a minute of good data, and as long as the venue
asks when it says how long. An old connection is replaced before the venue cuts it: the next one delivers first.
"""

import asyncio
import itertools
import logging
import random
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import aiohttp
from websockets.exceptions import InvalidStatus, WebSocketException

from ticker.collect.backoff import Backoff
from ticker.collect.connection import Connection, Record, Silence
from ticker.collect.rest import NO_ANSWER, TOO_MANY, Pace, fetch, wait_of
from ticker.collect.succession import Succession
from ticker.complaints import Complaints
from ticker.errors import BadFrame, innermost
from ticker.exchanges import Exchange
from ticker.exchanges.exchange import PARSE_ERRORS
from ticker.logs import printable
from ticker.model import Instant, Market, Suspension, Tick
from ticker.reach import why_not

log = logging.getLogger(__name__)

GOOD: Final = 60_000
EXPECTED: Final = (*NO_ANSWER, WebSocketException, Silence)
"""What ends a connection in this world; anything else is a fault of this program."""


class Sink(Protocol):
    """Who is told what happens."""

    def opened(self, exchange: str, shard: int, epoch: int) -> None:
        """A connection is open; a second one of the same epoch takes over without a gap."""

    def received(self, exchange: str) -> None:
        """A frame came, whatever it means."""

    def closed(self, exchange: str, shard: int, instant: Instant, reason: str) -> None:
        """A connection ended and left a gap, or could not be opened."""

    def event(self, exchange: str, epoch: int, event: Tick | Suspension, instant: Instant) -> None:
        """A price or a change of a market's life."""

    def dropped(self, exchange: str, reason: str) -> None:
        """`malformed`: a frame that cannot be read. `refused`: a refusal. `error`: a fault of this program."""


class Feed:
    """One connection's place at a venue: the markets it carries, whatever socket carries them."""

    def __init__(
        self,
        exchange: Exchange,
        markets: Sequence[Market],
        shard: int,
        sink: Sink,
        clock: Callable[[], Instant],
        *,
        proxy: str | None = None,
        jitter: Callable[[], float] = random.random,
        record: Record | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.exchange = exchange
        self.markets = markets
        self.shard = shard
        self._sink = sink
        self._clock = clock
        self._proxy = proxy
        self._backoff = Backoff(jitter)
        self._record = record
        self._pace = pace or Pace(exchange.connects_per_s)
        self._numbers = itertools.count(1)
        self._epoch = 0
        self._succession = Succession()
        self._alone = False
        """Each market is subscribed alone: one was refused, and with it all the others of its frame."""
        self._complaints = Complaints(log, exchange.name)
        self._drops = Complaints(log, exchange.name)

    async def run(self) -> None:
        """Stay connected until cancelled."""
        while True:
            wait = await self._life()
            await asyncio.sleep(wait)

    async def _life(self) -> float:
        """One unbroken stretch of data; how long to wait after it."""
        self._epoch = self._clock().mono
        try:
            await self._stretch()
        except Exception as error:  # noqa: BLE001 - the feed's supervisor: counted, logged, and it begins again
            heed_cancellation()
            reason, asked = self._reason(error)
            wait = max(asked, self._backoff.wait())
            self._sink.closed(self.exchange.name, self.shard, self._clock(), reason)
            self._complaints.failed(reason, type(innermost(error)).__name__)
            return wait
        return 0.0

    async def _stretch(self) -> None:
        """One connection after another, each delivering before the last one is closed, until one leaves a gap."""
        self._succession.end()
        async with asyncio.TaskGroup() as tasks:
            connection = self._connection()
            task = tasks.create_task(self._carry(connection))
            while True:
                await connection.retired.wait()
                last, (connection, task) = task, await self._successor(tasks)
                last.cancel()
                self._succession.end()

    async def _successor(self, tasks: asyncio.TaskGroup) -> tuple[Connection, asyncio.Task[None]]:
        """The next connection, once it delivers; tried again with patience for as long as the last one lives."""
        while True:
            await asyncio.sleep(self._backoff.wait())
            connection = self._connection()
            self._succession.begin(connection.number)
            task = tasks.create_task(self._attempt(connection))
            await connection.settled.wait()
            if connection.live:
                return connection, task
            self._succession.end()

    async def _attempt(self, connection: Connection) -> None:
        """A successor's life; that it fails before it delivers harms nobody."""
        try:
            await self._carry(connection)
        except Exception as error:
            if connection.live:
                raise
            self._complaints.failed(f"handing over: {self._reason(error)[0]}", "handing over")
        finally:
            connection.settled.set()

    async def _carry(self, connection: Connection) -> None:
        url = await self._address()
        await self._pace.turn()
        await connection.run(url, self._proxy)

    async def _address(self) -> str:
        """The URL to dial; some venues give one out by HTTP each time."""
        exchange = self.exchange
        if exchange.token is None or exchange.address is None:
            return exchange.ws_url
        async with aiohttp.ClientSession() as session:
            body = await fetch(session, exchange, exchange.token, self._pace, proxy=self._proxy)
        try:
            return exchange.address(exchange.ws_url, body)
        except PARSE_ERRORS as error:
            told = f"not a websocket address: {type(error).__name__} in {len(body)} bytes"
            raise BadFrame(f"{exchange.token.path}: {told}") from error

    def _connection(self) -> Connection:
        number = next(self._numbers)
        name = f"{self.shard}-{number}-{self._clock().wall}"  # unique in a record file that several runs append to
        return Connection(self.exchange, self.markets, name, number, self, self._clock, self._record, alone=self._alone)

    def _reason(self, error: BaseException) -> tuple[str, float]:
        """Why it ended, in a line, and how many seconds of waiting the venue asks for."""
        error = innermost(error)
        if isinstance(error, InvalidStatus):
            status, header = error.response.status_code, error.response.headers.get("Retry-After")
            asked = wait_of(header) if header or status in TOO_MANY else 0.0
            self._pace.hold(asked)
            return f"HTTP {status} at the handshake", asked
        if not isinstance(error, EXPECTED):
            self._sink.dropped(self.exchange.name, "error")
            log.error("%s: a fault of this program", self.exchange.name, exc_info=error)
            return f"a fault of this program ({type(error).__name__})", 0.0
        return why_not(error, self.exchange.ws_url, self._proxy), 0.0

    # -- what its connections tell ------------------------------------------------------------------------------------

    def opened(self) -> None:
        """A socket is open and about to be subscribed."""
        self._sink.opened(self.exchange.name, self.shard, self._epoch)

    def delivers(self) -> None:
        """The first data of a connection."""
        self._complaints.well()

    def received(self) -> None:
        """A frame, whatever it means."""
        self._sink.received(self.exchange.name)

    def heard(self, connection: Connection, event: Tick | Suspension, now: Instant) -> None:
        """Data, from the one of two connections whose turn it is while one takes over from the other."""
        succession = self._succession
        if succession.heir is not None and not succession.allows(connection.number, event):
            return
        if connection.good_since is not None and now.mono - connection.good_since >= GOOD:
            self._backoff.reset()
        self._sink.event(self.exchange.name, self._epoch, event, now)

    def dropped(self, reason: str, detail: str) -> None:
        """A frame that cannot be read, or a refusal: counted each time, logged now and then."""
        self._sink.dropped(self.exchange.name, reason)
        self._alone |= reason == "refused" and self.exchange.refuses_frames
        self._drops.failed(f"{reason}: {printable(detail)}", reason)


async def run(
    exchange: Exchange,
    markets: Sequence[Market],
    sink: Sink,
    clock: Callable[[], Instant],
    *,
    proxy: str | None = None,
    jitter: Callable[[], float] = random.random,
    record: Record | None = None,
) -> None:
    """Every connection an exchange needs for these markets, until cancelled; dialled as slowly as the venue asks."""
    pace = Pace(exchange.connects_per_s)
    async with asyncio.TaskGroup() as tasks:
        for shard, some in enumerate(shards(exchange, markets)):
            feed = Feed(exchange, some, shard, sink, clock, proxy=proxy, jitter=jitter, record=record, pace=pace)
            tasks.create_task(feed.run())


def heed_cancellation() -> None:
    """End a task that was cancelled while something failed: a TaskGroup then raises only the failure.

    Python 3.11 counts a failure in a group whose body has ended as a cancellation for good: the body must still await.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def shards(exchange: Exchange, markets: Sequence[Market]) -> list[Sequence[Market]]:
    """The markets of each connection."""
    return [markets[i : i + exchange.most_markets] for i in range(0, len(markets), exchange.most_markets)]
