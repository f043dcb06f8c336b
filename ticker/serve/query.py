"""Pure: what a reader asks for, from the path and the query of an address; every refusal has its code."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from ticker.model import LANGUAGES, SYMBOL, Board, Language

MOST_SYMBOLS: Final = 200
LONGEST_INTERVAL_MS: Final = 3_600_000
"""Longer ones are a mistake; from 30 s on they all mean 30 s."""
STATUS: Final = {
    "unknown_board": 404,
    "unknown_symbol": 400,
    "unknown_language": 400,
    "bad_parameter": 400,
    "method_not_allowed": 405,
    "rate_limited": 429,
    "not_ready": 503,
    "busy": 503,
    "forbidden_origin": 403,
    "not_found": 404,
    "upgrade_required": 426,
    "internal": 500,
    "bad_request": 400,
    "bad_json": 400,
    "unknown_op": 400,
    "too_many": 400,
}
WEIGHT: Final = re.compile(r";\s*q=([01](?:\.[0-9]{1,3})?)", re.ASCII)
UNREADABLE: Final = ("not_ready", "the store cannot be read now")
"""The refusal while Redis does not answer."""
RETRY_AFTER_S: Final = {"rate_limited": 10, "not_ready": 1, "busy": 5}


class Refusal(Exception):
    """A question that has no answer here; `code` is the contract's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return STATUS[self.code]


class Wish(Struct, frozen=True):
    """A board, some of its symbols (None: all), a language."""

    board: str
    symbols: tuple[str, ...] | None = None
    language: Language = "ko"


def wish(boards: Mapping[str, Board], name: str | None, query: Mapping[str, str]) -> Wish:
    """The wish in an address; without a name the first configured board. Other parameters are ignored."""
    board = board_of(boards, name)
    return Wish(board.name, _symbols(board, query.get("symbols")), language_of(query))


def board_of(boards: Mapping[str, Board], name: str | None) -> Board:
    """The board of this name, the first one without a name."""
    if name is None:
        return next(iter(boards.values()))
    if name not in boards:
        raise Refusal("unknown_board", f"there is no board {name[:40]!r}; see /v1/boards")
    return boards[name]


def language_of(query: Mapping[str, str]) -> Language:
    """`?lang=`; Korean without it."""
    for language in LANGUAGES:
        if query.get("lang", "ko") == language:
            return language
    raise Refusal("unknown_language", f"there is no language {query['lang'][:20]!r}; known are ko, en")


def spoken(query: Mapping[str, str], accepted: str) -> Language:
    """`?lang=`, else the first language of `Accept-Language` that is known here; Korean without either."""
    if "lang" in query:
        return language_of(query)
    wanted = sorted(accepted.lower().split(","), key=_weight)
    first = [part.strip().partition(";")[0].partition("-")[0] for part in wanted]
    return next((language for word in first for language in LANGUAGES if word == language), "ko")


def _weight(part: str) -> float:
    """The less, the more it is wanted: `en;q=0.8`."""
    q = WEIGHT.search(part)
    return -float(q[1]) if q else -1.0


def interval_of(query: Mapping[str, str]) -> int | None:
    """`?interval_ms=` of a stream; None: the server's own."""
    return whole(query, "interval_ms", LONGEST_INTERVAL_MS)


def symbol_of(board: Board, symbol: str) -> str:
    """A symbol of this board."""
    if symbol not in board.names:
        raise Refusal("unknown_symbol", f"board {board.name} has no symbol {symbol[:20]!r}")
    return symbol


def whole(query: Mapping[str, str], name: str, most: int) -> int | None:
    """A parameter that is a whole number from 0 on, None without it."""
    text = query.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 15 or int(text) > most:  # noqa: PLR2004
        raise Refusal("bad_parameter", f"{name} is a whole number from 0 to {most}, not {text[:20]!r}")
    return int(text)


def _symbols(board: Board, text: str | None) -> tuple[str, ...] | None:
    if not text:
        return None
    wanted = text.split(",")
    if len(wanted) > MOST_SYMBOLS:
        raise Refusal("bad_parameter", f"at most {MOST_SYMBOLS} symbols")
    for symbol in wanted:
        symbol_of(board, symbol)
    return tuple(symbol for symbol in board.symbols if symbol in set(wanted))


def sorted_out(board: Board, symbols: Iterable[object]) -> tuple[tuple[str, ...], list[str]]:
    """The wanted symbols this board has, in its order, and those it lacks, cut to what can be said back."""
    wanted = [symbol for symbol in symbols if isinstance(symbol, str)]
    lacking = [symbol[:12] for symbol in wanted if symbol not in board.names]
    rejected = [symbol if SYMBOL.fullmatch(symbol) else "?" for symbol in lacking]
    return tuple(symbol for symbol in board.symbols if symbol in set(wanted)), rejected
