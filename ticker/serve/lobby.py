"""I/O: who may come in, who is here, who still answers, and how everybody is sent away."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from ticker.model import Language
from ticker.serve import query, wire
from ticker.serve.address import client_of, origin_of
from ticker.serve.audience import Busy
from ticker.serve.group import Key
from ticker.serve.hub import Hub
from ticker.serve.query import Refusal
from ticker.serve.reader import Reader

PING_S: Final = 25.0
RINGS: Final = 25
BATCHES: Final = 20
RETRY_MS: Final = 2000
"""By then a balancer that asks `/readyz` each second or two sends nobody here any more."""
STAY: Final = 0.65
"""The part of `drain_s` for which a reader is served after its `bye`.

13 of 20 seconds: `retry_ms`, the random 10 s, and one to arrive elsewhere.
"""


class Admission(Struct, frozen=True):
    """A stream that may be opened."""

    key: Key
    language: Language
    address: str
    origin: str
    """Where its page is from, as far as the settings know it (`address.origin_of`)."""


class Lobby:
    """The readers of one server node."""

    def __init__(self, hub: Hub) -> None:
        self.draining = False
        self.ping_s = PING_S
        self.counts: Counter[str] = Counter()
        self._hub = hub
        self._addresses: Counter[str] = Counter()
        self.origins: Counter[str] = Counter()
        """The readers by where their page is from."""
        self._rings: list[dict[Reader, tuple[str, str]]] = [{} for _ in range(RINGS)]
        """The readers by the turn in which they are pinged, each with its address and its origin."""
        self._ring_of: dict[Reader, int] = {}
        self._turn = 0
        self._empty = asyncio.Event()
        self._second = (0, 0)
        """The current second and how many streams were opened in it."""

    @property
    def clients(self) -> int:
        """How many readers are here."""
        return len(self._ring_of)

    # -- coming and going ---------------------------------------------------------------------------------------------

    def admit(
        self, board: str | None, parameters: Mapping[str, str], headers: Mapping[str, str], peer: str
    ) -> Admission:
        """What an address asks for, if there is room for it; else a Refusal. Headers are known in lower case."""
        try:
            return self._admission(board, parameters, headers, peer)
        except Refusal as refusal:
            self.counts[refusal.code] += 1
            raise

    def _admission(
        self, board: str | None, parameters: Mapping[str, str], headers: Mapping[str, str], peer: str
    ) -> Admission:
        wish, interval = query.wish(self._hub.configured, board, parameters), query.interval_of(parameters)
        address = client_of(peer, headers.get("x-forwarded-for", ""), self._hub.server.trusted_proxies)
        origin = origin_of(headers, peer, self._hub.server)
        self._check(origin, address)
        key = self._hub.key(wish.board, wish.symbols, interval)
        try:
            self._hub.make_room(key)
        except Busy:
            raise Refusal("busy", "too many different subscriptions") from None
        return Admission(key, wish.language, address, origin or "")

    def _check(self, origin: str | None, address: str) -> None:
        if self.draining or not self._hub.ready:
            raise Refusal("not_ready", "not ready to serve")
        if origin is None:
            raise Refusal("forbidden_origin", "this origin is not on the list of allowed_origins")
        if self.clients >= self._hub.server.max_clients:
            raise Refusal("busy", "as many readers as this node takes")
        if self._hub.server.max_per_ip and self._addresses[address] >= self._hub.server.max_per_ip:
            raise Refusal("rate_limited", "too many connections from this address")
        second, count = self._second
        now = int(time.monotonic())
        self._second = (now, count + 1 if second == now else 1)
        if self._second[1] > self._hub.server.handshakes_per_s:
            raise Refusal("busy", "too many new readers at once")

    def enter(self, reader: Reader, address: str, origin: str = "none") -> None:
        """One more reader; its first ping is a whole round away."""
        self._ring_of[reader] = self._turn
        self._rings[self._turn][reader] = (address, origin)
        self._addresses[address] += 1
        self.origins[origin] += 1
        self.counts["entered"] += 1

    def left(self, reader: Reader) -> None:
        """One reader less."""
        ring = self._ring_of.pop(reader, None)
        if ring is None:
            return
        address, origin = self._rings[ring].pop(reader)
        self.origins[origin] -= 1
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]
        if not self._ring_of:
            self._empty.set()

    # -- who still answers --------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Ping each reader every `ping_s`; one that has not answered the last time is gone."""
        while True:
            await asyncio.sleep(self.ping_s / RINGS)
            self._turn = (self._turn + 1) % RINGS
            for reader in list(self._rings[self._turn]):
                if not reader.ping():
                    self.counts["silent"] += 1
                    reader.abort()

    # -- the end ------------------------------------------------------------------------------------------------------

    async def drain(self, *, hand_over: bool = True) -> None:
        """Take nobody new, send everybody away within `drain_s`, and return when they are gone.

        In batches each is told `bye` and, where there is somebody to be handed over to, served for a while longer: who
        dials again meanwhile misses nothing.
        """
        self.draining = True
        if not self._ring_of:
            return
        self._empty.clear()
        drain_s, readers = self._hub.server.drain_s, list(self._ring_of)
        stay_s = STAY * drain_s if hand_over else 0.0
        size = -(-len(readers) // BATCHES)
        async with asyncio.TaskGroup() as tasks:
            leaving = [
                tasks.create_task(
                    self._send_away(readers[at : at + size], at / len(readers) * (drain_s - stay_s), stay_s)
                )
                for at in range(0, len(readers), size)
            ]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(drain_s + self._hub.farewell_s + 1):
                    await self._empty.wait()
            for task in leaving:
                task.cancel()

    async def _send_away(self, readers: list[Reader], after_s: float, stay_s: float) -> None:
        await asyncio.sleep(after_s)
        for reader in readers:
            reader.say(wire.bye("restart", RETRY_MS))
        await asyncio.sleep(stay_s)
        for reader in readers:
            if reader in self._ring_of:
                reader.close(1012, "restart")

    def clear(self) -> None:
        """End every stream at once."""
        for reader in list(self._ring_of):
            reader.abort()
