"""I/O: the collector's side of Redis: one atomic batch of rows, samples and one publish."""

import asyncio
import contextlib
import logging
import struct
import uuid
from array import array
from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

import msgspec
import orjson
from redis.exceptions import RedisError, ResponseError

from ticker.history import LENGTH, History, minute_of, unpack_minute
from ticker.model import MINUTE, BoardState, Held, Row
from ticker.report import Report
from ticker.store.checked import TIMES, Checked
from ticker.store.connection import FAILURES, PREFIX, TIMEOUT_S, Connection, raw, text
from ticker.store.reader import SLOTS, read_board, read_holds, read_report

log = logging.getLogger(__name__)

PATCH: Final = struct.Struct("<qiq")
"""One sample on its way: minute, slot, price as `history.pack` makes it."""
COMMIT: Final = """
local p = 'ticker:v1:'
local stored = redis.call('GET', p .. 'fence')
if not stored then return redis.error_reply('EMPTY') end
if stored ~= ARGV[1] then return redis.error_reply('FENCED') end
local beat, taken = tonumber(redis.call('GET', p .. 'heartbeat')) or 0, tonumber(ARGV[10])
if taken > 0 and beat < taken then return redis.error_reply('EMPTY') end  -- it lost what it had taken
local now = tonumber(ARGV[2])
local parts = {}
for name, rows in pairs(cjson.decode(ARGV[3])) do
  local key = p .. 'board:' .. name
  local revision = redis.pcall('HINCRBY', key, 'revision', 1)
  if type(revision) == 'table' then
    if not string.find(revision.err or '', 'integer') then return revision end  -- full, say
    redis.call('DEL', key)  -- somebody wrote there what is no number
    return redis.error_reply('EMPTY')
  end
  local texts = {}
  for i = 1, #rows, 2 do
    redis.call('HSET', key, rows[i], rows[i + 1])
    texts[#texts + 1] = rows[i + 1]
  end
  redis.call('HSET', key, 'ts', ARGV[2])
  parts[#parts + 1] = cjson.encode(name) .. ':{"revision":' .. revision .. ',"ts":' .. ARGV[2] ..
    ',"rows":[' .. table.concat(texts, ',') .. ']}'
end
local slots = cjson.decode(ARGV[4])
for i = 1, #slots, 2 do redis.call('HSET', p .. 'slots', slots[i], slots[i + 1]) end
local minutes, last = {}, redis.call('HLEN', p .. 'slots') * 8 - 1
for at = 1, #ARGV[5], 20 do
  local minute, slot = struct.unpack('<i8i4', ARGV[5], at)
  local key = p .. 'minute:' .. string.format('%d', minute)
  if not minutes[key] and redis.call('EXISTS', key) == 0 then
    redis.call('SETRANGE', key, last, '\\0')  -- made in its full size at once: growing would double it
  end
  redis.call('SETRANGE', key, slot * 8, string.sub(ARGV[5], at + 12, at + 19))
  minutes[key] = minute
end
for key, minute in pairs(minutes) do
  redis.call('PEXPIRE', key, math.min(93600000, math.max(60000, minute + 93600000 - now)))
end
redis.call('SET', p .. 'heartbeat', ARGV[2])
redis.call('SET', p .. 'lease', ARGV[8], 'PX', ARGV[9])
if ARGV[6] ~= '' then redis.call('SET', p .. 'status', ARGV[6]) end
if ARGV[7] ~= '' then redis.call('SET', p .. 'holds', ARGV[7]) end
redis.call('PUBLISH', p .. 'updates', '{"fence":' .. ARGV[1] .. ',"ts":' .. ARGV[2] ..
  ',"boards":{' .. table.concat(parts, ',') .. '}}')
local accepts = redis.call('LRANGE', p .. 'accepts', 0, -1)
redis.call('DEL', p .. 'accepts')
return accepts
"""
CLAIM: Final = """
local p = 'ticker:v1:'
local holder = redis.call('GET', p .. 'lease')
if holder and holder ~= ARGV[2] then return false end
local stored = redis.call('GET', p .. 'fence')
if not stored and ARGV[5] == '' then return 'lost' end
local before = tonumber(stored) or 0
if not (before < 2 ^ 52) then before = 0 end  -- no collector's number
local fence = string.format('%d', math.max(before + 1, tonumber(ARGV[1])))
redis.call('SET', p .. 'lease', ARGV[2], 'PX', ARGV[3])
redis.call('SET', p .. 'fence', fence)
return {fence, stored and 1 or 0, stored == ARGV[4] and 1 or 0}
"""
RELEASE: Final = """
if redis.call('GET', 'ticker:v1:lease') == ARGV[1] then redis.call('DEL', 'ticker:v1:lease') end
return 1
"""
CLEAR: Final = """
local cleared = {}
for i = 1, #ARGV, 2 do
  local kind = redis.call('TYPE', ARGV[i]).ok
  if kind ~= 'none' and kind ~= ARGV[i + 1] then
    redis.call('DEL', ARGV[i])
    cleared[#cleared + 1] = ARGV[i]
  end
end
return cleared
"""
STRINGS: Final = ("fence", "lease", "heartbeat", "status", "holds")
LEASE_MS: Final = 4000
HEARTBEAT: Final = f"{PREFIX}heartbeat"
AT_ONCE: Final = 100
"""Minutes that are read from Redis together."""


