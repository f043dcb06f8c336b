"""What the routes ask of Redis, whoever answers."""

from typing import Protocol

from ticker.model import Board
from ticker.serve.status import Known


class Records(Protocol):
    """What is asked of Redis when somebody asks us."""

    async def history(self, board: Board, symbol: str) -> tuple[str, list[tuple[int, str]]] | None:
        """The source a row shows and its last 24 hours as (minute end, price text); or a Refusal."""

    async def known(self) -> Known:
        """What is known of the collector and of Redis."""
