"""I/O: an editor's decisions about a board, in force on every node at once and kept over restarts."""

import contextlib
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from ticker.model import Time
from ticker.store.connection import PREFIX, Connection

Command: TypeAlias = Literal["hide", "show", "notice", "freeze", "resume", "accept"]

EDIT: Final = """
local p, name, command, value, now = 'ticker:v1:', ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local board, editor, frozen = p .. 'board:' .. name, p .. 'editor:' .. name, p .. 'frozen:' .. name
redis.call('LPUSH', p .. 'edits', ARGV[5])
redis.call('LTRIM', p .. 'edits', 0, 999)
if command == 'accept' then
  redis.call('RPUSH', p .. 'accepts', value)
  redis.call('PEXPIRE', p .. 'accepts', 3000)  -- taken later it would release another price
  return 1
end
if command == 'notice' then redis.call('HSET', editor, 'notice', value) end
if command == 'resume' then redis.call('DEL', frozen) end
if command == 'hide' or command == 'show' then
  local whole, hidden = pcall(cjson.decode, redis.call('HGET', editor, 'hidden') or '[]')
  local kept = {}
  for _, symbol in ipairs(whole and type(hidden) == 'table' and hidden or {}) do
    local is_one = type(symbol) == 'string' and #symbol <= 12 and string.find(symbol, '^[A-Z0-9]+$')
    if is_one and symbol ~= value then kept[#kept + 1] = symbol end
  end
  if command == 'hide' then kept[#kept + 1] = value end
  redis.call('HSET', editor, 'hidden', #kept > 0 and cjson.encode(kept) or '[]')
end
local revision = redis.call('HINCRBY', board, 'revision', 1)
redis.call('HSET', board, 'ts', now)
redis.call('HSET', editor, 'revision', revision, 'ts', now)
if command == 'freeze' and redis.call('HLEN', frozen) == 0 then
  redis.call('HSET', frozen, unpack(redis.call('HGETALL', board)))
end
local fence = redis.call('GET', p .. 'fence') or '0'
redis.call('PUBLISH', p .. 'updates', '{"fence":' .. fence .. ',"ts":' .. now .. ',"edited":true}')
return 1
"""


class Edit(Struct, frozen=True):
    """One decision."""

    ts: Time
    who: str
    board: str
    command: Command
    value: str


EDITS: Final = msgspec.json.Decoder(Edit)


class Editor(Connection):
    """Hide and show coins, pin a notice, freeze the board, accept a held price."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._edit = self._redis.register_script(EDIT)

    async def edit(self, board: str, command: Command, value: str, who: str, now: int) -> None:
        """Carry out one decision and note who took it and when."""
        line = msgspec.json.encode(Edit(now, who, board, command, value))
        await self._edit(args=[board, command, value, now, line])

    async def edits(self, board: str) -> list[Edit]:
        """What was decided about a board, newest first; what is no decision is left out."""
        found = []
        for line in await self._redis.lrange(f"{PREFIX}edits", 0, -1):
            with contextlib.suppress(msgspec.MsgspecError, ValueError):
                found.append(EDITS.decode(line))
        return [edit for edit in found if edit.board == board]
