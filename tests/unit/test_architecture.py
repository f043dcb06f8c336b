"""The house rules that a machine can keep: who may import what, and where an exchange may be named."""

import ast
import functools
import re
from pathlib import Path

import pytest

from ticker.exchanges import EXCHANGES

PACKAGE = Path(__file__).parents[2] / "ticker"
PURE = (
    *(
        "model",
        "money",
        "names",
        "errors",
        "guard",
        "sample",
        "history",
        "link",
        "quotes",
        "judge",
        "premium",
        "market",
    ),
    *("rows", "listing", "report", "told"),
    *("exchanges/*", "sidebar/*"),
    *(f"collect/{name}" for name in ("backoff", "standing", "succession")),
    *(
        f"serve/{name}"
        for name in ("wire", "message", "frames", "handshake", "query", "head", "address", "states", "status")
    ),
)
OUTSIDE = {"asyncio", "redis", "aiohttp", "websockets", "os", "time", "random", "socket"}
NAMES_ALLOWED = {"exchanges", "sim", "settings.py"}


def pure_modules() -> list[Path]:
    return sorted(path for pattern in PURE for path in PACKAGE.glob(f"{pattern}.py"))


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", pure_modules(), ids=lambda path: path.stem)
def test_pure_modules_touch_neither_the_world_nor_a_clock(path: Path) -> None:
    assert imported(path) & OUTSIDE == set()


def test_only_the_store_and_the_private_server_know_redis() -> None:
    knows = {path.parent.name for path in PACKAGE.rglob("*.py") if "redis" in imported(path)}
    assert knows == {"store"}


def test_an_exchange_is_named_only_in_its_module_the_registry_the_simulators_and_the_default_boards() -> None:
    names = re.compile(r"\b(" + "|".join(EXCHANGES) + r")\b")
    guilty = [
        f"{path.relative_to(PACKAGE)}: {text[:60]!r}"
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in NAMES_ALLOWED
        for text in strings(path)
        if names.search(text)
    ]
    assert guilty == []


def strings(path: Path) -> list[str]:
    """Every string in a module that is not a docstring."""
    prose = {id(n.value) for n in nodes(path) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)}
    return [
        node.value
        for node in nodes(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
    ]


@pytest.mark.parametrize("name", sorted(EXCHANGES))
def test_an_exchange_is_reached_over_tls_unless_the_settings_say_otherwise(name: str) -> None:
    """Seen failing with an address of `ws://`, and with a candle address of `http://`."""
    assert (EXCHANGES[name].ws_url[:6], EXCHANGES[name].rest_url[:8]) == ("wss://", "https://")
    plain = [text for text in strings(PACKAGE / "exchanges" / f"{name}.py") if re.search(r"\b(ws|http)://", text)]
    assert plain == []


@pytest.mark.parametrize(("folder", "most"), [("exchanges", 100), ("sim", 40)])
@pytest.mark.parametrize("name", sorted(EXCHANGES))
def test_an_exchange_is_at_most_100_lines_and_its_simulator_40(name: str, folder: str, most: int) -> None:
    assert len((PACKAGE / folder / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= most
