"""Writes docs/commands.md from what the commands say of themselves: `make reference`."""

from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from ticker.cli import cli

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
HEAD = """# Commands

Written from `--help` by `make reference`. `python -m ticker` is the same program.

`ticker --config FILE …` works with every command; see [settings](settings.md). Exit codes: 0 fine, 1 failure, 2 wrong
usage or configuration, with one line on stderr that says what to do.
"""


def commands(group: click.Group, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every command by the words that call it, groups before what is in them."""
    for name, command in sorted(group.commands.items()):
        yield (*words, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name, "NAME"))


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for words in commands(cli, ()):
        said = CliRunner().invoke(cli, [*words, "--help"], prog_name="ticker", terminal_width=100).output.strip()
        parts.append(f"## ticker {' '.join(words)}\n\n```text\n{said}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
