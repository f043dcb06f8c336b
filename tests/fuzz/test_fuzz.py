"""What strangers send, made up by machines: atheris guided by coverage, schemathesis by the documented routes.

The corpus holds the bytes that once reached new code, so that a short run starts where the last long one ended.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import Program
from tests.web.conftest import TOOLS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RUNS = os.environ.get("FUZZ_RUNS", "100000")


def installed(package: str) -> str:
    """A folder with a package from PyPI; without it nothing was fuzzed, which is a failure."""
    folder = TOOLS / package
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(folder)]
    if not folder.is_dir() and subprocess.run([*pip, package], check=False).returncode:
        pytest.fail(f"nothing was fuzzed: pip cannot install {package} here", pytrace=False)
    return str(folder)


def python(folder: Path, package: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), installed(package)))}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=280
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("target", ["head", "websocket"])
def test_no_bytes_of_a_stranger_raise_anything(target: str, tmp_path: Path) -> None:
    """Seen failing with a frame that does not inflate uncaught, and with a head read as ASCII."""
    found = tmp_path / "found"
    found.mkdir()
    kept = HERE / "corpus" / target
    script = str(HERE / "strangers.py")
    run = python(
        tmp_path, "atheris", script, target, str(found), str(kept), f"-runs={RUNS}", f"-artifact_prefix={tmp_path}/"
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert f"Done {RUNS} runs" in run.stderr


@pytest.mark.timeout(300)
def test_no_documented_request_however_odd_is_answered_by_a_failure_of_ours(tmp_path: Path) -> None:
    """Seen failing with a number of a query that nobody looks at before it is read."""
    with Program(tmp_path, "demo", "--frozen") as program:
        program.ready()
        checks = ("--checks", "not_a_server_error", "--max-examples", "60", "--phases", "examples,coverage,fuzzing")
        where = ("--exclude-path-regex", "events|stream", "--request-timeout", "10", "--seed", "7")
        run = python(
            tmp_path, "schemathesis", "-m", "schemathesis.cli", "run", f"{program.url}/openapi.json", *checks, *where
        )
        assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
        assert program.process.poll() is None
        assert "Traceback" not in program.log.read_text(encoding="utf-8")
