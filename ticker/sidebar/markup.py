"""The element's markup: title, rows, footnote and disclaimer of one board in one language and look. Pure.

`static/widget.js` adopts what is written here, so the two agree on every tag, class name and text.
"""

from collections.abc import Mapping
from html import escape
from urllib.parse import quote as url_quote

from ticker.model import Row
from ticker.sidebar.cells import CELLS, Shown, direction, source_name, state_word
from ticker.sidebar.presentation import local


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
        rows = _rows(what, "tr", "td")
        return f'<table>{_caption(what, title)}{_head(what)}<tbody class="ct-rows">{rows}</tbody></table>'
    if what.look.form == "strip":
        label = escape(what.board.title[what.lang])
        rows = _rows(what, "li", "span")
        return f'{title}<ul class="ct-rows" role="list" tabindex="0" aria-label="{label}">{rows}</ul>{_notice(what)}'
    return f'{title}<div class="ct-rows">{_rows(what, "div", "span")}</div>{_notice(what)}'


def _caption(what: Shown, title: str) -> str:
    return f"<caption>{title}{_notice(what)}</caption>"


def _notice(what: Shown) -> str:
    """What readers must know before the prices: simulated, held still, or the editor's own notice."""
    text = " ".join(what.around.notices)
    return f'<p class="ct-notice"{"" if text else " hidden"}>{escape(text)}</p>'


def _head(what: Shown) -> str:
    headers = [what.words.headers[column].format(what.around.unit) for column in ("name", *what.look.shown_columns)]
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


def _notes(what: Shown) -> str:
    credit = '<span class="ct-credit">ticker</span>' if what.look.credit else ""
    return (
        f'<p class="ct-footnote">{escape(_footnote(what))}</p>'
        f'<p class="ct-disclaimer">{escape(what.around.disclaimer)}{credit}</p>'
    )


def _footnote(what: Shown) -> str:
    """What the percent is measured from, whose prices these are, and the newest price's time."""
    around, main = what.around, what.main or what.board.sources[0]
    used = {row.source for row in what.rows} - {main}
    others = "·".join(source_name(source, what.lang) for source in what.board.sources if source in used)
    text = around.footnote.replace("{}", source_name(main, what.lang))
    if others:
        text += around.others.replace("{}", others)
    if what.newest is None:
        return text
    moment = local(what.newest, around.utc_offset_s).strftime(f"%Y{what.words.dash}%m{what.words.dash}%d %H:%M:%S")
    return f"{text} · {around.as_of.replace('{}', moment)}"
