"""The documentation as a site: built without a warning, and it loads nothing from elsewhere."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MKDOCS = ROOT / ".venv-publish" / "bin" / "mkdocs"


@pytest.mark.timeout(120)
@pytest.mark.skipif(not MKDOCS.exists(), reason="`make docs` has not been run here")
def test_the_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [str(MKDOCS), "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stdout, built.stderr) == (0, "", "")
    pages = [page for page in (tmp_path / "site").rglob("*.html") if "examples" not in page.parts]
    assert len(pages) > 25
    loads = re.compile(r'<(?:script|img|iframe|source|link)[^>]+(?:src|href)="?https?:|url\(["\']?https?:')
    assert [page.name for page in pages if loads.search(re.sub("(?s)<pre.*?</pre>", "", page.read_text("utf-8")))] == []
