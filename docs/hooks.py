"""For mkdocs: pages may link to files beside docs/ (examples, deploy), which the site then holds too."""  # noqa: INP001

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
BESIDE = ("examples", "deploy", "static/favicon.svg", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md")
LINK = re.compile(r"\]\((?:\.\./)+(?=(?:examples|deploy|CHANGELOG|SECURITY|CONTRIBUTING))")


def on_files(files: Files, config: Any) -> Files:
    """Add what lies beside docs/."""
    for name in BESIDE:
        place = ROOT / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                uri = "favicon.svg" if path.suffix == ".svg" else str(path.relative_to(ROOT))
                files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links out of docs/ lead to the copies, and theirs into docs/ to its pages."""
    up = "../" * page.file.src_uri.count("/")
    return LINK.sub(lambda _: f"]({up}", markdown).replace("](docs/", "](")
