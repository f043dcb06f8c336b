"""Every word of the gallery, by language."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from ticker.model import Language


class GalleryWords(Struct, frozen=True):
    """The words of one language."""

    title: str
    lead: str
    choices: Mapping[str, str]
    """Select, or the fieldset of columns -> its label."""
    options: Mapping[str, Mapping[str, str]]
    """Select -> value -> what readers see of it; of the columns those whose own heads do not say enough."""
    texts: Mapping[str, tuple[str, str, str]]
    """Input -> its label, what stands in it while it is empty, and what is wrong with it; `{}`: the culprit."""
    sections: Mapping[str, str]
    snippets: Mapping[str, tuple[str, str]]
    """Snippet -> its heading, and what it is for."""
    copy: str
    copied: str
    other: str
    """The other language, in itself."""


GALLERY_WORDS: Final[dict[Language, GalleryWords]] = {
    "ko": GalleryWords(
        title="시세판 만들기",
        lead="고르면 바로 바뀝니다. 아래 코드를 그대로 붙여 넣으세요.",
        choices={
            "board": "시세판",
            "form": "형식",
            "lang": "언어",
            "theme": "바탕",
            "colors": "색",
            "interval": "갱신 간격",
            "credit": "ticker 표기",
            "width": "미리 보기 너비",
            "columns": "열",
        },
        options={
            "form": {"list": "표", "strip": "한 줄", "card": "카드"},
            "theme": {"inherit": "페이지를 따름", "light": "밝게", "dark": "어둡게", "auto": "독자 설정"},
            "colors": {"": "언어에 맞춤", "ko": "빨강·파랑", "en": "초록·빨강", "safe": "색각 배려"},
            "credit": {"": "표시", "off": "숨김"},
            "columns": {"sparkline": "24시간 그래프"},
            "interval": {
                "": "1초",
                "200": "0.2초",
                "500": "0.5초",
                "2000": "2초",
                "5000": "5초",
                "10000": "10초",
                "30000": "30초",
            },
        },
        texts={
            "symbols": ("종목", "BTC,ETH (비우면 모두)", "이 시세판에 없어 코드에서 뺐습니다: {}"),
            "limit": ("최대 개수", "모두", "1에서 1000까지의 정수가 아니어서 코드에서 뺐습니다."),
            "link": (
                "종목 링크",
                "https://…/{symbol}",
                "https:// 주소가 아니거나 빈칸, 따옴표가 있어 코드에서 뺐습니다. 예: https://example.com/coin/{symbol}",
            ),
        },
        sections={"controls": "설정", "preview": "미리 보기", "snippets": "코드", "showcase": "모든 형식"},
        snippets={
            "element": ("스크립트", "가장 간단합니다. 기사 본문 밖, 사이드바 자리에 넣으세요."),
            "pinned": (
                "스크립트 (SRI 고정)",
                "파일이 바뀌면 실행되지 않습니다. 새 버전이 나오면 이 줄을 고쳐 다시 배포할 수 있는 곳에만 쓰세요.",
            ),
            "iframe": (
                "iframe",
                "스크립트를 넣을 수 없는 곳에 씁니다. 둘째 줄은 높이를 내용에 맞추며, 넣을 수 없으면 빼도 됩니다.",
            ),
            "php": (
                "서버에서 넣기 (PHP)",
                "스크립트가 꺼져 있어도 표가 보입니다. EUC-KR 페이지에서도 글자가 깨지지 않습니다.",
            ),
            "esi": ("서버에서 넣기 (ESI)", "Varnish나 CDN의 ESI로 넣습니다."),
            "ssi": (
                "서버에서 넣기 (SSI)",
                "nginx의 SSI로 넣습니다. 이 경로를 ticker로 보내는 location이 같은 nginx에 있어야 합니다.",
            ),
        },
        copy="복사",
        copied="복사됨",
        other="English",
    ),
    "en": GalleryWords(
        title="Make a price board",
        lead="Every choice shows at once. Paste the code below as it is.",
        choices={
            "board": "Board",
            "form": "Form",
            "lang": "Language",
            "theme": "Background",
            "colors": "Colours",
            "interval": "Interval",
            "credit": "ticker credit",
            "width": "Preview width",
            "columns": "Columns",
        },
        options={
            "form": {"list": "Table", "strip": "One line", "card": "Card"},
            "theme": {"inherit": "As the page", "light": "Light", "dark": "Dark", "auto": "Reader’s setting"},
            "colors": {"": "By language", "ko": "Red, blue", "en": "Green, red", "safe": "Colour-blind safe"},
            "credit": {"": "Shown", "off": "Hidden"},
            "columns": {"percent": "Change in %", "change": "Change in price", "sparkline": "24-hour chart"},
            "interval": {
                "": "1 s",
                "200": "0.2 s",
                "500": "0.5 s",
                "2000": "2 s",
                "5000": "5 s",
                "10000": "10 s",
                "30000": "30 s",
            },
        },
        texts={
            "symbols": ("Coins", "BTC,ETH (empty: all)", "Not on this board, so left out of the code: {}"),
            "limit": ("At most", "all", "No whole number from 1 to 1000, so left out of the code."),
            "link": (
                "Coin links",
                "https://…/{symbol}",
                "No https:// address without spaces and quotes, so left out. Try https://example.com/coin/{symbol}",
            ),
        },
        sections={"controls": "Options", "preview": "Preview", "snippets": "Code", "showcase": "Every form"},
        snippets={
            "element": ("Script", "The simplest way. Put it in the sidebar, outside the article’s text."),
            "pinned": (
                "Script (pinned by SRI)",
                "A changed file does not run. Only where you can edit this line and redeploy at each new version.",
            ),
            "iframe": (
                "Iframe",
                "Where scripts cannot be added. The second line fits the height, and may be left out.",
            ),
            "php": (
                "From your server (PHP)",
                "The table shows with scripts off, and every letter is right on EUC-KR pages too.",
            ),
            "esi": ("From your server (ESI)", "For ESI in Varnish or a CDN."),
            "ssi": (
                "From your server (SSI)",
                "For nginx’s SSI. The same nginx needs a location that passes this path on to ticker.",
            ),
        },
        copy="Copy",
        copied="Copied",
        other="한국어",
    ),
}