Claim: TypeAlias = Literal["taken", "lost", "held", "kept", "empty"]
"""What became of a claim.

`taken`: another collector has the lease. `lost`: nobody has it, and Redis holds nothing. Else the lease is ours:
`held` after somebody else, `kept` where nobody else had it meanwhile, `empty` where Redis holds nothing.
"""


class Emptied(Exception):
    """Redis lost what it had taken, all or (a replica took over) the last of it: claim again, write all there is."""


class Fenced(Exception):
    """Another collector has taken over: stop writing."""


class Batch(msgspec.Struct):
    """Whatever is pending: all of it is written, or none."""

    now: int
    rows: Mapping[str, Iterable[Row]] = {}
    """By board."""
    samples: Mapping[tuple[int, int], int] = {}
    """(minute, slot) -> sample."""
    slots: Mapping[str, int] = {}
    report: Report | None = None
    """None: as before."""
    holds: Iterable[Held] | None = None
    """None: as before."""


class Writer(Connection):
    """The one collector that may write."""

    def __init__(self, url: str, *, persistent: bool = False) -> None:
        super().__init__(url, persistent=persistent)
        self._checked = Checked(log)
        self._commit = self._redis.register_script(COMMIT)
        self._claim = self._redis.register_script(CLAIM)
        self._release = self._redis.register_script(RELEASE)
        self._clear = self._redis.register_script(CLEAR)
        self._name = uuid.uuid4().hex
        self._fence = b""
        self._slots_written = 0
        self._taken = 0
        """The time of the last batch that Redis has surely taken."""

    async def claim(self, now: int, *, heir: bool = True) -> Claim:
        """Try to become the one collector that may write; the lease lasts four seconds from each batch on.

        Who is no `heir` leaves a Redis that holds nothing to the collector that wrote last, which knows more.
        The fence only ever grows, also where Redis was emptied and the clock set back.
        """
        try:
            answer = await self._claim(
                args=[max(now, int(self._fence or 0) + 1), self._name, LEASE_MS, self._fence, "heir" if heir else ""]
            )
        except ResponseError as error:
            if await self._make_way(error, Batch(now)):
                return await self.claim(now, heir=heir)
            raise
        if answer is None:
            return "taken"
        if answer == b"lost":
            return "lost"
        self._fence, existed, kept = answer
        self._slots_written = 0
        return "kept" if kept else "held" if existed else "empty"

    async def release(self) -> None:
        """Let another collector take over at once."""
        with contextlib.suppress(*FAILURES):
            await self._release(args=[self._name])

    async def load(self, history: History, now: int) -> None:
        """Read slots and the samples of the last 24 hours into a history; others get their turn meanwhile."""
        slots = await self._checked.asked(SLOTS, self._redis.hgetall(SLOTS))
        history.adopt(self._checked.slots(slots or {}))
        answer = await self._checked.asked(HEARTBEAT, self._redis.get(HEARTBEAT))
        beat = self._checked.decoded("key", HEARTBEAT, TIMES, answer) or now
        first = minute_of(now) - (LENGTH - 1) * MINUTE
        keys = [f"{PREFIX}minute:{at}" for at in range(first, minute_of(now) + MINUTE, MINUTE)]
        minutes: list[array[int]] = []
        for at in range(0, len(keys), AT_ONCE):
            packed = await self._redis.mget(keys[at : at + AT_ONCE])
            minutes += [unpack_minute(raw(minute or b"")) for minute in packed]
        for key, slot in history.slots.items():
            history.load(key, first, [minute[slot] if slot < len(minute) else 0 for minute in minutes])
            history.forget(key, minute_of(min(beat, now)))  # nobody watched that minute to its end
            await asyncio.sleep(0)

    async def board(self, name: str) -> BoardState:
        """The rows that the last collector left."""
        return await read_board(self._redis, name, self._checked)

    async def report(self) -> Report:
        """What the last collector told of itself."""
        return await read_report(self._redis, self._checked)

    async def holds(self) -> list[Held]:
        """The prices that the last collector did not believe at once, newest first."""
        return await read_holds(self._redis, self._checked)

    async def commit(self, batch: Batch) -> list[str]:
        """Write one batch and tell the servers; returns `SYMBOL/QUOTE` of held prices an editor believes.

        Raises Emptied, Fenced or one of FAILURES; what was in the batch is then to be written again.
        """
        boards = {
            name: [part for row in rows for part in (row.symbol, msgspec.json.encode(row).decode())]
            for name, rows in batch.rows.items()
        }
        slots = list(batch.slots.items())
        fresh = [part for pair in slots[self._slots_written :] for part in pair]
        blob = b"".join(PATCH.pack(minute, slot, sample) for (minute, slot), sample in batch.samples.items())
        args: list[bytes | int | str] = [self._fence, batch.now, orjson.dumps(boards), orjson.dumps(fresh), blob]
        args.append("" if batch.report is None else msgspec.json.encode(batch.report))
        args.append("" if batch.holds is None else msgspec.json.encode(list(batch.holds)))
        args += [self._name, LEASE_MS, self._taken]
        try:
            async with asyncio.timeout(2 * TIMEOUT_S):
                accepts = await self._commit(args=args)
        except RedisError as error:
            if "EMPTY" in str(error):
                self._taken = 0
                raise Emptied("it loses what it has taken") from None
            if "FENCED" in str(error):
                raise Fenced from None
            if await self._make_way(error, batch):
                self._taken = 0
                raise Emptied("its keys hold other kinds of value") from None
            raise
        self._slots_written, self._taken = len(slots), batch.now
        return [text(accept) for accept in accepts]

    async def _make_way(self, error: RedisError, batch: Batch) -> bool:
        """Where a key holds another kind of value nothing can be written: it is removed. Whether there was one."""
        if "WRONGTYPE" not in str(error):
            return False
        minutes = {minute for minute, _ in batch.samples}
        kinds = dict.fromkeys([*STRINGS, *(f"minute:{minute}" for minute in minutes)], "string")
        kinds |= {"slots": "hash", "accepts": "list"} | {f"board:{name}": "hash" for name in batch.rows}
        cleared = await self._clear(args=[word for key, kind in kinds.items() for word in (f"{PREFIX}{key}", kind)])
        for key in cleared:
            self._checked.left_out("key", text(key), "it holds another kind of value and is written over")
        return bool(cleared)
