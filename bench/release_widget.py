"""Minify static/widget.js and widget.css into static/released/widget.<hash>.js and .css, to be committed and kept.

    make release-widget

Needs Node; terser comes through npx. A file's name is the hash of its own bytes, so that a page may pin it by SRI
for ever; the script names its sheet, and its first line the sources it was made from, by which
`ticker.sidebar.style.RELEASED` finds the newest.
"""

import gzip
import re
import subprocess
from base64 import b64encode
from hashlib import sha256, sha384
from pathlib import Path

from ticker.sidebar.style import SCRIPT, SHEET, STATIC, source_mark

EXAMPLE = Path(__file__).parent.parent / "examples" / "strict-csp.html"
TERSER = ("npx", "--yes", "terser@5.44.0")
OPTIONS = ("--module", "--ecma", "2020", "--compress", "passes=3,unsafe_arrows=true,pure_getters=true", "--mangle")


def minified(script: str, sheet: str) -> str:
    """The script as it is released with this sheet: ASCII, one comment."""
    run = subprocess.run(
        [*TERSER, *OPTIONS, "--format", "ascii_only=true,comments=false"],
        input=script.replace("widget.css`", f"{sheet}`"),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise SystemExit(f"terser: {run.stderr.strip()[-500:]}")
    return f"{source_mark(script)}\n{run.stdout.strip()}\n"


def keep(text: str, kind: str) -> str:
    """Write one file under the hash of its bytes; its name."""
    name = f"widget.{sha256(text.encode()).hexdigest()[:12]}.{kind}"
    (STATIC / "released" / name).write_text(text, encoding="utf-8")
    print(f"static/released/{name}: {len(text)} bytes, gzip {len(gzip.compress(text.encode(), 9, mtime=0))}")
    return name


def pin(name: str, integrity: str) -> None:
    """The strict host page among the examples takes the newest release."""
    page = re.sub(r"sha384-[A-Za-z0-9+/]{64}", integrity, EXAMPLE.read_text(encoding="utf-8"))
    EXAMPLE.write_text(re.sub(r"widget\.[0-9a-f]{12}\.js", name, page), encoding="utf-8")


def main() -> None:
    sheet = keep(SHEET, "css")
    text = minified(SCRIPT.read_text(encoding="utf-8"), sheet)
    pin(keep(text, "js"), f"sha384-{b64encode(sha384(text.encode()).digest()).decode()}")


if __name__ == "__main__":
    main()
