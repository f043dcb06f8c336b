"""I/O: the only module that knows Redis.

| key | type | content |
| --- | --- | --- |
| `ticker:v1:fence` | string | number of the collector that may write; a batch with another one is refused |
| `ticker:v1:heartbeat` | string | ms of the collector's last sign of life |
| `ticker:v1:sources` | string | JSON: exchange -> `{"state", "last_tick_ts"}` |
| `ticker:v1:board:NAME` | hash | `revision`, `ts`, and symbol -> row (JSON, CONTRACT section 3 without the name) |
| `ticker:v1:slots` | hash | market (`upbit:BTC/KRW`) -> its place in the packed minutes |
| `ticker:v1:minute:MS` | string | one minute of every market: 8 bytes a slot (`history.pack`), expires after 25 h |
| `ticker:v1:updates` | channel | `{"fence", "ts", "boards": {NAME: {"revision", "ts", "rows"}}}`; no boards: a heartbeat |

Nothing is published that was not written in the same script. Whatever is read is checked as if it came from outside.
"""

import asyncio
import logging
import struct
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final, Self

import msgspec
import orjson
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from ticker.errors import StartError
from ticker.history import LENGTH, History, minute_of, ref_minute, unpack_minute
from ticker.model import MINUTE, BoardState, Row

PREFIX: Final = "ticker:v1:"
CHANNEL: Final = f"{PREFIX}updates"
OWN_FIELDS: Final = {b"revision", b"ts"}
PATIENCE_S: Final = 10.0
TIMEOUT_S: Final = 1.0
SILENCE_S: Final = 3.0
"""A subscription that brings nothing for this long is dead: the collector speaks every second."""
PATCH: Final = struct.Struct("<qiq")
FAILURES: Final = (RedisError, OSError, TimeoutError)

COMMIT: Final = """
local p = 'ticker:v1:'
local stored = redis.call('GET', p .. 'fence')
if not stored then return redis.error_reply('EMPTY') end
if stored ~= ARGV[1] then return redis.error_reply('FENCED') end
local now = tonumber(ARGV[2])
local parts = {}
for name, rows in pairs(cjson.decode(ARGV[3])) do
  local key = p .. 'board:' .. name
  local revision = redis.call('HINCRBY', key, 'revision', 1)
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
local minutes = {}
for at = 1, #ARGV[5], 20 do
  local minute, slot = struct.unpack('<i8i4', ARGV[5], at)
  local key = p .. 'minute:' .. string.format('%d', minute)
  redis.call('SETRANGE', key, slot * 8, string.sub(ARGV[5], at + 12, at + 19))
  minutes[key] = minute
end
for key, minute in pairs(minutes) do
  redis.call('PEXPIRE', key, math.max(60000, minute + 90000000 - now))
end
redis.call('SET', p .. 'heartbeat', ARGV[2])
redis.call('SET', p .. 'sources', ARGV[6])
redis.call('PUBLISH', p .. 'updates', '{"fence":' .. ARGV[1] .. ',"ts":' .. ARGV[2] ..
  ',"boards":{' .. table.concat(parts, ',') .. '}}')
return 1
"""
CLAIM: Final = """
local fence = math.max(tonumber(redis.call('GET', KEYS[1]) or '0') + 1, tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%d', fence))
return string.format('%d', fence)
"""
SERIES: Final = """
local out = {}
for minute = tonumber(ARGV[2]), tonumber(ARGV[3]), 60000 do
  local key = 'ticker:v1:minute:' .. string.format('%d', minute)
  local at = tonumber(ARGV[1]) * 8
  local sample = redis.call('GETRANGE', key, at, at + 7)
  out[#out + 1] = #sample == 8 and sample or '\\0\\0\\0\\0\\0\\0\\0\\0'
end
return table.concat(out)
"""


class Emptied(Exception):
    """Redis lost everything: claim it again and write all there is."""


class Fenced(Exception):
    """Another collector has taken over: stop writing."""


class BoardUpdate(msgspec.Struct, frozen=True):
    """What one batch changed on one board."""

    revision: int
    ts: int
    rows: list[Row]


class Update(msgspec.Struct, frozen=True):
    """One message of the channel; without boards it only says that the collector lives."""

    fence: int
    ts: int
    boards: dict[str, BoardUpdate]


class Source(msgspec.Struct, frozen=True):
    """How an exchange is doing."""

    state: str
    last_tick_ts: int | None = None


UPDATES: Final = msgspec.json.Decoder(Update)
ROWS: Final = msgspec.json.Decoder(Row)
SOURCES: Final = msgspec.json.Decoder(dict[str, Source])
log = logging.getLogger(__name__)


def client(url: str, *, subscriber: bool = False) -> Redis:
    """A client that fails within a second and never retries by itself; we decide about retries."""
    return Redis.from_url(
        url,
        socket_timeout=None if subscriber else TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        single_connection_client=False,
    )


