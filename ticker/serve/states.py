"""Pure: a board as it is shown, and as it is read anew."""

import msgspec

from ticker.model import BoardState, Row


def copy(state: BoardState) -> BoardState:
    """A board's state that stays as it is; rows are frozen already."""
    return BoardState(state.revision, state.ts, dict(state.rows), state.notice, state.frozen, state.hidden)


def differing(before: BoardState, now: BoardState) -> set[str]:
    """The symbols whose rows differ."""
    return {symbol for symbol, row in now.rows.items() if before.rows.get(symbol) != row}


def redecided(before: BoardState, now: BoardState) -> bool:
    """Whether an editor changed something."""
    return (before.notice, before.frozen, before.hidden) != (now.notice, now.frozen, now.hidden)


def stale(row: Row) -> Row:
    """A row of which nobody knows any more whether it is true."""
    return msgspec.structs.replace(row, state="stale") if row.state == "live" else row


def merged(before: BoardState, now: BoardState) -> dict[str, Row]:
    """Rows as they are now; as they were where Redis lost them, or went back in time because a replica took over."""
    if now.revision >= before.revision:
        return before.rows | now.rows
    newer = {symbol for symbol, row in now.rows.items() if newest(row) >= newest(before.rows.get(symbol))}
    return before.rows | {symbol: now.rows[symbol] for symbol in newer}


def onward(before: Row | None, row: Row) -> Row:
    """A row that follows another: a collector that knows less than the last one takes no price back.

    A live row counts whatever its time: its exchange has just spoken.
    """
    if before is None or before.price is None or row.state == "live":
        return row
    if row.price is None:
        return stale(before)
    if row.source == before.source and newest(row) < newest(before):
        return msgspec.structs.replace(before, state=row.state, reason=row.reason)
    return row


def newest(row: Row | None) -> int:
    """When a row's price arrived."""
    return (row.received_ts or 0) if row else 0
