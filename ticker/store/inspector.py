"""I/O: what `ticker doctor` asks of Redis."""

from collections.abc import Mapping
from typing import Any

from ticker.store.connection import PREFIX
from ticker.store.view import View


class Inspector(View):
    """What Redis says about itself, and when a collector last wrote there."""

    async def info(self) -> Mapping[str, Any]:
        """The answer to INFO."""
        return dict(await self._redis.info())

    async def heartbeat(self) -> int | None:
        """When a collector last spoke, ms since the epoch."""
        answer = await self._redis.get(f"{PREFIX}heartbeat")
        return int(answer) if answer and answer.isdigit() else None
