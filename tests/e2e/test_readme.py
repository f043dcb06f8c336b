"""Every ```console block of the README and of the pages one starts with, as a reader types it.

A block runs line by line in one shell, in an empty directory beside a demo, with `.venv` where the page expects it.
Only the port is another one. What runs for ever (`make demo`, an event stream) must live, and say or serve something.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program import Program, until

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/index.md", "docs/subscribing.md", "docs/polling.md", "docs/operating.md")
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
WRITTEN = {page: BLOCK.findall((ROOT / page).read_text(encoding="utf-8")) for page in PAGES}
LINES = list(dict.fromkeys(line for blocks in WRITTEN.values() for block in blocks for line in block.splitlines()))
STARTS = re.compile(r"make demo|\.venv/bin/ticker demo")
STREAMS = re.compile(r"curl -\w*N")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with Program(tmp_path_factory.mktemp("demo"), "demo") as program:
        program.ready()
        until(lambda: all(row["change_pct"] for row in program.rows("article").values()), program)
        program.cwd = program.log.parent
        (program.cwd / ".venv").symlink_to(sys.prefix)
        yield program


def test_every_page_has_something_to_run() -> None:
    assert all(WRITTEN.values())
    assert {"make demo", "make test"} <= set(LINES)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("line", [line for line in LINES if line != "make test"])
def test_a_line_of_the_pages_works(line: str, demo: Program, tmp_path: Path) -> None:
    if line.startswith("curl") and shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    here = line.replace("127.0.0.1:8080", f"127.0.0.1:{demo.port}")
    if STARTS.match(line):
        starts(line, tmp_path)
    elif STREAMS.match(line):
        streams(here)
    else:
        done = subprocess.run(
            ["sh", "-euc", here], cwd=demo.cwd, env=demo.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout or re.search(r" > | -o ", line)


def streams(line: str) -> None:
    """An event stream brings a snapshot."""
    with subprocess.Popen(["sh", "-euc", f"exec {line}"], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        heard = [running.stdout.readline() for _ in range(3)]
        running.terminate()
    assert any(text.startswith(b'data: {"type":"snapshot"') for text in heard), heard


def starts(line: str, tmp_path: Path) -> None:
    """A demo of its own: `make` from the checkout, everything else from an empty directory."""
    program = Program(tmp_path, "demo")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    place = ROOT if line.startswith("make") else tmp_path
    if place is ROOT and not (ROOT / ".venv" / "installed").exists():
        pytest.skip("`make setup` was not run here")
    with program.log.open("ab") as log:
        program.process = subprocess.Popen(
            ["sh", "-euc", line], cwd=place, env=program.environment, stdout=log, stderr=log, process_group=0
        )
    try:
        until(lambda: program.status("/readyz") == 200, program, 100)
        assert len(program.rows("article")) == 23
    finally:
        os.killpg(program.process.pid, signal.SIGTERM)
        program.process.wait(20)
