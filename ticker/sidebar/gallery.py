"""The gallery at `/`: a live preview of every form and option, and the snippets to copy. Pure.

It loads `gallery.css`, `gallery.js` and `widget.js` from its own folder and has nothing inline, so its policy can be
`default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; frame-src 'self'`.
"""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Final
from urllib.parse import urlsplit

from ticker.model import LANGUAGES, Board, Language
from ticker.sidebar.gallery_words import GALLERY_WORDS, GalleryWords
from ticker.sidebar.look import ADDRESS, COLUMNS, USUAL
from ticker.sidebar.style import RELEASED
from ticker.sidebar.words import WORDS

ROW_PX: Final = 33
AROUND_PX: Final = 150
"""What a list takes above and below its rows."""

SNIPPETS: Final = {
    "element": '<script type="module" src="{url}/widget.js"></script>\n<crypto-ticker{attributes}></crypto-ticker>',
    "pinned": (
        '<script type="module" src="{url}/{file}" integrity="{integrity}" crossorigin="anonymous"></script>\n'
        "<crypto-ticker{attributes}></crypto-ticker>"
    ),
    "iframe": (
        '<iframe src="{url}/embed/{board}{query}" title="{title}" width="{width}" height="{height}" loading="lazy" '
        'sandbox="{sandbox}" style="border:0;max-width:100%"></iframe>\n'
        '<script type="module" src="{url}/widget.js"></script>'
    ),
    "php": (
        "<?php echo @file_get_contents('{url}/fragment/{board}{assets}', false, "
        "stream_context_create(['http' => ['timeout' => 1]])); ?>"
    ),
    "esi": '<esi:include src="{url}/fragment/{board}{assets}" onerror="continue"/>',
    "ssi": '<!--#include virtual="{path}/fragment/{board}{assets}" -->',
}
LANGUAGE_NAMES: Final[Mapping[str, str]] = {"ko": "한국어", "en": "English"}
WIDTHS: Final = ("320", "280", "400", "640")
INPUTS: Final = {
    "symbols": 'autocapitalize="characters"',
    "limit": 'inputmode="numeric" pattern="[1-9][0-9]{0,2}|1000"',
    "link": f'inputmode="url" pattern="{escape(ADDRESS.pattern)}"',
}
"""What the server takes, so that nothing it refuses gets into a snippet."""


def gallery(
    boards: Mapping[str, Board],
    lang: Language = "ko",
    *,
    public_url: str,
    released: tuple[str, str] | None = RELEASED,
) -> str:
    """The page, with every snippet built from `public_url`.

    `released` is a kept file's name and its integrity (`widget.0a1b2c3d4e5f.js`, `sha384-…`); None: nothing to pin.
    """
    board, words = next(iter(boards.values())), GALLERY_WORDS[lang]
    other = next(language for language in LANGUAGES if language != lang)
    titles = words.sections
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>ticker: {words.title}</title>'
        '<link rel="icon" href="favicon.svg"><link rel="stylesheet" href="gallery.css">'
        '<script type="module" src="widget.js"></script>'
        '<script type="module" src="gallery.js"></script></head><body>'
        f'<header><a href="?lang={other}" hreflang="{other}" lang="{other}">{words.other}</a>'
        f"<h1>{words.title}</h1><p>{words.lead}</p></header><main>"
        f'<form id="controls" aria-label="{titles["controls"]}">{_controls(boards.values(), words, lang)}</form>'
        f'<section id="preview" aria-label="{titles["preview"]}">'
        f'<crypto-ticker board="{escape(board.name)}" lang="{lang}"></crypto-ticker></section>'
        f'<section id="snippets" aria-label="{titles["snippets"]}"><h2>{titles["snippets"]}</h2>'
        f"{_snippets(board, lang, public_url, released)}</section>"
        f"{_showcase(board, words)}</main></body></html>"
    )


