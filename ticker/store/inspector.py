"""I/O: what `ticker doctor` asks of Redis."""

import logging
from collections.abc import Mapping
from typing import Any

from ticker.report import Report
from ticker.store.checked import Checked
from ticker.store.connection import PREFIX, Connection
from ticker.store.reader import read_report

log = logging.getLogger(__name__)


class Inspector(Connection):
    """What Redis says about itself, and when a collector last wrote there."""

    async def info(self) -> Mapping[str, Any]:
        """The answer to INFO."""
        return dict(await self._redis.info())

    async def report(self) -> Report:
        """What a collector last told of itself."""
        return await read_report(self._redis, Checked(log))

    async def heartbeat(self) -> int | None:
        """When a collector last spoke, ms since the epoch."""
        answer = await self._redis.get(f"{PREFIX}heartbeat")
        return int(answer) if answer and answer.isdigit() else None
