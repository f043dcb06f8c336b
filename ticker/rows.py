"""The rows of a board as a reader sees them. Pure."""

from collections.abc import Collection

import msgspec

from ticker.model import Board, BoardState, Row


def visible(board: Board, state: BoardState, symbols: Collection[str] | None = None) -> list[Row]:
    """Those of `symbols`, or all, in the board's order; an editor's hidden ones left out, without a price pending."""
    wanted = [symbol for symbol in board.symbols if symbols is None or symbol in symbols]
    return [state.rows.get(symbol) or Row(symbol=symbol) for symbol in wanted if symbol not in state.hidden]


def same(now: Row, before: Row) -> bool:
    """Whether a reader would see no difference: a price that arrived again is no news."""
    return now == before or now == msgspec.structs.replace(before, received_ts=now.received_ts)
