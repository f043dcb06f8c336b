"""Docs that cannot lie: every setting is listed, and every listed setting exists."""

import re
from pathlib import Path

import msgspec
import pytest

from bench.sizing import table
from tests.reference import PAGE
from tests.reference import page as reference
from ticker.cli import cli
from ticker.exchanges import EXCHANGES
from ticker.settings import Admin, BoardSettings, ExchangeSettings, Log, Network, Redis, Server, load

ROOT = Path(__file__).parents[2]
SECTIONS: dict[str, type[msgspec.Struct]] = {
    "server": Server,
    "admin": Admin,
    "redis": Redis,
    "network": Network,
    "exchanges.NAME": ExchangeSettings,
    "boards.NAME": BoardSettings,
    "log": Log,
}


def test_every_setting_is_documented_and_nothing_else() -> None:
    known = {f"{name}.{f.name}" for name, kind in SECTIONS.items() for f in msgspec.structs.fields(kind)}
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-zA-Z_.]+)` \|", page, re.MULTILINE)) == known


def test_the_example_configuration_loads(tmp_path: Path) -> None:
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    example = tmp_path / "ticker.toml"
    example.write_text(page.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    assert load(str(example), {}).server.public_url == "https://ticker.example.com"


def test_every_dependency_has_its_reason() -> None:
    declared = re.findall(
        r'^    "([a-z-]+)>=[^"]*",$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE
    )
    reasons = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    runtime = declared[: declared.index("websockets") + 1]
    assert [name for name in runtime if f"| {name}" not in reasons] == []


@pytest.mark.parametrize("page", ["exchanges.md", "data-rights.md"])
def test_every_exchange_is_written_about(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert [name for name, exchange in EXCHANGES.items() if exchange.title["en"].split()[0] not in text] == []


def test_the_limits_are_the_registrys() -> None:
    page = (ROOT / "docs/exchanges.md").read_text(encoding="utf-8")
    for one in EXCHANGES.values():
        age = f"{one.max_age_s / 3600:g} h" if one.max_age_s else "–"
        history = f"{one.candles.per_s:g}" if one.candles else "–"
        times = f"{one.keepalive.every_s:g} s | {one.silence_s:g} s | {age}"
        row = f"| {one.title['en']} | {one.most_markets:,} | {one.connects_per_s:g} | {times} | {history} |"
        assert row in page


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    named = {name for page in pages for name in re.findall(r"`make ([a-z-]+)`", page.read_text(encoding="utf-8"))}
    assert named - targets == set()


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run `make reference`"


def test_the_readme_names_every_command_and_no_other() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Commands")[2].partition("\n## ")[0]
    assert set(re.findall(r"`ticker ([a-z]+)", table)) == set(cli.commands)


PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md"))


def test_every_page_is_in_the_navigation_of_the_site_or_in_the_list_of_decisions() -> None:
    known = (ROOT / "mkdocs.yml").read_text(encoding="utf-8") + (PAGES[0].parent / "decisions/index.md").read_text(
        "utf-8"
    )
    assert [page.name for page in PAGES if page.name not in known] == []


@pytest.mark.parametrize("page", [*PAGES, *ROOT.glob("*.md")], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_there(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)", text)
    assert [link for link in links if "://" not in link and not (page.parent / link).is_file()] == []


def test_the_table_of_sizes_is_computed_from_what_was_measured() -> None:
    assert table() in (ROOT / "docs/sizing.md").read_text(encoding="utf-8"), "run `python -m bench.sizing`"
