"""I/O: the collector's side of Redis: one atomic batch of rows, samples and one publish."""

import asyncio
import contextlib
import struct
import uuid
from array import array
from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

import msgspec
import orjson
from redis.exceptions import RedisError, ResponseError

from ticker.history import LENGTH, History, minute_of
from ticker.model import MINUTE, Held, Row
from ticker.report import Report
from ticker.sample import unpack_minute
from ticker.store.checked import TIMES
from ticker.store.connection import FAILURES, PREFIX, TIMEOUT_S, raw, text
from ticker.store.scripts import CLAIM, CLEAR, COMMIT, RELEASE
from ticker.store.view import SLOTS, View

PATCH: Final = struct.Struct("<qiq")
"""One sample on its way: minute, slot, price as `sample.pack` makes it."""
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


class Writer(View):
    """The one collector that may write."""

    doing = "writing to"

    def __init__(self, url: str, *, persistent: bool = False) -> None:
        super().__init__(url, persistent=persistent)
        self._commit = self._redis.register_script(COMMIT)
        self._claim = self._redis.register_script(CLAIM)
        self._release = self._redis.register_script(RELEASE)
        self._clear = self._redis.register_script(CLEAR)
        self._name = uuid.uuid4().hex
        self._fence = b""
        self._slots_written = 0
        self._taken = 0
        """The time of the last batch that Redis has surely taken since the claim; 0: none."""

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
        self._slots_written = self._taken = 0
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
                raise Emptied("it loses what it has taken") from None
            if "FENCED" in str(error):
                raise Fenced from None
            if await self._make_way(error, batch):
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
