"""What a reader sees of one board, and the text of each of its cells. Pure.

`cells` in `static/widget.js` say the same; the browser tests compare.
"""

from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Final

from msgspec import UNSET, Struct

from ticker import money
from ticker.exchanges import EXCHANGES
from ticker.model import Board, BoardState, Language, Row
from ticker.rows import visible
from ticker.sidebar.look import Column, Look
from ticker.sidebar.presentation import Presentation, local, presentation
from ticker.sidebar.words import WORDS, Words

NOTHING: Final = "—"
"""What stands where a value is unknown; never 0."""


class Shown(Struct, frozen=True):
    """One board in one language and look, ready to be written down."""

    board: Board
    rows: tuple[Row, ...]
    around: Presentation
    lang: Language
    look: Look
    main: str | None
    """The source whose rows carry no mark: the first configured one that any row uses."""
    newest: int | None
    """The newest price's time, by which the whole table is dated."""
    asked: str | None
    """The symbols asked for, with commas; None for the whole board."""
    page: bool
    """A page of its own, for an iframe; else part of another page."""

    @property
    def words(self) -> Words:
        """The words of the language."""
        return WORDS[self.lang]

    @property
    def theme(self) -> str:
        """The look's theme; where it names none, the reader's in a page of its own, and the host's elsewhere."""
        return self.look.theme or ("auto" if self.page else "inherit")


def shown(
    board: Board, state: BoardState, lang: Language, look: Look, symbols: Collection[str] | None, *, page: bool
) -> Shown:
    """What a reader sees of a board."""
    rows = visible(board, state, symbols)
    del rows[1 if look.form == "card" else look.limit or len(rows) :]
    used = {row.source for row in rows}
    return Shown(
        board=board,
        rows=tuple(rows),
        around=presentation(board, state, lang),
        lang=lang,
        look=look,
        main=next((source for source in board.sources if source in used), None),
        newest=max((row.ts for row in rows if row.ts is not None), default=None),
        asked=None if symbols is None else ",".join(symbol for symbol in board.symbols if symbol in symbols),
        page=page,
    )


def direction(change_pct: str | None) -> str | None:
    """The class of a rise or a fall; None for zero and for unknown."""
    change = Decimal(change_pct or 0)
    return "ct-up" if change > 0 else "ct-down" if change < 0 else None


def state_word(words: Words, row: Row) -> str:
    """What a state is called; nothing for `live`."""
    if row.state == "closed":
        return words.states["delisted" if row.reason == "delisted" else "suspended"]
    return words.states.get(row.state, "")


def _price(what: Shown, row: Row) -> str:
    """A card has no column header to name the currency, so there the price does."""
    if row.price is None:
        return NOTHING
    text = money.grouped(row.price, row.decimals)
    if what.look.form != "card":
        return text
    return f"{text} {what.around.unit}" if what.around.unit.isascii() else f"{text}{what.around.unit}"


def _percent(what: Shown, row: Row) -> str:
    return NOTHING if row.change_pct is None else money.signed(row.change_pct, what.board.percent_digits)


def _change(_: Shown, row: Row) -> str:
    if row.price is None or row.ref is None:
        return NOTHING
    change = Decimal(row.price) - Decimal(row.ref)
    places = max(row.decimals, *(len(text.partition(".")[2]) for text in (row.price, row.ref)))
    return f"{'+' if change > 0 else '-' if change < 0 else ''}{money.grouped(money.plain(abs(change)), places)}"


def _source(what: Shown, row: Row) -> str:
    return source_name(row.source, what.lang) if row.source else NOTHING


def _time(what: Shown, row: Row) -> str:
    """`10:42:07`, with month and day when it is not the newest price's day."""
    if row.ts is None:
        return NOTHING
    offset = what.around.utc_offset_s
    moment, today = local(row.ts, offset), local(what.newest or row.ts, offset)
    return moment.strftime("%H:%M:%S" if moment.date() == today.date() else "%m.%d %H:%M:%S")


def _premium(_: Shown, row: Row) -> str:
    return NOTHING if row.premium_pct is None or row.premium_pct is UNSET else money.signed(row.premium_pct)


CELLS: Final[dict[Column, Callable[[Shown, Row], str]]] = {
    "price": _price,
    "percent": _percent,
    "change": _change,
    "source": _source,
    "time": _time,
    "premium": _premium,
    "sparkline": lambda _what, _row: "",
}


def source_name(source: str, lang: Language) -> str:
    """The exchange as readers know it; its plain name where the registry has none."""
    exchange = EXCHANGES.get(source)
    return exchange.title.get(lang, source) if exchange else source
