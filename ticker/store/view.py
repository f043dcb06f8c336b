"""I/O: what everybody who looks into Redis may ask: a board, what the collector told of itself, the held prices."""

import logging
from typing import Final

import msgspec

from ticker.model import BoardState, Held
from ticker.report import Report
from ticker.store.checked import Checked
from ticker.store.connection import PREFIX, Connection

log = logging.getLogger(__name__)

SLOTS: Final = f"{PREFIX}slots"
STATUS: Final = f"{PREFIX}status"
HELD: Final = f"{PREFIX}holds"
BOARD: Final = """
local out = {}
for i, kind in ipairs({'board', 'frozen', 'editor'}) do
  out[i] = redis.pcall('HGETALL', 'ticker:v1:' .. kind .. ':' .. ARGV[1])
end
return out
"""
"""A script and no transaction: a full Redis refuses everything in a transaction, reading too."""
REPORT: Final = msgspec.json.Decoder(Report)
HOLDS: Final = msgspec.json.Decoder(list[Held])


class View(Connection):
    """A connection that believes nothing it reads."""

    def __init__(self, url: str, *, persistent: bool = False) -> None:
        super().__init__(url, persistent=persistent)
        self._checked = Checked(log)
        self._board = self._redis.register_script(BOARD)

    async def board(self, name: str) -> BoardState:
        """A board with its editor's decisions, read at one moment."""
        moving, frozen, editor = [self._checked.fields(name, fields) for fields in await self._board(args=[name])]
        return self._checked.board(name, moving, frozen, editor)

    async def report(self) -> Report:
        """What the collector last told of itself; nothing when it never did."""
        answer = await self._checked.asked(STATUS, self._redis.get(STATUS))
        return self._checked.decoded("key", STATUS, REPORT, answer) or Report()

    async def holds(self) -> list[Held]:
        """The last prices that were not believed at once, newest first."""
        answer = await self._checked.asked(HELD, self._redis.get(HELD))
        return self._checked.decoded("key", HELD, HOLDS, answer) or []
