"""I/O: one websocket to an exchange, from its opening to its end: subscribed, kept alive, watched, every frame read.

"Connected" is not "alive": only application data count. Subscribing, keeping alive, watching and reading go on side by
side, so that a long list of subscribe frames, paced as the venue asks, delays no price and no answer to a ping.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from websockets.asyncio.client import ClientConnection, connect

from ticker.errors import BadFrame
from ticker.exchanges import Exchange
from ticker.exchanges.exchange import Frame, Memory, read
from ticker.model import Event, Goodbye, Instant, Market, Refused, Reply, Suspension, Tick

OPEN_S: Final = 10.0
CLOSE_S: Final = 1.0
LARGEST: Final = 1024 * 1024
QUEUE: Final = 16
DATA: Final = (Tick, Suspension)
"""What counts as data. A tuple: to ask whether an event is of a union takes four times as long."""


class Silence(Exception):
    """The connection brought no data for longer than is normal for the venue."""


class Record(Protocol):
    """Who writes down the raw frames."""

    def opened(self, exchange: str, conn: str, url: str) -> None:
        """A connection was opened."""

    def frame(self, exchange: str, conn: str, direction: str, frame: Frame) -> None:
        """A frame was `sent` or received (`recv`)."""


class Listener(Protocol):
    """Whose connection it is."""

    def received(self) -> None:
        """A frame came, whatever it means."""

    def opened(self) -> None:
        """It is open and about to subscribe."""

    def delivers(self) -> None:
        """Its first data."""

    def heard(self, connection: "Connection", event: Tick | Suspension, now: Instant) -> None:
        """It brought data."""

    def dropped(self, reason: str, detail: str) -> None:
        """It brought what cannot be read (`malformed`) or is a refusal (`refused`)."""


class Connection:
    """One websocket; `run` is its whole life."""

    def __init__(
        self,
        exchange: Exchange,
        markets: Sequence[Market],
        name: str,
        number: int,
        listener: Listener,
        clock: Callable[[], Instant],
        record: Record | None,
        *,
        alone: bool = False,
    ) -> None:
        self.number = number
        """Counts the connections of one feed: a later one has a greater number."""
        self.live = False
        """Everything is subscribed, and data came."""
        self.good_since: int | None = None
        """When the first data came, ms of the steady clock."""
        self.settled = asyncio.Event()
        """It is live, or it has failed."""
        self.retired = asyncio.Event()
        """It is to be replaced by a new one, which is opened first."""
        self._exchange = exchange
        self._lots = [[market] for market in markets] if alone else [markets]
        self._alone = alone
        self._name = name
        self._listener = listener
        self._clock = clock
        self._record = record
        self._memory: Memory = {}
        self._subscribed = False
        self._data_at = 0

    async def run(self, url: str, proxy: str | None) -> None:
        """Dial and stay until the end, which is always an exception, alone or in a group.

        Silence, or what the websocket raises: OSError, TimeoutError, WebSocketException.
        """
        async with dial(url, proxy) as socket, asyncio.TaskGroup() as tasks:
            self._data_at = self._clock().mono
            if self._record:
                self._record.opened(self._exchange.name, self._name, url)
            self._listener.opened()
            for work in (self._subscribe(socket), self._keep_alive(socket), self._watch(), self._age()):
                tasks.create_task(work)
            await self._read(socket)

    async def _subscribe(self, socket: ClientConnection) -> None:
        now = self._clock().wall
        frames = [frame for lot in self._lots for frame in self._exchange.subscribe(lot, self._memory, now)]
        for number, frame in enumerate(frames):
            if number:
                await asyncio.sleep(self._exchange.frame_gap_s)
            await self._send(socket, frame)
        self._subscribed = True
        self._settle()

    async def _keep_alive(self, socket: ClientConnection) -> None:
        keepalive = self._exchange.keepalive
        while True:
            await asyncio.sleep(keepalive.every_s)
            if keepalive.text is None:
                await socket.ping()
            else:
                await self._send(socket, keepalive.text(self._clock().wall))

    async def _watch(self) -> None:
        """The watchdog: no ack, pong or heartbeat calms it, only data."""
        patience = self._exchange.silence_s
        while True:
            left = patience - (self._clock().mono - self._data_at) / 1000
            if left <= 0:
                raise Silence(f"no data for {patience:g} s")
            await asyncio.sleep(left)

    async def _age(self) -> None:
        """Retire before the venue cuts the connection for its age."""
        if self._exchange.max_age_s is not None:
            await asyncio.sleep(self._exchange.max_age_s)
            self.retired.set()

    async def _read(self, socket: ClientConnection) -> None:
        while True:
            frame = await socket.recv()
            now = self._clock()
            self._listener.received()
            if self._record:
                self._record.frame(self._exchange.name, self._name, "recv", frame)
            for event in self._events(frame):
                if isinstance(event, DATA):
                    self._hear(event, now)
                else:
                    await self._heed(socket, event)

    def _events(self, frame: Frame) -> list[Event]:
        try:
            return read(self._exchange, frame, self._memory)
        except BadFrame as error:
            self._listener.dropped("malformed", str(error))
            return []

    def _hear(self, event: Tick | Suspension, now: Instant) -> None:
        self._data_at = now.mono
        if self.good_since is None:
            self.good_since = now.mono
            self._listener.delivers()
            self._settle()
        self._listener.heard(self, event, now)

    async def _heed(self, socket: ClientConnection, event: Reply | Refused | Goodbye) -> None:
        if isinstance(event, Reply):
            await self._send(socket, event.text)
        elif isinstance(event, Goodbye):
            self.retired.set()
        else:
            self._listener.dropped("refused", event.reason)
            if self._exchange.refuses_frames and not self._alone:
                self.retired.set()  # the next one asks for each market alone

    def _settle(self) -> None:
        if self._subscribed and self.good_since is not None:
            self.live = True
            self.settled.set()

    async def _send(self, socket: ClientConnection, frame: str) -> None:
        if self._record:
            self._record.frame(self._exchange.name, self._name, "sent", frame)
        await socket.send(frame)


def dial(url: str, proxy: str | None) -> connect:
    """A handshake without an Origin header, which some venues limit; nothing is unbounded, pings are ours."""
    return connect(
        url,
        origin=None,
        open_timeout=OPEN_S,
        close_timeout=CLOSE_S,
        ping_interval=None,
        max_size=LARGEST,
        max_queue=QUEUE,
        proxy=proxy,
        user_agent_header="ticker",
    )
