"""The sidebar's style: `static/widget.css`, squeezed once at import.

`python -m ticker.style` writes the style and the words into widget.js, which must work as one file; a test compares.
"""

import json
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Final

from ticker.model import LANGUAGES
from ticker.words import WORDS, Words

HERE: Final = Path(__file__).parent
STATIC: Final = next(folder for folder in (HERE / "static", HERE.parent / "static") if folder.is_dir())
"""In a wheel beside this module, in a checkout beside the package."""


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


STYLE: Final = squeeze((STATIC / "widget.css").read_text(encoding="utf-8"))
STYLE_HASH: Final = source_hash(STYLE)


def _scripted(words: Words) -> dict[str, object]:
    """The words the script needs; the long ones come with each snapshot (`page.presentation`)."""
    return {
        field: getattr(words, field)
        for field in words.__struct_fields__
        if field not in {"date", "disclaimer", "simulated"}
    }


def filled(script: str) -> str:
    """The script with its two written lines, style and words, as they must be; in ASCII."""
    style = STYLE[: STYLE.index(".ct-page")].replace("\\", "\\\\")
    words = json.dumps({lang: _scripted(WORDS[lang]) for lang in LANGUAGES}, separators=(",", ":"))
    script = re.sub("^const STYLE = .*$", lambda _: f"const STYLE = `{style}`;", script, count=1, flags=re.MULTILINE)
    return re.sub("^const WORDS = .*$", lambda _: f"const WORDS = {words};", script, count=1, flags=re.MULTILINE)


if __name__ == "__main__":
    SCRIPT: Final = STATIC / "widget.js"
    SCRIPT.write_text(filled(SCRIPT.read_text(encoding="utf-8")), encoding="utf-8")
