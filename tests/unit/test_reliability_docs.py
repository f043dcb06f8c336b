"""Every test that a promise in the docs leans on exists, and says how it fails."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def named() -> set[str]:
    return set(re.findall(r"`(test_\w+)`", (ROOT / "docs/reliability.md").read_text(encoding="utf-8")))


def written() -> Iterator[tuple[str, str]]:
    """Every test and what is written at its head, or at that of its module."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        module = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield node.name, ast.get_docstring(node) or ast.get_docstring(module) or ""


def test_every_promise_names_a_test_that_exists() -> None:
    assert len(named()) > 100
    assert named() - {name for name, _ in written()} == set()


def test_every_test_behind_a_promise_says_how_it_was_seen_failing() -> None:
    """A test that nobody saw failing may be one that cannot."""
    silent = {name for name, said in written() if not re.search(r"Seen failing|Seen to fail", said)}
    assert named() & silent == set()
