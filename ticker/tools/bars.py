"""I/O: bars on a terminal's stderr for what takes long; nothing elsewhere."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from ticker.collect.backfill import Progress as Report


@contextlib.contextmanager
def backfill() -> Iterator[Report]:
    """One for the history of each exchange."""
    if not sys.stderr.isatty():
        yield lambda _exchange, _filled, _total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("minutes of history"))
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def report(exchange: str, filled: int, total: int) -> None:
            if exchange not in bars:
                bars[exchange] = progress.add_task(exchange)
            progress.update(bars[exchange], completed=filled, total=total, visible=filled < total)

        yield report


@contextlib.contextmanager
def reading(path: Path, *, shown: bool = True) -> Iterator[BinaryIO]:
    """A file opened, and one for how far it has been read."""
    if not (shown and sys.stderr.isatty()):
        with path.open("rb") as file:
            yield file
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=Console(stderr=True), transient=True) as progress,
        progress.open(path, "rb", description=path.name) as file,
    ):
        yield file