def _controls(boards: Iterable[Board], words: GalleryWords, lang: Language) -> str:
    options: dict[str, Mapping[str, str]] = {
        **words.options,
        "board": {board.name: f"{board.name} ({board.quote})" for board in boards},
        "lang": {lang: LANGUAGE_NAMES[lang], **LANGUAGE_NAMES},
        "width": {width: width for width in WIDTHS},
    }
    return (
        "".join(_choice(name, label, options[name]) for name, label in words.choices.items() if name != "columns")
        + _columns(words, lang)
        + "".join(_text(name, *texts) for name, texts in words.texts.items())
        + "".join(f'<datalist id="of-{board.name}">{_known(board)}</datalist>' for board in boards)
    )


def _text(name: str, label: str, hint: str, wrong: str) -> str:
    """An input with the place beside it where `gallery.js` says what is wrong with it."""
    return (
        f'<label>{label} <input name="{name}" {INPUTS[name]} placeholder="{escape(hint)}" data-wrong="{escape(wrong)}"'
        f' aria-describedby="{name}-wrong"></label><output id="{name}-wrong"></output>'
    )


def _known(board: Board) -> str:
    return "".join(f'<option value="{symbol}">' for symbol in board.symbols)


def _choice(name: str, label: str, options: Mapping[str, str]) -> str:
    inner = "".join(f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in options.items())
    return f'<label>{label} <select name="{name}">{inner}</select></label>'


def _columns(words: GalleryWords, lang: Language) -> str:
    heads = {name: head.replace("({})", "").strip() for name, head in WORDS[lang].headers.items()}
    heads |= words.options["columns"]
    boxes = "".join(
        f'<label><input type="checkbox" name="columns" value="{column}"{" checked" * (column in USUAL["list"])}>'
        f"{heads[column]}</label>"
        for column in COLUMNS
    )
    return f"<fieldset><legend>{words.choices['columns']}</legend>{boxes}</fieldset>"


def _snippets(board: Board, lang: Language, public_url: str, released: tuple[str, str] | None) -> str:
    """Each snippet as first chosen, with its template for `gallery.js` beside it."""
    file, integrity = released or ("", "")
    fixed = {"{url}": public_url, "{path}": urlsplit(public_url).path, "{file}": file, "{integrity}": integrity}
    first = {
        "{attributes}": f' board="{board.name}" lang="{lang}"',
        "{board}": board.name,
        "{query}": f"?lang={lang}&theme=light",
        "{assets}": f"?lang={lang}&assets=1",
        "{height}": str(AROUND_PX + ROW_PX * len(board.symbols)),
        "{width}": WIDTHS[0],
        "{title}": board.title[lang],
        "{sandbox}": "allow-scripts",
    }
    words = GALLERY_WORDS[lang]
    return "".join(
        f"<article><h3>{name}</h3><p>{about}</p>"
        f'<pre data-template="{escape(_filled(SNIPPETS[key], fixed))}">'
        f'<code id="{key}">{escape(_filled(SNIPPETS[key], fixed | first))}</code></pre>'
        f'<button type="button" data-copy="{key}" data-copied="{words.copied}">{words.copy}</button></article>'
        for key, (name, about) in words.snippets.items()
        if released or key != "pinned"
    )


def _filled(template: str, values: Mapping[str, str]) -> str:
    for place, value in values.items():
        template = template.replace(place, value)
    return template


def _showcase(board: Board, words: GalleryWords) -> str:
    """Every form in every theme at once, for the eye and for the browser tests."""
    title, forms, themes = words.sections["showcase"], words.options["form"], words.options["theme"]
    shown = "".join(
        f"<figure><figcaption>{forms[form]} · {themes[theme]}</figcaption>"
        f'<crypto-ticker board="{board.name}" form="{form}" theme="{theme}" limit="5"></crypto-ticker></figure>'
        for theme in ("light", "dark")
        for form in ("list", "strip", "card")
    )
    return f'<section id="showcase" aria-label="{title}"><h2>{title}</h2><div>{shown}</div></section>'
