"""The element's markup: title, rows, footnote and disclaimer of one board in one language and look. Pure.

`static/widget.js` adopts what is written here, so the two agree on every class name and on every text.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from html import escape
from typing import Final
from urllib.parse import quote as url_quote
from zoneinfo import ZoneInfo

from msgspec import UNSET, Struct

from ticker import money
from ticker.exchanges import EXCHANGES
from ticker.look import Column, Look
from ticker.model import Board, BoardState, Language, Row
from ticker.words import WORDS, Words

NOTHING: Final = "—"
"""What stands where a value is unknown; never 0."""
SEOUL: Final = "Asia/Seoul"


class Shown(Struct, frozen=True):
    """One board in one language and look, ready to be written down."""

    board: Board
    rows: tuple[Row, ...]
    notice: str | None
    frozen: bool
    lang: Language
    look: Look
    asked: str | None = None
    """The symbols asked for, with commas; None for the whole board."""
    page: bool = False
    """A page of its own, for an iframe; else part of another page."""

    @property
    def words(self) -> Words:
        """The words of the language."""
        return WORDS[self.lang]

    @property
    def theme(self) -> str:
        """The look's theme; where it names none, the reader's in a page of its own, and the host's elsewhere."""
        return self.look.theme or ("auto" if self.page else "inherit")

    @property
    def main(self) -> str | None:
        """The source whose rows carry no mark: the first configured one that any row uses."""
        used = {row.source for row in self.rows}
        return next((source for source in self.board.sources if source in used), None)

    @property
    def newest(self) -> int | None:
        """The newest price's time, by which the whole table is dated."""
        return max((row.ts for row in self.rows if row.ts is not None), default=None)


def shown(
    board: Board, state: BoardState, lang: Language, look: Look, symbols: Collection[str] | None, *, page: bool
) -> Shown:
    """The rows a reader sees, in the board's order: hidden ones left out, those without a price pending."""
    wanted = [symbol for symbol in board.symbols if symbols is None or symbol in set(symbols)]
    rows = [state.rows.get(symbol) or Row(symbol=symbol) for symbol in wanted if symbol not in state.hidden]
    most = 1 if look.form == "card" else look.limit
    asked = None if symbols is None else ",".join(wanted)
    return Shown(board, tuple(rows[:most]), state.notice, state.frozen, lang, look, asked, page)


def element(what: Shown, server: str | None = None) -> str:
    """`<crypto-ticker>` with everything a reader needs before, or without, any script.

    `server` is the base address, for pages that may load the script from elsewhere.
    """
    board, look = what.board, what.look
    heading = "h1" if what.page else "b"
    attributes = {
        "board": board.name,
        "lang": what.lang,
        "server": server,
        "symbols": what.asked,
        "form": None if look.form == "list" else look.form,
        "theme": what.theme,
        "colors": look.colors,
        "columns": ",".join(look.columns) or None,
        "limit": look.limit,
        "link": look.link,
        "credit": None if look.credit else "off",
        "interval": look.interval,
    }
    root: dict[str, object] = {"class": "ct", "data-form": look.form, "data-theme": what.theme}
    root |= {"data-colors": look.colors or what.lang, "data-nosnippet": ""}
    title = f'<{heading} class="ct-title">{escape(board.title[what.lang])}</{heading}>'
    return (
        f"<crypto-ticker{_attributes(attributes)}><div{_attributes(root)}>"
        f"{_body(what, title)}{_notes(what)}</div></crypto-ticker>"
    )


def _attributes(values: Mapping[str, object]) -> str:
    return "".join(
        f' {name}="{escape(str(value))}"' if value != "" else f" {name}"
        for name, value in values.items()
        if value is not None
    )


def _body(what: Shown, title: str) -> str:
    """The rows as the form's own kind of markup: a real table, a list on one line, or a card."""
    if what.look.form == "list":
        return f"<table>{_caption(what, title)}{_head(what)}<tbody>{_rows(what, 'tr', 'td')}</tbody></table>"
    if what.look.form == "strip":
        label = escape(what.board.title[what.lang])
        rows = _rows(what, "li", "span")
        return f'{title}<ul class="ct-rows" role="list" tabindex="0" aria-label="{label}">{rows}</ul>{_notice(what)}'
    return f'{title}<div class="ct-rows">{_rows(what, "div", "span")}</div>{_notice(what)}'


def _caption(what: Shown, title: str) -> str:
    return f"<caption>{title}{_notice(what)}</caption>"


