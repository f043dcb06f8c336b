"""The sidebar's style, `static/widget.css` squeezed once at import, and what is released of it and of `widget.js`.

`python -m ticker.sidebar.style` writes the words into widget.js; a test compares.
"""

import json
import re
from base64 import b64encode
from hashlib import sha256, sha384
from pathlib import Path
from typing import Final

from ticker.model import LANGUAGES
from ticker.sidebar.words import WORDS, Words

PACKAGE: Final = Path(__file__).parents[1]
STATIC: Final = next(folder for folder in (PACKAGE / "static", PACKAGE.parent / "static") if folder.is_dir())
"""In a wheel inside the package, in a checkout beside it."""


def squeeze(css: str) -> str:
    """The sheet without comments, line ends and the blanks that mean nothing; strings and calc() are left alone."""
    bare = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    one_line = re.sub(r"\s+", " ", bare).strip()
    tight = re.sub(r" ?([{};,>~]) ?|(?<=:) | (?=!)", lambda found: found[1] or "", one_line)
    tight = re.sub(r"(?<![\w.])0\.(?=\d)", ".", tight)
    return re.sub(r'\[([a-z-]+)="([a-z]+)"\]', r"[\1=\2]", tight).replace(";}", "}")


def source_hash(text: str) -> str:
    """The Content-Security-Policy source that allows exactly this inline text: `sha256-…`."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


SCRIPT: Final = STATIC / "widget.js"
STYLE: Final = squeeze((STATIC / "widget.css").read_text(encoding="utf-8"))
STYLE_HASH: Final = source_hash(STYLE)
SHEET: Final = STYLE[: STYLE.index(".ct-page")]
"""The part that is not for a page of its own."""


def _scripted(words: Words) -> dict[str, str]:
    """The words the script needs; the board's own texts come with each snapshot (`presentation`)."""
    others = {name: getattr(words, name) for name in ("pause", "resume", "read", "dash")}
    return words.headers | words.states | words.status | others


def filled(script: str) -> str:
    """The script with its two written lines as they must be; in ASCII."""
    words = {lang: _scripted(WORDS[lang]) for lang in LANGUAGES}
    lines = {
        "KEYS": f"'{'|'.join(words['ko'])}'.split('|')",
        "WORDS": json.dumps({lang: "|".join(words[lang].values()) for lang in LANGUAGES}),
    }
    return re.sub(
        "^const (KEYS|WORDS) = .*$",
        lambda found: f"const {found[1]} = {lines[found[1]]};",
        script,
        flags=re.MULTILINE,
    )


def source_mark(script: str) -> str:
    """The first line of what is released from this script and today's style."""
    return f"/*! ticker {sha256((script + SHEET).encode()).hexdigest()[:12]} MIT */"


def _released() -> tuple[str, str] | None:
    """Name and integrity of the kept file that was made from today's script and style, if there is one."""
    mark = source_mark(SCRIPT.read_text(encoding="utf-8")).encode()
    for path in sorted((STATIC / "released").glob("widget.*.js")):
        if (body := path.read_bytes()).startswith(mark):
            return path.name, f"sha384-{b64encode(sha384(body).digest()).decode()}"
    return None


RELEASED: Final = _released()
"""What `/widget.js` is and a page may pin (see `bench/release_widget.py`); None while the sources are newer."""

if __name__ == "__main__":
    SCRIPT.write_text(filled(SCRIPT.read_text(encoding="utf-8")), encoding="utf-8")
