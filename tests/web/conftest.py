"""What `make test-web` needs beside Chromium; each tool that is missing is named in the skip line."""

import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser.speaker import Speaker

TOOLS = Path(__file__).parents[2] / ".web-tools"
"""Where axe-core and lighthouse are put by npm; not part of the repository."""


def program(name: str, package: str) -> str:
    """The program's path, or a skip that says what to install."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is missing: apt-get install {package}")
    return found


def npm(package: str) -> Path:
    """The folder of an npm package, installed on first use."""
    folder = TOOLS / "node_modules" / package
    if not folder.is_dir():
        command = [program("npm", "npm"), "install", "--silent", "--no-audit", "--prefix", str(TOOLS), package]
        if subprocess.run(command, check=False, capture_output=True, timeout=240).returncode != 0:
            pytest.skip(f"npm cannot install {package} here")
    return folder


@pytest.fixture(scope="session")
def axe() -> str:
    return (npm("axe-core") / "axe.min.js").read_text(encoding="utf-8")


@pytest_asyncio.fixture(loop_scope="session")
async def speaker() -> AsyncIterator[Speaker]:
    """A server of our own that says what the test wants it to say."""
    made = Speaker()
    await made.start()
    yield made
    await made.stop()
