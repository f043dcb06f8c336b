"""What is installed is locked by hash, without an address, and is what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUNTIME = PROJECT["project"]["dependencies"]
GROUPS = PROJECT["dependency-groups"]
WANTED = {
    "requirements.lock": RUNTIME,
    "requirements-dev.lock": RUNTIME + GROUPS["dev"],
    "requirements-publish.lock": GROUPS["docs"] + GROUPS["release"],
}
PIN = re.compile(r"([a-z0-9.-]+)==(\S+)(?: ; .+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_holds_pins_and_hashes_and_nothing_else(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not (PIN.fullmatch(line) or HASH.fullmatch(line))] == []


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_has_all_that_is_asked_for(name: str) -> None:
    pins = dict(PIN.findall((ROOT / name).read_text(encoding="utf-8")))
    for asked in map(Requirement, WANTED[name]):
        assert Version(pins[asked.name]) in asked.specifier, asked
