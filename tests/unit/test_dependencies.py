"""What is installed: locked by hash, at or above the versions without known advisories that SECURITY.md names."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = {"aiohttp": (3, 14, 4), "websockets": (15,), "redis": (5, 3), "orjson": (3, 11, 6)}
"""aiohttp CVE-2026-128131, orjson CVE-2025-67221 (dumps), redis CVE-2023-28859, websockets the asyncio API."""
LOCKS = ["requirements.lock", "requirements-dev.lock", "requirements-publish.lock"]


def version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins(lock: str) -> list[tuple[str, str]]:
    """Each package and what stands behind it until the next one; with markers there may be two of a name."""
    entries = re.finditer(r"^([\w.-]+)(?:\[.*?\])?==[^\n]*(?:\n[ #][^\n]*)*", read(lock), re.MULTILINE)
    return [(found[1], found[0]) for found in entries]


@pytest.mark.parametrize("package", FLOORS)
def test_no_version_with_a_known_advisory_is_locked_or_allowed(package: str) -> None:
    """Seen failing with a floor of orjson lowered to 3.9.0."""
    for lock in ("requirements.lock", "requirements-dev.lock"):
        locked = re.match(r".*?==([0-9.]+)", dict(pins(lock))[package])
        assert locked
        assert version(locked[1]) >= FLOORS[package], lock
    wanted = tomllib.loads(read("pyproject.toml"))["project"]["dependencies"]
    (floor,) = [found[1] for line in wanted if (found := re.fullmatch(rf"{package}>=([0-9.]+)", line))]
    assert version(floor) >= FLOORS[package]
    assert f"{package} {floor}" in read("SECURITY.md")


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_its_hashes_and_comes_from_the_index(lock: str) -> None:
    """Seen failing with a line without a hash, which would let pip install whatever a mirror gives."""
    found = pins(lock)
    assert len(found) >= 10
    assert [name for name, text in found if "--hash=sha256:" not in text] == []
    pinned = [line for line in read(lock).splitlines() if line and line[0] not in " #-"]
    assert len(pinned) == len(found)
    assert not re.search(r"^(--(extra-)?index-url|--trusted-host|-e|.* @ )", read(lock), re.MULTILINE)


def test_whatever_installs_a_lock_asks_for_its_hashes() -> None:
    """Seen failing with a recipe that installs a lock without `--require-hashes`."""
    for name in ("Dockerfile", "Makefile"):
        lines = [line for line in read(name).splitlines() if "pip" in line and "install" in line and ".lock" in line]
        assert lines
        assert [line for line in lines if "--require-hashes" not in line] == []
