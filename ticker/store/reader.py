"""I/O: the servers' side of Redis: read a board, follow its updates. It writes nothing."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from redis.asyncio import Redis

from ticker.history import minute_of, ref_minute, unpack_minute
from ticker.model import MINUTE, BoardState, Held, Row
from ticker.report import Report
from ticker.store.complaints import Complaints
from ticker.store.connection import FAILURES, PREFIX, TIMEOUT_S, Connection, client, raw, text

CHANNEL: Final = f"{PREFIX}updates"
SILENCE_S: Final = 3.0
"""A subscription that brings nothing for this long is dead: the collector speaks every second."""
OWN_FIELDS: Final = {"revision", "ts"}
BOARD: Final = """
local out = {}
for i, kind in ipairs({'board', 'frozen', 'editor'}) do
  out[i] = redis.call('HGETALL', 'ticker:v1:' .. kind .. ':' .. ARGV[1])
end
return out
"""
"""A script and no transaction: a full Redis refuses everything in a transaction, reading too."""
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

T = TypeVar("T")

log = logging.getLogger(__name__)


class BoardUpdate(msgspec.Struct, frozen=True):
    """What one batch changed on one board."""

    revision: int
    ts: int
    rows: list[Row]


class Update(msgspec.Struct, frozen=True):
    """One message of the channel; without boards it only says that the collector lives."""

    fence: int
    ts: int
    boards: dict[str, BoardUpdate] = {}
    edited: bool = False
    """An editor changed a board: read them again."""


UPDATES: Final = msgspec.json.Decoder(Update)
ROWS: Final = msgspec.json.Decoder(Row)
REPORT: Final = msgspec.json.Decoder(Report)
HOLDS: Final = msgspec.json.Decoder(list[Held])
SYMBOLS: Final = msgspec.json.Decoder(frozenset[str])


class Reader(Connection):
    """What a server node needs to know."""

    def __init__(self, url: str, *, persistent: bool = False) -> None:
        super().__init__(url, persistent=persistent)
        self._series = self._redis.register_script(SERIES)

    async def board(self, name: str) -> BoardState:
        """A board as it stands, with what an editor decided about it."""
        return await read_board(self._redis, name)

    async def kept(self, names: Iterable[str]) -> list[str]:
        """Those of these boards that somebody has written here."""
        return [name for name in names if await self._redis.exists(f"{PREFIX}board:{name}")]

    async def report(self) -> Report:
        """What the collector last told of itself."""
        return await read_report(self._redis)

    async def holds(self) -> list[Held]:
        """The last prices that were not believed at once, newest first."""
        return _decoded(HOLDS, await self._redis.get(f"{PREFIX}holds")) or []

    async def samples(self, market: str, now: int) -> list[tuple[int, int]]:
        """The samples of one market over the last 24 hours as (minute start, sample), unknown minutes 0."""
        slot = await self._redis.hget(f"{PREFIX}slots", market)
        if slot is None:
            return []
        first, last = ref_minute(now), minute_of(now) - MINUTE
        packed = await self._series(args=[int(slot), first, last])
        return list(zip(range(first, last + MINUTE, MINUTE), unpack_minute(raw(packed)), strict=False))

    async def updates(self) -> AsyncIterator[Update | None]:
        """Every batch and heartbeat, forever; None first and after each gap: read the boards again now.

        A subscription that is silent for three seconds is taken for dead and opened anew.
        """
        complaints = Complaints(log, "redis subscription lost")
        while True:
            try:
                async with client(self.url, subscriber=True) as redis, redis.pubsub() as channel:
                    async with asyncio.timeout(TIMEOUT_S):
                        await channel.subscribe(CHANNEL)
                    while (message := await channel.get_message(timeout=SILENCE_S)) is not None:
                        if message["type"] == "subscribe":
                            complaints.well()
                            yield None
                        elif (update := _decoded(UPDATES, message["data"])) is not None:
                            yield update
            except FAILURES as error:
                complaints.failed(error)
                await asyncio.sleep(TIMEOUT_S)


async def read_report(redis: Redis) -> Report:
    """What the collector last told of itself; nothing when it never did."""
    return _decoded(REPORT, await redis.get(f"{PREFIX}status")) or Report()


async def read_board(redis: Redis, name: str) -> BoardState:
    """A board with its editor's decisions, read at one moment; frozen rows replace the moving ones."""
    answer = await redis.register_script(BOARD)(args=[name])
    moving, frozen, editor = [
        {text(key): raw(value) for key, value in zip(flat[::2], flat[1::2], strict=True)} for flat in answer
    ]
    state = _board_state(frozen or moving)
    state.frozen = bool(frozen)
    state.notice = text(editor["notice"]) if editor.get("notice") else None
    state.hidden = SYMBOLS.decode(editor.get("hidden", b"[]"))
    if frozen and editor.get("revision", b"").isdigit():
        state.revision, state.ts = int(editor["revision"]), int(editor["ts"])
    return state


def _board_state(fields: Mapping[str, bytes]) -> BoardState:
    state = BoardState(revision=int(fields.get("revision", 0)), ts=int(fields.get("ts", 0)))
    for name, line in fields.items():
        if name in OWN_FIELDS:
            continue
        try:
            row = ROWS.decode(line)
        except msgspec.MsgspecError as error:
            log.warning("row %r in redis left out: %s", name[:40], str(error)[:200])
            continue
        state.rows[row.symbol] = row
    return state


def _decoded(decoder: msgspec.json.Decoder[T], answer: Any) -> T | None:
    """What lies in Redis, if anything does and it can be read."""
    try:
        return decoder.decode(answer) if answer else None
    except msgspec.MsgspecError as error:
        log.warning("%s in redis left out: %s", decoder.type, str(error)[:200])
        return None