def _notice(what: Shown) -> str:
    """What readers must know before the prices: simulated, held still, or the editor's own notice."""
    words = what.words
    said = (words.simulated if what.board.simulated else None, words.frozen if what.frozen else None, what.notice)
    text = " ".join(filter(None, said))
    return f'<p class="ct-notice">{escape(text)}</p>' if text else ""


def _head(what: Shown) -> str:
    unit = what.words.currency(what.board.quote)
    headers = [what.words.headers[column].format(unit) for column in ("name", *what.look.shown_columns)]
    cells = "".join(f'<th scope="col">{escape(header)}</th>' for header in headers)
    return f"<thead><tr>{cells}</tr></thead>"


def _rows(what: Shown, row_tag: str, cell_tag: str) -> str:
    return "".join(_row(what, row, row_tag, cell_tag) for row in what.rows)


def _row(what: Shown, row: Row, row_tag: str, cell_tag: str) -> str:
    attributes: dict[str, object] = {
        "class": direction(row.change_pct),
        "data-symbol": row.symbol,
        "data-state": None if row.state == "live" else row.state,
    }
    cells = "".join(
        f'<{cell_tag} class="ct-{column}">{escape(CELLS[column](what, row))}</{cell_tag}>'
        for column in what.look.shown_columns
    )
    return f"<{row_tag}{_attributes(attributes)}>{_name(what, row, cell_tag)}{cells}</{row_tag}>"


def direction(change_pct: str | None) -> str | None:
    """The class of a rise or a fall; None for zero and for unknown."""
    change = Decimal(change_pct or 0)
    return "ct-up" if change > 0 else "ct-down" if change < 0 else None


def _name(what: Shown, row: Row, cell_tag: str) -> str:
    """The coin's name, its source where that is not the main one, and its state where that is not live."""
    name = escape(what.board.names[row.symbol][what.lang])
    if what.look.link:
        address = what.look.link.replace("{symbol}", url_quote(row.symbol))
        target = ' target="_blank" rel="noopener"' if what.page else ""
        name = f'<a href="{escape(address)}"{target}>{name}</a>'
    mark = source_name(row.source, what.lang) if row.source and row.source != what.main else ""
    marks = "".join(
        f' <small class="ct-{kind}">{escape(text)}</small>'
        for kind, text in (("mark", mark), ("state", state_word(what.words, row)))
        if text
    )
    return f'<th scope="row">{name}{marks}</th>' if cell_tag == "td" else f'<span class="ct-name">{name}{marks}</span>'


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
    unit = what.words.currency(what.board.quote)
    return f"{text} {unit}" if unit == what.board.quote else f"{text}{unit}"


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
    moment, today = _local(what, row.ts), _local(what, what.newest or row.ts)
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


def _notes(what: Shown) -> str:
    board, words = what.board, what.words
    parts = [(board.footnote or {}).get(what.lang) or _basis(what)]
    if what.newest is not None:
        parts.append(words.as_of.format(board_time(what, what.newest)))
    disclaimer = (board.disclaimer or {}).get(what.lang) or words.disclaimer
    credit = '<span class="ct-credit">ticker</span>' if what.look.credit else ""
    return (
        f'<p class="ct-footnote">{escape(" · ".join(parts))}</p>'
        f'<p class="ct-disclaimer">{escape(disclaimer)}{credit}</p>'
    )


def _basis(what: Shown) -> str:
    """What the percent is measured from and whose prices these are."""
    words, main = what.words, what.main or what.board.sources[0]
    used = {row.source for row in what.rows} - {main}
    others = "·".join(source_name(source, what.lang) for source in what.board.sources if source in used)
    source = words.source.format(source_name(main, what.lang)) + (words.others.format(others) if others else "")
    return f"{words.basis} · {source}"


def _local(what: Shown, ts: int) -> datetime:
    """The moment on the board's own clock, whatever the reader's zone."""
    return datetime.fromtimestamp(ts // 1000, ZoneInfo(what.board.timezone))


def board_time(what: Shown, ts: int) -> str:
    """`2026.11.23 10:42:07`; the zone is named except to Korean readers of a Korean clock."""
    moment = _local(what, ts)
    text = moment.strftime(f"{what.words.date} %H:%M:%S")
    return text if (what.lang, what.board.timezone) == ("ko", SEOUL) else f"{text} {_zone(what, moment)}"


def _zone(what: Shown, moment: datetime) -> str:
    """KST, UTC, or the offset as browsers write it: GMT-5, GMT+5:30."""
    if what.board.timezone == SEOUL:
        return "KST"
    minutes = (moment.utcoffset() or timedelta()) // timedelta(minutes=1)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"GMT{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}"
