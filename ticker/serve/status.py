"""Pure: `/v1/status`: how the boards and exchanges stand and what happened last, for editors and for programs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct

from ticker.exchanges import EXCHANGES
from ticker.model import Board, BoardState, Held, Row, State
from ticker.report import Incident, Legs, Report, SourceReport
from ticker.rows import visible

MOST_INCIDENTS: Final = 20
STATES: Final[tuple[State, ...]] = get_args(State)
DATED: Final = ("live", "stale", "held")
"""States whose price has an age that matters: the last price of a closed market is meant to be old."""


class Known(Struct, frozen=True):
    """What a server knows of the collector and of Redis."""

    report: Report
    holds: list[Held]
    reachable: bool
    """Redis answered just now; else the rest is as it was before."""
    heartbeat_age_ms: int | None
    """Since the collector was last heard; None: never."""
    lag_ms: int | None
    """From the collector's writing to the arrival here, of the last batch."""
    now: int
    """ms since the epoch."""
    silent: bool
    """It has not been heard for so long that nothing counts as live."""

    @property
    def sources(self) -> dict[str, SourceReport]:
        """The exchanges as the collector told of them, none of them live once it is silent."""
        told = self.report.sources
        return {name: told_stale(source) for name, source in told.items()} if self.silent else told


def told_stale(source: SourceReport) -> SourceReport:
    """What was live when it was last told of."""
    return msgspec.structs.replace(source, state="stale") if source.state == "live" else source


def told(boards: Mapping[str, Board], states: Mapping[str, BoardState], known: Known) -> dict[str, Any]:
    """The answer as it goes out."""
    shown = [_board(board, states.get(name, BoardState())) for name, board in boards.items()]
    exchanges = _exchanges(_names(boards.values()), known.sources) if known.sources or known.reachable else []
    held = [_held(hold) for hold in known.holds if hold.released_ts is None]
    return {
        "v": 1,
        "ts": known.now,
        "state": _state(shown, exchanges, held, known),
        "collector": {"state": "silent" if known.silent else "live", "heartbeat_age_ms": known.heartbeat_age_ms},
        "redis": {"state": "ok" if known.reachable else "unreachable", "lag_ms": known.lag_ms},
        "boards": shown,
        "exchanges": exchanges,
        "held": held,
        "incidents": _incidents(known),
        "premium": [_premium(name, legs) for name, legs in known.report.premium.items() if name in boards],
    }


def _state(
    boards: list[dict[str, Any]], exchanges: list[dict[str, Any]], held: list[dict[str, Any]], known: Known
) -> str:
    """`down`: a board moves no more; `degraded`: something is not as it should be; `ok`."""
    if known.silent or any(not board["frozen"] and not board["rows"]["live"] for board in boards):
        return "down"
    odd = held or not known.reachable or any(exchange["state"] != "live" for exchange in exchanges)
    return "degraded" if odd or any(board["rows"]["stale"] for board in boards) else "ok"


def _board(board: Board, state: BoardState) -> dict[str, Any]:
    rows = visible(board, state)
    dated = sorted((row for row in rows if row.state in DATED and row.source and row.ts), key=lambda row: row.ts or 0)
    counts = Counter(row.state for row in rows)
    return {
        "board": board.name,
        "quote": board.quote,
        "title": board.title,
        "frozen": state.frozen,
        "notice": state.notice,
        "rows": {kind: counts[kind] for kind in STATES},
        "oldest": _dated(board, dated[0]) if dated else None,
        "newest": _dated(board, dated[-1]) if dated else None,
    }


def _dated(board: Board, row: Row) -> dict[str, Any]:
    return {"symbol": row.symbol, "name": board.names[row.symbol], "source": row.source, "ts": row.ts}


def _names(boards: Iterable[Board]) -> list[str]:
    """The exchanges of all boards, in the order in which they are preferred."""
    return list(dict.fromkeys(name for board in boards for name in (*board.sources, *board.premium)))


def _exchanges(names: Iterable[str], told: Mapping[str, SourceReport]) -> list[dict[str, Any]]:
    """How each stands; one that is disabled is none that the collector tells of, and none that is missed."""
    return [_exchange(name, told.get(name, SourceReport())) for name in names if name in told or not told]


def _exchange(name: str, report: SourceReport) -> dict[str, Any]:
    return {"source": name, "name": EXCHANGES[name].title} | msgspec.structs.asdict(report)


def _held(hold: Held) -> dict[str, Any]:
    return {name: getattr(hold, name) for name in ("ts", "source", "symbol", "price", "last_good")}


def _incidents(known: Known) -> list[dict[str, Any]]:
    every = sorted([*known.report.incidents, *map(_hold, known.holds)], key=lambda incident: -incident.ts)
    return [msgspec.structs.asdict(incident) for incident in every[:MOST_INCIDENTS]]


def _hold(hold: Held) -> Incident:
    return Incident(
        ts=hold.ts,
        kind="hold",
        source=hold.source,
        last_ts=hold.released_ts,
        symbols=[hold.symbol],
        price=hold.price,
        last_good=hold.last_good,
        outcome=hold.outcome,
    )


def _premium(board: str, legs: Legs) -> dict[str, Any]:
    return {
        "board": board,
        "rate": msgspec.to_builtins(legs.rate),
        "abroad": [{"symbol": symbol} | msgspec.to_builtins(leg) for symbol, leg in legs.abroad.items() if leg],
    }
