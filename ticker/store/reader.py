"""I/O: the servers' side of Redis: read a board, follow its updates. It writes nothing."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Final

import msgspec

from ticker.history import minute_of, ref_minute
from ticker.model import MINUTE, Count, Row, Time
from ticker.sample import unpack_minute
from ticker.store.checked import COUNTS, HIGHEST_SLOT
from ticker.store.connection import FAILURES, PREFIX, TIMEOUT_S, client, raw
from ticker.store.reasons import why
from ticker.store.view import SLOTS, View

CHANNEL: Final = f"{PREFIX}updates"
SILENCE_S: Final = 3.0
"""A subscription that brings nothing for this long is dead: the collector speaks every second."""
SERIES: Final = """
local out = {}
for minute = tonumber(ARGV[2]), tonumber(ARGV[3]), 60000 do
  local key = 'ticker:v1:minute:' .. string.format('%d', minute)
  local at = tonumber(ARGV[1]) * 8
  local sample = redis.pcall('GETRANGE', key, at, at + 7)  -- an error where the key holds another kind of value
  out[#out + 1] = #sample == 8 and sample or '\\0\\0\\0\\0\\0\\0\\0\\0'
end
return table.concat(out)
"""


class BoardUpdate(msgspec.Struct, frozen=True):
    """What one batch changed on one board."""

    revision: Count
    ts: Time
    rows: list[Row]


class Update(msgspec.Struct, frozen=True):
    """One message of the channel; without boards it only says that the collector lives."""

    fence: Count
    ts: Time
    boards: dict[str, BoardUpdate] = {}
    edited: bool = False
    """An editor changed a board: read them again."""


UPDATES: Final = msgspec.json.Decoder(Update)


class Reader(View):
    """What a server node needs to know."""

    doing = "reading from"

    def __init__(self, url: str, *, persistent: bool = False) -> None:
        super().__init__(url, persistent=persistent)
        self._series = self._redis.register_script(SERIES)

    async def kept(self, names: Iterable[str]) -> list[str]:
        """Those of these boards that somebody has written here."""
        return [name for name in names if await self._redis.exists(f"{PREFIX}board:{name}")]

    async def samples(self, market: str, now: int) -> list[tuple[int, int]]:
        """The samples of one market over the last 24 hours as (minute start, sample), unknown minutes 0."""
        answer = await self._checked.asked(SLOTS, self._redis.hget(SLOTS, market))
        slot = self._checked.decoded("slot", market, COUNTS, answer)
        if slot is None or slot > HIGHEST_SLOT:
            return []
        first, last = ref_minute(now), minute_of(now) - MINUTE
        packed = await self._series(args=[slot, first, last])
        return list(zip(range(first, last + MINUTE, MINUTE), unpack_minute(raw(packed)), strict=False))

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
                            self.complaints.well()
                            yield None
                        elif update := self._checked.decoded("message", CHANNEL, UPDATES, message["data"]):
                            yield update
            except FAILURES as error:
                self.complaints.failed(why(error))
                await asyncio.sleep(TIMEOUT_S)
