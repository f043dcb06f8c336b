"""I/O: one exchange's websockets: dial, subscribe, keep alive, watch the data, start again with patience.

"Connected" is not "alive": only application data count. The backoff is ours: 0.5 s doubling to 20 s with full jitter,
reset by a minute of good data, and as long as the venue asks when it says how long.
"""

import asyncio
import contextlib
import itertools
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final, Protocol

import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from ticker.errors import BadFrame
from ticker.exchanges import Exchange
from ticker.exchanges.exchange import Frame, Memory, read
from ticker.model import Goodbye, Instant, Market, Refused, Reply, Suspension, Tick
from ticker.rest import TOO_MANY, wait_of

log = logging.getLogger(__name__)

FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 20.0
GOOD_S: Final = 60.0
OPEN_S: Final = 10.0
CLOSE_S: Final = 1.0
LARGEST: Final = 1024 * 1024
QUEUE: Final = 16
FAILURES: Final = (OSError, TimeoutError, WebSocketException)


class Sink(Protocol):
    """Who is told what happens."""

    def opened(self, exchange: str, shard: int, epoch: int, instant: Instant) -> None:
        """A connection is subscribed."""

    def closed(self, exchange: str, shard: int, instant: Instant, reason: str) -> None:
        """A connection ended and left a gap."""

    def event(self, exchange: str, shard: int, epoch: int, event: Tick | Suspension, instant: Instant) -> None:
        """A price or a change of a market's life."""

    def dropped(self, exchange: str, reason: str) -> None:
        """A frame that could not be read."""


class Record(Protocol):
    """Who writes down the raw frames."""

    def opened(self, exchange: str, conn: str, url: str) -> None:
        """A connection was opened."""

    def frame(self, exchange: str, conn: str, direction: str, frame: Frame) -> None:
        """A frame was `sent` or received (`recv`)."""


class Silence(Exception):
    """The connection brought no data for longer than is normal for the venue."""


class Retired(Exception):
    """The connection is to be replaced by a new one, which is opened first."""


