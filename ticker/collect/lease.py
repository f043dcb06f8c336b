"""I/O: the lease of the one collector that writes: waited for, kept by every batch, given up in time."""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine
from typing import Final

from ticker.model import Instant
from ticker.store import FAILURES, Writer
from ticker.store.writer import LEASE_MS, Claim

log = logging.getLogger(__name__)

STANDBY_S: Final = 0.5
"""How often a collector that stands by asks for the lease, which lasts four seconds: five are promised."""
HEIR_S: Final = 3.0
"""How long whoever has seen another at work leaves it a Redis that came back empty."""
PATIENCE_MS: Final = LEASE_MS - 1500
"""Without a written batch for this long the sockets are dropped; closing them takes a second at most."""


class LeaseLost(Exception):
    """Another collector may be writing now."""


class Lease:
    """One collector's claim to be the one that writes."""

    def __init__(self, store: Writer, clock: Callable[[], Instant], failed: Callable[[BaseException], None]) -> None:
        """`failed` is told what Redis would not do."""
        self._store = store
        self._clock = clock
        self._failed = failed
        self.answered = False
        """Redis has said whose it is, once."""
        self._kept = 0
        """When the last batch that was written was sent, ms of the steady clock: the lease is no older."""

    async def take(self, read: Callable[[Claim], Coroutine[None, None, None]]) -> None:
        """Wait for it, then `read` what the last collector left, however long it takes."""
        replaced, lost_at = False, math.inf
        while True:
            now = self._clock()
            try:
                heir = not replaced or now.mono - lost_at > HEIR_S * 1000
                claim = await self._store.claim(now.wall, heir=heir)
                self.answered = True
                if claim not in {"taken", "lost"}:
                    await read(claim)
                    self.kept(self._clock().mono)
                    log.info("at work: this collector writes the prices from now on")
                    return
                if not replaced:
                    log.info("another collector is at work: standing by")
                self._store.complaints.well()
                replaced, lost_at = True, min(lost_at, now.mono) if claim == "lost" else math.inf
            except FAILURES as error:
                self._failed(error)
            await asyncio.sleep(STANDBY_S)

    async def take_again(self) -> None:
        """Redis has lost it, perhaps to another collector."""
        if await self._store.claim(self._clock().wall) == "taken":
            raise LeaseLost("another collector was first")

    def kept(self, mono: int) -> None:
        """A batch that was sent then has been written."""
        self._kept = mono

    async def end(self) -> None:
        """Raise LeaseLost in time, however long Redis takes to fail."""
        while (left := self._kept + PATIENCE_MS - self._clock().mono) > 0:  # noqa: ASYNC110 - it moves on meanwhile
            await asyncio.sleep(left / 1000)
        raise LeaseLost("redis has not taken a batch for too long")
