"""Simulated exchanges beside a program under test."""

import asyncio
import threading
from typing import Self

from ticker import clock, sim
from ticker.sim.venue import Venue


class Exchanges(threading.Thread):
    """Simulated exchanges on loopback in a thread of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.settings: dict[str, str] = {}
        self.venues: dict[str, Venue] = {}
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._over: asyncio.Event

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        venues = sim.venues(sim.World(clock.now().wall), clock.now)
        self.venues = {venue.protocol.name: venue for venue in venues}
        async with sim.serve(venues) as exchanges:
            for name, exchange in exchanges.items():
                self.settings[f"exchanges__{name}__ws_url"] = exchange.ws_url
                self.settings[f"exchanges__{name}__rest_url"] = exchange.rest_url
            self._ready.set()
            await self._over.wait()

    def __enter__(self) -> Self:
        self.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self.join(5)