class Backoff:
    """How long to wait before dialling again."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._most = FIRST_WAIT_S

    def wait(self) -> float:
        """Seconds to wait now: anything up to the most, which doubles."""
        most, self._most = self._most, min(self._most * 2, LONGEST_WAIT_S)
        return most * self._jitter()

    def reset(self) -> None:
        """It went well for long enough."""
        self._most = FIRST_WAIT_S


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
    ) -> None:
        self.exchange = exchange
        self.markets = markets
        self.shard = shard
        self._sink = sink
        self._clock = clock
        self._proxy = proxy
        self._backoff = Backoff(jitter)
        self._record = record
        self._conns = itertools.count(1)

    async def run(self) -> None:
        """Stay connected until cancelled."""
        while True:
            wait = await self._life(self._clock().mono)
            await asyncio.sleep(wait)

    async def _life(self, epoch: int) -> float:
        """One unbroken stretch of data, over as many sockets as it takes; returns how long to wait after it."""
        reason, wait = "closed", 0.0
        try:
            await self._stretch(epoch)
        except InvalidStatus as error:
            reason = f"HTTP {error.response.status_code} at the handshake"
            if error.response.status_code in TOO_MANY:
                wait = wait_of(error.response.headers.get("Retry-After"))
        except (Silence, *FAILURES) as error:
            reason = f"{type(error).__name__}: {str(error)[:150]}"
        wait = wait or self._backoff.wait()
        self._sink.closed(self.exchange.name, self.shard, self._clock(), reason)
        log.warning("%s: %s; again in %.1f s", self.exchange.name, reason, wait)
        return wait

    async def _stretch(self, epoch: int) -> None:
        """Listen on one socket after another: the next one is subscribed before the last one is closed."""
        last = AsyncExitStack()
        try:
            while True:
                async with AsyncExitStack() as this:
                    link = await this.enter_async_context(self._dial())
                    conn, memory = str(next(self._conns)), Memory()
                    await self._subscribe(link, conn, memory)
                    await last.aclose()
                    with contextlib.suppress(Retired):
                        await self._listen(link, conn, epoch, memory)
                    last = this.pop_all()
        finally:
            await last.aclose()

    def _dial(self) -> connect:
        return connect(
            self.exchange.ws_url,
            origin=None,
            open_timeout=OPEN_S,
            close_timeout=CLOSE_S,
            ping_interval=None,
            max_size=LARGEST,
            max_queue=QUEUE,
            proxy=self._proxy,
            user_agent_header="ticker",
        )

    async def _listen(self, link: ClientConnection, conn: str, epoch: int, memory: Memory) -> None:
        """Pass on what comes and keep the connection alive, until it ends one way or another."""
        keeper = asyncio.create_task(self._keep_alive(link))
        try:
            await self._receive(link, conn, epoch, memory)
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def _subscribe(self, link: ClientConnection, conn: str, memory: Memory) -> None:
        if self._record:
            self._record.opened(self.exchange.name, conn, self.exchange.ws_url)
        for frame in self.exchange.subscribe(self.markets, memory):
            await self._send(link, conn, frame)
            await asyncio.sleep(self.exchange.frame_gap_s)

    async def _receive(self, link: ClientConnection, conn: str, epoch: int, memory: Memory) -> None:
        name, opened = self.exchange.name, self._clock().mono
        self._sink.opened(name, self.shard, epoch, self._clock())
        data_at = opened
        while True:
            patience = self.exchange.silence_s - (self._clock().mono - data_at) / 1000
            try:
                async with asyncio.timeout(patience):
                    frame = await link.recv()
            except TimeoutError:
                raise Silence(f"no data for {self.exchange.silence_s:g} s") from None
            now = self._clock()
            if self._record:
                self._record.frame(name, conn, "recv", frame)
            if await self._take(link, conn, epoch, frame, memory, now):
                data_at = now.mono
            if now.mono - opened > GOOD_S * 1000:
                self._backoff.reset()
            if self.exchange.max_age_s is not None and now.mono - opened > self.exchange.max_age_s * 1000:
                raise Retired(f"older than {self.exchange.max_age_s:g} s")

    async def _take(
        self, link: ClientConnection, conn: str, epoch: int, frame: Frame, memory: Memory, now: Instant
    ) -> bool:
        """One frame; whether it brought data."""
        try:
            events = read(self.exchange, frame, memory)
        except BadFrame as error:
            self._sink.dropped(self.exchange.name, "malformed")
            log.debug("dropped: %s", error)
            return False
        data = False
        for event in events:
            if isinstance(event, Tick | Suspension):
                data = True
                self._sink.event(self.exchange.name, self.shard, epoch, event, now)
            elif isinstance(event, Reply):
                await self._send(link, conn, event.text)
            elif isinstance(event, Goodbye):
                raise Retired(event.reason)
            elif isinstance(event, Refused):
                self._sink.dropped(self.exchange.name, "refused")
                log.warning("%s refused a subscription: %r", self.exchange.name, event.reason[:200])
        return data

    async def _send(self, link: ClientConnection, conn: str, frame: str) -> None:
        if self._record:
            self._record.frame(self.exchange.name, conn, "sent", frame)
        await link.send(frame)

    async def _keep_alive(self, link: ClientConnection) -> None:
        keepalive = self.exchange.keepalive
        while True:
            await asyncio.sleep(keepalive.every_s)
            try:
                if keepalive.text is None:
                    await link.ping()
                else:
                    await link.send(keepalive.text(self._clock().wall))
            except websockets.ConnectionClosed:
                return


async def run(
    exchange: Exchange,
    markets: Sequence[Market],
    sink: Sink,
    clock: Callable[[], Instant],
    *,
    proxy: str | None = None,
    record: Record | None = None,
) -> None:
    """Every connection an exchange needs for these markets, until cancelled; they are opened one after another."""
    async with asyncio.TaskGroup() as tasks:
        for shard, some in enumerate(shards(exchange, markets)):
            tasks.create_task(Feed(exchange, some, shard, sink, clock, proxy=proxy, record=record).run())
            await asyncio.sleep(1 / exchange.connects_per_s)


def shards(exchange: Exchange, markets: Sequence[Market]) -> list[Sequence[Market]]:
    """The markets of each connection."""
    return [markets[i : i + exchange.most_markets] for i in range(0, len(markets), exchange.most_markets)]
