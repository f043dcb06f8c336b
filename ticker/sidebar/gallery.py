"""The gallery at `/`: a live preview of every form and option, and the snippets to copy. Pure.

It loads `gallery.css`, `gallery.js` and `widget.js` from its own folder and has nothing inline, so its policy can be
`default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; frame-src 'self'`.
"""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

from ticker.model import Board
from ticker.sidebar.look import COLUMNS
from ticker.sidebar.style import RELEASED
from ticker.sidebar.words import WORDS

ROW_PX: Final = 33
AROUND_PX: Final = 150
"""What a list takes above and below its rows."""

SNIPPETS: Final = (
    (
        "element",
        "스크립트",
        "가장 간단합니다. 기사 본문 밖, 사이드바 자리에 넣으세요.",
        '<script type="module" src="{url}/widget.js"></script>\n<crypto-ticker{attributes}></crypto-ticker>',
    ),
    (
        "pinned",
        "스크립트 (SRI 고정)",
        "파일이 바뀌면 실행되지 않습니다. 새 버전이 나오면 이 줄을 고쳐 다시 배포할 수 있는 곳에만 쓰세요.",
        (
            '<script type="module" src="{url}/{file}" integrity="{integrity}" crossorigin="anonymous"></script>\n'
            "<crypto-ticker{attributes}></crypto-ticker>"
        ),
    ),
    (
        "iframe",
        "iframe",
        "스크립트를 넣을 수 없는 곳에 씁니다. 높이를 자동으로 맞추려면 같은 페이지에서 widget.js를 함께 불러오세요.",
        (
            '<iframe src="{url}/embed/{board}{query}" title="{title}" width="320" height="{height}" loading="lazy" '
            'sandbox="{sandbox}" style="border:0"></iframe>'
        ),
    ),
    (
        "php",
        "서버에서 넣기 (PHP)",
        "스크립트가 꺼져 있어도 표가 보입니다. EUC-KR 페이지에서도 글자가 깨지지 않습니다.",
        (
            "<?php echo @file_get_contents('{url}/fragment/{board}{assets}', false, "
            "stream_context_create(['http' => ['timeout' => 1]])); ?>"
        ),
    ),
    (
        "esi",
        "서버에서 넣기 (ESI)",
        "Varnish나 CDN의 ESI로 넣습니다. nginx의 SSI에서는 같은 주소를 include virtual로 쓰세요.",
        '<esi:include src="{url}/fragment/{board}{assets}" onerror="continue"/>',
    ),
)
CHOICES: Final = (
    ("form", "형식", (("list", "표"), ("strip", "한 줄"), ("card", "카드"))),
    ("lang", "언어", (("ko", "한국어"), ("en", "English"))),
    ("theme", "바탕", (("inherit", "페이지를 따름"), ("light", "밝게"), ("dark", "어둡게"), ("auto", "독자 설정"))),
    ("colors", "색", (("", "언어에 맞춤"), ("ko", "빨강·파랑"), ("en", "초록·빨강"), ("safe", "색각 배려"))),
    ("credit", "ticker 표기", (("", "표시"), ("off", "숨김"))),
    ("width", "미리 보기 너비", (("320", "320"), ("280", "280"), ("400", "400"), ("640", "640"))),
)


def gallery(boards: Mapping[str, Board], *, public_url: str, released: tuple[str, str] | None = RELEASED) -> str:
    """The page, with every snippet built from `public_url`.

    `released` is a kept file's name and its integrity (`widget.0a1b2c3d4e5f.js`, `sha384-…`); None: nothing to pin.
    """
    board = next(iter(boards.values()))
    controls = _boards(boards.values()) + "".join(_choice(*choice) for choice in CHOICES) + _columns() + _texts()
    return (
        '<!doctype html><html lang="ko"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><title>ticker: 시세판 만들기</title>'
        '<link rel="icon" href="favicon.svg"><link rel="stylesheet" href="gallery.css">'
        '<script type="module" src="widget.js"></script>'
        '<script type="module" src="gallery.js"></script></head><body>'
        "<header><h1>시세판 만들기</h1><p>고르면 바로 바뀝니다. 아래 코드를 그대로 붙여 넣으세요.</p></header><main>"
        f'<form id="controls" aria-label="설정">{controls}</form>'
        '<section id="preview" aria-label="미리 보기">'
        f'<crypto-ticker board="{escape(board.name)}" lang="ko"></crypto-ticker></section>'
        f'<section id="snippets" aria-label="코드"><h2>코드</h2>{_snippets(board, public_url, released)}</section>'
        f"{_showcase(board)}</main></body></html>"
    )


def _boards(boards: Iterable[Board]) -> str:
    return _choice("board", "시세판", tuple((board.name, f"{board.name} ({board.quote})") for board in boards))


def _choice(name: str, label: str, options: Iterable[tuple[str, str]]) -> str:
    inner = "".join(f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in options)
    return f'<label>{label} <select name="{name}">{inner}</select></label>'


def _columns() -> str:
    boxes = "".join(
        f'<label><input type="checkbox" name="columns" value="{column}"{" checked" * (column in {"price", "percent"})}>'
        f"{WORDS['ko'].headers[column].replace('({})', '')}</label>"
        for column in COLUMNS
    )
    return f"<fieldset><legend>열</legend>{boxes}</fieldset>"


def _texts() -> str:
    return (
        '<label>종목 <input name="symbols" placeholder="BTC,ETH (비우면 모두)" autocapitalize="characters"></label>'
        '<label>최대 개수 <input name="limit" type="number" min="1" max="200" placeholder="모두"></label>'
        '<label>종목 링크 <input name="link" type="url" pattern="https://.*" placeholder="https://example.com/coin/{symbol}"></label>'
        '<label>갱신 간격(ms) <input name="interval" type="number" min="200" max="30000" step="200" '
        'placeholder="1000"></label>'
    )


def _snippets(board: Board, public_url: str, released: tuple[str, str] | None) -> str:
    """Each snippet as first chosen, with its template for `gallery.js` beside it."""
    file, integrity = released or ("", "")
    fixed = {"{url}": public_url, "{file}": file, "{integrity}": integrity}
    first = {
        "{attributes}": f' board="{board.name}"',
        "{board}": board.name,
        "{query}": "?theme=light",
        "{assets}": "?assets=1",
        "{height}": str(AROUND_PX + ROW_PX * len(board.symbols)),
        "{title}": board.title["ko"],
        "{sandbox}": "allow-scripts",
    }
    return "".join(
        f'<article><h3>{name}</h3><p>{about}</p><pre data-template="{escape(_filled(template, fixed))}">'
        f'<code id="{key}">{escape(_filled(template, fixed | first))}</code></pre>'
        f'<button type="button" data-copy="{key}">복사</button></article>'
        for key, name, about, template in SNIPPETS
        if released or key != "pinned"
    )


def _filled(template: str, values: Mapping[str, str]) -> str:
    for place, value in values.items():
        template = template.replace(place, value)
    return template


def _showcase(board: Board) -> str:
    """Every form in every theme at once, for the eye and for the browser tests."""
    shown = "".join(
        f"<figure><figcaption>{form} · {theme}</figcaption>"
        f'<crypto-ticker board="{board.name}" form="{form}" theme="{theme}" limit="5"></crypto-ticker></figure>'
        for theme in ("light", "dark")
        for form in ("list", "strip", "card")
    )
    return f'<section id="showcase" aria-label="모든 형식"><h2>모든 형식</h2><div>{shown}</div></section>'
