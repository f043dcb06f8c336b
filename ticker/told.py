"""What the messages of a server tell: a board, and its rows as they are now."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType


class Row(Struct, frozen=True):
    """What a reader sees of one symbol. Prices and percents are decimal text, times are ms since the epoch."""

    symbol: str
    name: str = ""
    price: str | None = None
    decimals: int = 0
    change_pct: str | None = None
    ref: str | None = None
    ref_ts: int | None = None
    basis: str | None = None
    source: str | None = None
    ts: int | None = None
    received_ts: int | None = None
    state: str = "pending"
    reason: str | None = None
    premium_pct: str | UnsetType | None = UNSET


class Feed:
    """One board as its messages have told it: its latest snapshot, and by symbol the rows as they are now."""

    def __init__(self) -> None:
        self.board: dict[str, Any] = {}
        self.rows: dict[str, Row] = {}
        self.connected = False
        self.whole = False  # until a snapshot comes, and again when a message is missing: nothing else counts then
        self._seq = 0

    def take(self, message: dict[str, Any]) -> list[Row]:
        """The rows that one message changed."""
        if message.get("type") == "snapshot":
            before, self.rows = self.rows, {}
            self.board, self._seq, self.whole = message, int(message["seq"]), True
            return [row for row in self._put(message["rows"]) if row != before.get(row.symbol)]
        if message.get("type") in {"update", "heartbeat"} and self.whole:
            self._seq += 1
            self.whole = message["seq"] == self._seq
        return self._put(message.get("rows", ())) if self.whole else []

    def age(self) -> list[Row]:
        """Nothing was heard for long, so no price is live any more; the rows that this changes."""
        old = [msgspec.structs.replace(row, state="stale") for row in self.rows.values() if row.state == "live"]
        self.rows.update({row.symbol: row for row in old})
        return old

    def _put(self, changes: Iterable[dict[str, Any]]) -> list[Row]:
        """Merge what is told of each row: an absent field is unchanged, null is now unknown."""
        changed = []
        for change in changes:
            known = msgspec.to_builtins(self.rows.get(change["symbol"]) or {})
            changed.append(msgspec.convert(known | change, Row))
            self.rows[changed[-1].symbol] = changed[-1]
        return changed
