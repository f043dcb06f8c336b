"""Pure: the messages of the contract as bytes; JSON snapshot, websocket and server-sent events share their objects."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import orjson

from ticker.exchanges import EXCHANGES
from ticker.model import Board, BoardState, Held, Language, Row
from ticker.report import SourceReport
from ticker.rows import visible
from ticker.sidebar.presentation import presentation

VERSION: Final = 1
ALWAYS: Final = ("symbol", "price", "change_pct", "ts")
"""Fields that every row of an update has."""
FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(Row))


def row(row: Row, name: str) -> dict[str, Any]:
    """A row as readers get it: its fields in order, with the coin's name after the symbol."""
    fields: dict[str, Any] = {"symbol": row.symbol, "name": name}
    fields.update((field, getattr(row, field)) for field in FIELDS[1:])
    if row.premium_pct is msgspec.UNSET:
        del fields["premium_pct"]
    return fields


def change(now: Row, before: Row) -> dict[str, Any]:
    """What an update says of a row: what it always says, and what differs from before; None is "now unknown"."""
    fields = {field: getattr(now, field) for field in ALWAYS}
    for field in FIELDS:
        value = getattr(now, field)
        if value != getattr(before, field) and value is not msgspec.UNSET:
            fields[field] = value
    return fields


def rows(board: Board, state: BoardState, language: Language, symbols: Sequence[str] | None) -> list[dict[str, Any]]:
    """The rows of a snapshot."""
    return [row(seen, board.names[seen.symbol][language]) for seen in visible(board, state, symbols)]


def sources(board: Board, language: Language) -> dict[str, str]:
    """The exchanges of a board by the names readers know."""
    return {source: EXCHANGES[source].title[language] for source in board.sources}


def body(
    board: Board, state: BoardState, language: Language, symbols: Sequence[str] | None = None, *, seq: int | None = None
) -> dict[str, Any]:
    """A snapshot's fields; `seq` is the board's revision unless the group of a socket has its own."""
    return {
        "v": VERSION,
        "board": board.name,
        "quote": board.quote,
        "title": board.title[language],
        "notice": state.notice,
        "frozen": state.frozen,
        "sources": sources(board, language),
        "seq": state.revision if seq is None else seq,
        "ts": state.ts,
        **msgspec.structs.asdict(presentation(board, state, language)),
        "rows": rows(board, state, language, symbols),
    }


def snapshot(board: Board, state: BoardState, language: Language, symbols: Sequence[str] | None, seq: int) -> bytes:
    """The first message of a socket, and whenever the board itself changes."""
    return orjson.dumps({"type": "snapshot"} | body(board, state, language, symbols, seq=seq))


def update(board: str, seq: int, ts: int, changes: Iterable[dict[str, Any]]) -> bytes:
    """The rows that changed since the last message."""
    return orjson.dumps({"type": "update", "board": board, "seq": seq, "ts": ts, "rows": list(changes)})


def heartbeat(board: str, seq: int, ts: int) -> bytes:
    """Nothing happened for a while, and all is well."""
    return orjson.dumps({"type": "heartbeat", "board": board, "seq": seq, "ts": ts})


def bye(reason: str, retry_ms: int) -> bytes:
    """The server will close; come back after this long."""
    return orjson.dumps({"type": "bye", "reason": reason, "retry_ms": retry_ms})


def subscribed(board: str, symbols: Sequence[str], rejected: Iterable[str]) -> bytes:
    """What a subscription was taken as."""
    refused = [{"symbol": symbol, "code": "unknown_symbol"} for symbol in rejected]
    return orjson.dumps({"type": "subscribed", "board": board, "symbols": list(symbols), "rejected": refused})


def pong(id_: Any, ts: int) -> bytes:
    """The answer to a client's ping, with its id."""
    return orjson.dumps({"type": "pong", "id": id_, "ts": ts})


def error(code: str, message: str) -> bytes:
    """A command was not understood; the socket stays."""
    return orjson.dumps({"type": "error", "code": code, "message": message})


def failure(code: str, message: str) -> bytes:
    """The body of every HTTP error."""
    return orjson.dumps({"error": {"code": code, "message": message}})


def boards(known: Mapping[str, Board], sources_: Mapping[str, SourceReport], limits: Mapping[str, int]) -> bytes:
    """`/v1/boards`."""
    return orjson.dumps(
        {"v": VERSION, "boards": [_board(board, sources_) for board in known.values()], "limits": limits}
    )


def _board(board: Board, sources_: Mapping[str, SourceReport]) -> dict[str, Any]:
    reports = {source: sources_.get(source, SourceReport()) for source in board.sources}
    return {
        "board": board.name,
        "quote": board.quote,
        "title": board.title,
        "symbols": [{"symbol": symbol, "name": board.names[symbol]} for symbol in board.symbols],
        "sources": [
            {
                "source": source,
                "name": EXCHANGES[source].title,
                "state": report.state,
                "last_tick_ts": report.last_tick_ts,
            }
            for source, report in reports.items()
        ],
    }


def history(board: Board, symbol: str, source: str | None, points: Sequence[tuple[int, str]]) -> bytes:
    """`/v1/history/{board}/{symbol}`."""
    return orjson.dumps(
        {
            "v": VERSION,
            "board": board.name,
            "symbol": symbol,
            "quote": board.quote,
            "source": source,
            "points": points,
        }
    )


def holds(held: Sequence[Held]) -> bytes:
    """`/v1/holds`."""
    return msgspec.json.encode({"v": VERSION, "holds": held})
