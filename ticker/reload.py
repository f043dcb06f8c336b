"""I/O: SIGHUP: the configuration is read again while everything goes on; a bad one changes nothing."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from ticker.errors import UsageError
from ticker.settings import Settings

log = logging.getLogger(__name__)

Tell: TypeAlias = Callable[[Settings], Awaitable[None]]
"""Somebody who takes new settings."""


class Reload:
    """Waits for SIGHUP from the moment it is made."""

    def __init__(self, read: Callable[[], Settings], *told: Tell) -> None:
        self.told = list(told)
        """Who is told, one after the other."""
        self._read = read
        self._asked = asyncio.Event()
        self._terminal = sys.stderr.isatty()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hear)

    async def run(self) -> None:
        """Read again whenever asked, forever."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                settings = self._read()
            except UsageError as error:
                log.error("SIGHUP: nothing changes: %s", error)  # noqa: TRY400 - the user's mistake, not ours
                continue
            for tell in self.told:
                await tell(settings)
            log.info("SIGHUP: the configuration has been read again")

    def _hear(self) -> None:
        """A terminal that was closed says the same, and means the end."""
        if self._terminal and not sys.stderr.isatty():
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            self._asked.set()
