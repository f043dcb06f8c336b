"""Whatever is read from Redis, checked as if it came from outside: what cannot be right is left out, and said."""

import logging
import re
import time
from collections.abc import Awaitable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from redis.exceptions import ResponseError

from ticker.model import BoardState, Count, Row, Symbol, Time
from ticker.store.connection import raw, text

ROWS: Final = msgspec.json.Decoder(Row)
COUNTS: Final = msgspec.json.Decoder(Count)
TIMES: Final = msgspec.json.Decoder(Time)
HIDDEN: Final = msgspec.json.Decoder(frozenset[Symbol])
OWN_FIELDS: Final = {"revision", "ts"}
QUOTED: Final = re.compile(r""" (["']).*\1""", re.DOTALL)
"""What msgspec repeats of a value that is none of those it may be."""
SELDOM_S: Final = 60.0
LONGEST_NOTICE: Final = 2000
HIGHEST_SLOT: Final = 65_535

T = TypeVar("T")


class Checked:
    """One connection's eyes: of each kind of thing that is left out it says one a minute."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._again_at: dict[str, float] = {}

    def left_out(self, kind: str, which: str, why: str) -> None:
        """Something in Redis cannot be what it should be."""
        now = time.monotonic()
        if now >= self._again_at.get(kind, now):
            self._again_at[kind] = now + SELDOM_S
            self._log.warning("%s %r in redis left out: %s", kind, which[:40], repr(why)[:200])

    def decoded(self, kind: str, which: str, decoder: msgspec.json.Decoder[T], answer: Any) -> T | None:
        """What lies there, if anything does and it is what it should be."""
        try:
            return decoder.decode(answer) if answer else None
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            self.left_out(kind, which, QUOTED.sub("", str(error)))
            return None

    async def asked(self, which: str, asking: Awaitable[T]) -> T | None:
        """The answer to one command; None where a key holds another kind of value."""
        try:
            return await asking
        except ResponseError as error:
            self._wrong_kind(which, error)
            return None

    def fields(self, which: str, answer: Any) -> dict[str, bytes]:
        """A hash as a script answers it: names and values in turn, or the error of a key of another kind."""
        if isinstance(answer, ResponseError):
            self._wrong_kind(which, answer)
            return {}
        if isinstance(answer, Exception):
            raise answer
        return {text(key): raw(value) for key, value in zip(answer[::2], answer[1::2], strict=True)}

    def _wrong_kind(self, which: str, error: ResponseError) -> None:
        if not str(error).startswith("WRONGTYPE"):
            raise error
        self.left_out("key", which, str(error))

    def board(
        self, name: str, moving: Mapping[str, bytes], frozen: Mapping[str, bytes], editor: Mapping[str, bytes]
    ) -> BoardState:
        """A board with its editor's decisions; frozen rows replace the moving ones."""
        state = self._rows(name, frozen or moving)
        state.frozen = bool(frozen)
        state.notice = text(editor.get("notice", b""))[:LONGEST_NOTICE] or None
        state.hidden = self.decoded("hidden coins of board", name, HIDDEN, editor.get("hidden")) or frozenset()
        if frozen:
            self._date(name, state, editor)
        return state

    def _rows(self, name: str, fields: Mapping[str, bytes]) -> BoardState:
        state = BoardState()
        self._date(name, state, fields)
        for symbol in fields.keys() - OWN_FIELDS:
            row = self.decoded("row", f"{name} {symbol}", ROWS, fields[symbol])
            if row is not None and row.symbol != symbol:
                self.left_out("row", f"{name} {symbol}", f"it is a row of {row.symbol}")
            elif row is not None:
                state.rows[symbol] = row
        return state

    def _date(self, name: str, state: BoardState, fields: Mapping[str, bytes]) -> None:
        revision = self.decoded("revision of board", name, COUNTS, fields.get("revision"))
        state.revision = state.revision if revision is None else revision
        ts = self.decoded("ts of board", name, TIMES, fields.get("ts"))
        state.ts = state.ts if ts is None else ts

    def slots(self, fields: Mapping[Any, Any]) -> dict[str, int]:
        """The places of the markets in the packed minutes, each given once."""
        places: dict[int, str] = {}
        for key, value in fields.items():
            market = text(key)
            slot = self.decoded("slot", market, COUNTS, value)
            if slot is None:
                continue
            if slot > HIGHEST_SLOT or slot in places:
                self.left_out("slot", market, f"{slot} is too high, or another's")
            else:
                places[slot] = market
        return {market: slot for slot, market in places.items()}
