"""The sidebar as HTML: a complete page for an iframe, and a fragment for includes. Pure: time comes from the data.

The markup is the element's own: `static/widget.js` adopts the rows it finds here and keeps them moving.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import escape
from typing import Final, Literal, TypeAlias, get_args
from urllib.parse import quote as percent_encoded
from zoneinfo import ZoneInfo

from msgspec import UNSET, Struct

from ticker import money
from ticker.exchanges import EXCHANGES
from ticker.model import Board, BoardState, Language, Row
from ticker.style import STYLE, STYLE_HASH
from ticker.words import WORDS, Words

__all__ = ["STYLE", "STYLE_HASH", "Look", "embed", "fragment", "look_of", "presentation", "shown_rows"]

Form: TypeAlias = Literal["list", "strip", "card"]
Theme: TypeAlias = Literal["inherit", "auto", "light", "dark"]
Colors: TypeAlias = Literal["ko", "en", "safe"]
Column: TypeAlias = Literal["price", "percent", "change", "source", "time", "premium", "sparkline"]

COLUMNS: Final[tuple[Column, ...]] = get_args(Column)
NOTHING: Final = "—"
"""What is shown where a value is unknown; never 0."""


class Look(Struct, frozen=True):
    """How the rows are shown: the element's attributes and the query of `/embed` and `/fragment`."""

    form: Form = "list"
    theme: Theme | None = None
    """None: `auto` in a page of its own, `inherit` inside another."""
    colors: Colors | None = None
    """None: by language, ko rise red and fall blue, en rise green and fall red."""
    columns: tuple[Column, ...] = ("price", "percent")
    limit: int | None = None
    link: str | None = None
    """An https address with `{symbol}` in it that each name leads to."""
    credit: bool = True
    interval: int | None = None
    """Milliseconds between two paints."""


class Shown(Struct, frozen=True):
    """One board in one language and look, ready to be written down."""

    board: Board
    rows: tuple[Row, ...]
    notice: str | None
    lang: Language
    look: Look
    main: str | None
    """The source that is not marked: the first configured one that any row uses."""
    newest: int | None
    """The newest price's time; what the whole table is dated by."""

    @property
    def words(self) -> Words:
        """The words of the language."""
        return WORDS[self.lang]


def look_of(query: Mapping[str, str]) -> Look:
    """The look a query asks for; what is unknown or malformed is left at its default."""
    columns = tuple(dict.fromkeys(c for c in COLUMNS if c in query.get("columns", "").split(",")))
    return Look(
        form=_one_of(query.get("form"), get_args(Form)) or "list",
        theme=_one_of(query.get("theme"), get_args(Theme)),
        colors=_one_of(query.get("colors"), get_args(Colors)),
        columns=columns or Look().columns,
        limit=_natural(query.get("limit"), 1, 1000),
        link=_address(query.get("link")),
        credit=query.get("credit") != "off",
        interval=_natural(query.get("interval"), 200, 60_000),
    )


def embed(
    board: Board,
    state: BoardState,
    lang: Language,
    *,
    public_url: str,
    symbols: Iterable[str] | None = None,
    look: Look | None = None,
) -> str:
    """The sidebar as a complete page for an iframe, readable with scripts off; `STYLE_HASH` allows its style.

    The script is addressed relative to `/embed/{board}`, so that a proxy's path prefix needs no telling.
    """
    shown = _shown(board, state, lang, look or Look(), symbols)
    title = escape(board.title[lang])
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f'<meta name="color-scheme" content="{_scheme(shown.look)}">'
        f"<title>{title}</title><style>{STYLE}</style>"
        '<script type="module" src="../widget.js"></script></head><body>'
        f"<main>{_element(shown, theme='auto', frame=True, server=None)}</main></body></html>"
    )


def fragment(
    board: Board,
    state: BoardState,
    lang: Language,
    *,
    public_url: str,
    symbols: Iterable[str] | None = None,
    assets: bool = False,
    look: Look | None = None,
) -> str:
    """The sidebar for server-side includes: ASCII whatever the including page's encoding, never article text."""
    shown = _shown(board, state, lang, look or Look(), symbols)
    base = escape(public_url)
    loads = (
        f'<link rel="stylesheet" href="{base}/widget.css"><script type="module" src="{base}/widget.js"></script>'
        if assets
        else ""
    )
    text = f"<aside data-nosnippet>{loads}{_element(shown, theme='inherit', frame=False, server=public_url)}</aside>"
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")


def presentation(board: Board, lang: Language) -> dict[str, object]:
    """What a snapshot must carry beside CONTRACT section 4 for an element that starts without server markup."""
    return {
        "percent_digits": board.percent_digits,
        "timezone": board.timezone,
        "footnote": (board.footnote or {}).get(lang),
        "disclaimer": (board.disclaimer or {}).get(lang),
        "simulated": board.simulated,
    }


def shown_rows(board: Board, state: BoardState, symbols: Iterable[str] | None = None) -> tuple[Row, ...]:
    """The rows a reader sees, in the board's order: hidden ones left out, those without a price pending."""
    wanted = set(board.symbols if symbols is None else symbols) - state.hidden
    return tuple(state.rows.get(symbol) or Row(symbol=symbol) for symbol in board.symbols if symbol in wanted)


def _shown(board: Board, state: BoardState, lang: Language, look: Look, symbols: Iterable[str] | None) -> Shown:
    rows = shown_rows(board, state, symbols)[: 1 if look.form == "card" else look.limit]
    used = {row.source for row in rows}
    return Shown(
        board=board,
        rows=rows,
        notice=state.notice,
        lang=lang,
        look=look,
        main=next((source for source in board.sources if source in used), None),
        newest=max((row.ts for row in rows if row.ts is not None), default=None),
    )