class Store:
    """The prices in Redis, for the collector that writes and the servers that read."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._redis = client(url)
        self._commit = self._redis.register_script(COMMIT)
        self._claim = self._redis.register_script(CLAIM)
        self._series = self._redis.register_script(SERIES)
        self._fence = b""
        self._slots_written = 0

    async def __aenter__(self) -> Self:
        """Wait for Redis for up to ten seconds; StartError when it does not answer."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            try:
                await self._redis.ping()
            except FAILURES as error:
                if asyncio.get_running_loop().time() > deadline:
                    await self._redis.aclose()
                    where = self.url.rpartition("@")[2]
                    raise StartError(f"no Redis at {where}: {error}; start it, or set redis.url") from None
                await asyncio.sleep(0.2)
            else:
                return self

    async def __aexit__(self, *_: object) -> None:
        await self._redis.aclose()

    # -- the collector's side -----------------------------------------------------------------------------------------

    async def claim(self, now: int) -> None:
        """Become the one collector that may write."""
        self._fence = await self._claim(keys=[f"{PREFIX}fence"], args=[now])
        self._slots_written = 0

    async def load(self, history: History, now: int) -> None:
        """Read slots and the samples of the last 24 hours into a history."""
        for key, slot in (await self._redis.hgetall(f"{PREFIX}slots")).items():
            history.slots[_text(key)] = int(slot)
        beat = int(await self._redis.get(f"{PREFIX}heartbeat") or now)  # its minute was cut short: not to be trusted
        first = minute_of(now) - (LENGTH - 1) * MINUTE
        minutes = range(first, max(first + MINUTE, minute_of(min(beat, now))), MINUTE)
        for packed, minute in zip(
            await self._redis.mget([f"{PREFIX}minute:{minute}" for minute in minutes]), minutes, strict=True
        ):
            if packed:
                history.load(minute, _bytes(packed))

    async def commit(
        self,
        changed: Mapping[str, Iterable[Row]],
        samples: Mapping[tuple[int, int], int],
        slots: Mapping[str, int],
        sources: Mapping[str, Source],
        now: int,
    ) -> None:
        """Write one batch and tell the servers, all or nothing.

        Raises Emptied, Fenced or one of FAILURES; the batch is then to be written again with whatever came since.
        """
        boards = {
            name: [text for row in rows for text in (row.symbol, msgspec.json.encode(row).decode())]
            for name, rows in changed.items()
        }
        fresh = [x for key, slot in list(slots.items())[self._slots_written :] for x in (key, slot)]
        blob = b"".join(PATCH.pack(minute, slot, sample) for (minute, slot), sample in samples.items())
        args: list[bytes | int] = [
            self._fence,
            now,
            orjson.dumps(boards),
            orjson.dumps(fresh),
            blob,
            msgspec.json.encode(sources),
        ]
        try:
            async with asyncio.timeout(2 * TIMEOUT_S):
                await self._commit(args=args)
        except RedisError as error:
            if "EMPTY" in str(error):
                raise Emptied from None
            if "FENCED" in str(error):
                raise Fenced from None
            raise
        self._slots_written = len(slots)

    # -- the servers' side --------------------------------------------------------------------------------------------

    async def board(self, name: str) -> BoardState:
        """A board as it stands; rows that are not what they should be are left out and logged."""
        return _board_state(await self._redis.hgetall(f"{PREFIX}board:{name}"))

    async def sources(self) -> dict[str, Source]:
        """How every exchange is doing, as the collector last said."""
        text = await self._redis.get(f"{PREFIX}sources")
        return SOURCES.decode(text) if text else {}

    async def samples(self, market: str, now: int) -> list[tuple[int, int]]:
        """The samples of one market over the last 24 hours as (minute start, sample), unknown minutes 0."""
        slot = await self._redis.hget(f"{PREFIX}slots", market)
        if slot is None:
            return []
        first, last = ref_minute(now), minute_of(now) - MINUTE
        packed = await self._series(args=[int(slot), first, last])
        return list(zip(range(first, last + MINUTE, MINUTE), unpack_minute(packed), strict=False))

    async def updates(self) -> AsyncIterator[Update | None]:
        """Every batch and heartbeat, forever; None first and after each gap: read the boards again now.

        A subscription that is silent for three seconds is taken for dead and opened anew.
        """
        while True:
            try:
                async with client(self.url, subscriber=True) as redis, redis.pubsub() as channel:
                    async with asyncio.timeout(TIMEOUT_S):
                        await channel.subscribe(CHANNEL)
                    while (message := await channel.get_message(timeout=SILENCE_S)) is not None:
                        if message["type"] == "subscribe":
                            yield None
                        elif (update := _update(message["data"])) is not None:
                            yield update
            except FAILURES as error:
                log.warning("redis subscription lost: %s", str(error)[:200])
                await asyncio.sleep(TIMEOUT_S)


def _text(answer: bytes | str) -> str:
    return answer if isinstance(answer, str) else answer.decode()


def _bytes(answer: bytes | str) -> bytes:
    return answer if isinstance(answer, bytes) else answer.encode()


def _board_state(fields: Mapping[Any, Any]) -> BoardState:
    state = BoardState(revision=int(fields.get(b"revision", 0)), ts=int(fields.get(b"ts", 0)))
    for name, text in fields.items():
        if name in OWN_FIELDS:
            continue
        try:
            row = ROWS.decode(text)
        except msgspec.MsgspecError as error:
            log.warning("row %r in redis left out: %s", name[:40], str(error)[:200])
            continue
        state.rows[row.symbol] = row
    return state


def _update(data: Any) -> Update | None:
    try:
        return UPDATES.decode(data)
    except msgspec.MsgspecError as error:
        log.warning("message on %s left out: %s", CHANNEL, str(error)[:200])
        return None
