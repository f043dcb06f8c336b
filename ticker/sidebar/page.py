"""The sidebar as HTML: a complete page for an iframe, and a fragment for includes. Pure: time comes from the data.

`embed` and `fragment` take the same `look` (`look_of(request.query)`), and `STYLE_HASH` goes into the page's CSP.
"""

from collections.abc import Collection
from html import escape

from ticker.model import Board, BoardState, Language
from ticker.sidebar.cells import shown
from ticker.sidebar.gallery import gallery
from ticker.sidebar.look import Look, NotALook, has_assets, look_of
from ticker.sidebar.markup import element
from ticker.sidebar.style import STYLE, STYLE_HASH
from ticker.sidebar.words import WORDS

__all__ = ["STYLE", "STYLE_HASH", "Look", "NotALook", "embed", "excuse", "fragment", "gallery", "has_assets", "look_of"]


def embed(
    board: Board,
    state: BoardState,
    lang: Language,
    *,
    public_url: str,
    symbols: Collection[str] | None = None,
    look: Look | None = None,
) -> str:
    """The sidebar as a complete page for an iframe, readable with scripts off; its one `<style>` is `STYLE_HASH`.

    The script's address is relative to `/embed/{board}`, so that no proxy's path prefix can break it.
    """
    what = shown(board, state, lang, look or Look(), symbols, page=True)
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(board.title[lang])}</title>"
        f'<link rel="canonical" href="{escape(public_url)}/embed/{escape(board.name)}">'
        f'<style>{STYLE}</style><script type="module" src="../widget.js"></script></head>'
        f'<body class="ct-page" data-theme="{what.theme}"><main>{element(what)}</main></body></html>'
    )


def excuse(reason: str, lang: Language) -> str:
    """What a reader sees in the sidebar's place where there is none, with the reason for whoever put it there."""
    sentence = WORDS[lang].excuse
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{sentence}</title><style>{STYLE}</style></head>"
        f'<body class="ct-page" data-theme="auto"><main><div class="ct" data-theme="auto">{sentence}'
        f'<p lang="en">{escape(reason)}</p></div></main></body></html>'
    )


def fragment(
    board: Board,
    state: BoardState,
    lang: Language,
    *,
    public_url: str,
    symbols: Collection[str] | None = None,
    assets: bool = False,
    look: Look | None = None,
) -> str:
    """The sidebar for server-side includes: ASCII whatever the including page's encoding, never article text."""
    base = escape(public_url)
    loads = f'<link rel="stylesheet" href="{base}/widget.css"><script type="module" src="{base}/widget.js"></script>'
    inner = element(shown(board, state, lang, look or Look(), symbols, page=False), server=public_url)
    text = f"<aside data-nosnippet>{loads if assets else ''}{inner}</aside>"
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")
