"""What is published: the wheel, built from the sdist, in clean environments without a compiler."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.program import Program, until
from ticker import __version__
from ticker.sidebar.style import STATIC
from ticker.sim.world import ARTICLE

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make release` does, from the files that git knows."""
    place = tmp_path_factory.mktemp("release")
    source = place / "source"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    if not files:
        pytest.skip("this is no git checkout")
    for file in files:
        target = source / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(place / "dist"), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    assert (place / "dist" / f"ticker-{__version__}.tar.gz").is_file()
    return place / "dist" / f"ticker-{__version__}-py3-none-any.whl"


def test_the_wheel_holds_the_program_and_every_static_file_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    static = {f"ticker/static/{path.relative_to(STATIC)}" for path in STATIC.rglob("*") if path.is_file()}
    assert any(re.fullmatch(r"ticker/static/released/widget\.[0-9a-f]{12}\.js", name) for name in static)
    assert static <= names
    assert {name.split("/")[0] for name in names} == {"ticker", f"ticker-{__version__}.dist-info"}
    assert {"ticker/py.typed", f"ticker-{__version__}.dist-info/licenses/LICENSE"} <= names


def test_the_changelog_begins_with_this_version() -> None:
    told = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert told[0] == __version__


@pytest.mark.skipif(not (ROOT / ".venv-publish" / "installed").exists(), reason="`make docs` has not been run here")
def test_a_release_has_a_bill_of_what_is_locked(tmp_path: Path) -> None:
    """Seen failing with a bill of an environment in which nothing was installed."""
    subprocess.run(["make", "release", f"DIST={tmp_path}"], cwd=ROOT, capture_output=True, check=True)
    names = {f"ticker-{__version__}.tar.gz", f"ticker-{__version__}-py3-none-any.whl", "ticker.cdx.json"}
    assert {path.name for path in tmp_path.iterdir()} == names
    bill = json.loads((tmp_path / "ticker.cdx.json").read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["metadata"]["component"]["version"]) == ("CycloneDX", __version__)
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE))
    billed = {part["name"].lower().replace("_", "-"): part["version"] for part in bill["components"]}
    assert {"aiohttp", "redis", "websockets"} < billed.keys()
    assert billed.items() <= locked.items()


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_wheel_runs_in_a_clean_environment_without_a_compiler(version: str, wheel: Path, tmp_path: Path) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    subprocess.run([python, "-m", "venv", str(tmp_path / "venv")], check=True)
    bin_ = tmp_path / "venv" / "bin"
    pip = [str(bin_ / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    locked = ["--only-binary", ":all:", "--require-hashes", "-r", str(ROOT / "requirements.lock")]
    subprocess.run([*pip, *locked], check=True, capture_output=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True, capture_output=True)
    shown = subprocess.run([bin_ / "ticker", "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert shown.stdout.split()[-1] == __version__
    program = Program(tmp_path, "demo", "--frozen")
    program.python, program.cwd = str(bin_ / "python"), tmp_path
    with program:
        program.ready()
        until(lambda: all(row["change_pct"] for row in program.rows("article").values()), program)
        rows = program.rows("article")
        assert {symbol: (row["price"], row["change_pct"]) for symbol, row in rows.items()} == ARTICLE
        released = next((STATIC / "released").glob("widget.*.js"))
        assert program.get(f"/{released.name}") == released.read_bytes()


def test_the_installation_that_the_page_describes_brings_a_program_that_works(tmp_path: Path) -> None:
    """All but what only systemd can do; the unit itself is looked at elsewhere."""
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    block = re.findall(r"```sh\n(.*?)```", page.partition("## Installing")[2], re.DOTALL)[0]
    lines = [line for line in block.splitlines() if not line.startswith("systemctl")]
    here = "\n".join(lines).replace("/opt/ticker", str(tmp_path / "opt")).replace("/etc/", f"{tmp_path}/etc/")
    subprocess.run(["sh", "-euc", here], cwd=ROOT, check=True, capture_output=True)
    unit = (tmp_path / "etc/systemd/system/ticker.service").read_text(encoding="utf-8")
    assert "ExecStart=/opt/ticker/bin/ticker run\n" in unit
    done = subprocess.run([tmp_path / "opt/bin/ticker", "check"], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout == b"configuration is fine: boards krw\n"


def interpreter(version: str) -> str | None:
    """A Python of this version that starts: pyenv's names stand there for versions that are not installed, too."""
    roots = [os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))]
    found = [str(path) for root in roots for path in Path(root).glob(f"versions/{version}.*/bin/python")]
    for python in [*sorted(found), shutil.which(f"python{version}")]:
        if python is None:
            continue
        said = subprocess.run(
            [python, "-c", "import json, sys, venv, ensurepip; print(json.dumps(sys.version_info[:2]))"],
            capture_output=True,
            text=True,
            check=False,
        )
        if said.returncode == 0 and json.loads(said.stdout) == [int(part) for part in version.split(".")]:
            return python
    return None
