"""I/O: the commands for operators and editors: `board`, `watch`, `verify`, `doctor`."""

import contextlib
import getpass
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

import click
from rich.console import Console

from ticker import clock
from ticker.errors import StartError, UsageError
from ticker.logs import printable
from ticker.model import LANGUAGES, Board
from ticker.serve.address import local_url
from ticker.settings import Settings, exchanges_of
from ticker.start import config_option, settings_of, start
from ticker.store import FAILURES, Editor, Reader
from ticker.store.editor import Command
from ticker.tools import doctor, holds, place, verify, watch
from ticker.tools.place import Place

LONGEST_NOTICE: Final = 200
Find: TypeAlias = Callable[[], tuple[Place, Board]]
"""Looks for the board of a command when it is carried out, not when its help is read."""


@click.group(epilog="Example: ticker board krw hide XRP")
@click.argument("name", metavar="NAME")
@config_option
@click.pass_context
def board(context: click.Context, name: str, config: str | None) -> None:
    """An editor's controls of board NAME, in force at once on every server and open page, kept over restarts."""

    def find() -> tuple[Place, Board]:
        where = place.needed(settings_of(context, config))
        return where, where.board(name)

    context.obj = find


@board.command(epilog="Example: ticker board krw hide XRP")
@click.argument("symbol")
@click.pass_obj
def hide(find: Find, symbol: str) -> None:
    """Take SYMBOL off the board."""
    where, shown = find()
    symbol = where.symbol(shown, symbol)
    start(_write(where, shown, "hide", symbol, f"{symbol} is hidden"))


@board.command(epilog="Example: ticker board krw show XRP")
@click.argument("symbol")
@click.pass_obj
def show(find: Find, symbol: str) -> None:
    """Put a hidden SYMBOL back in its place."""
    where, shown = find()
    symbol = where.symbol(shown, symbol)
    start(_write(where, shown, "show", symbol, f"{symbol} is shown"))


@board.command(epilog="Example: ticker board krw notice '빗썸 서버 점검 중'")
@click.argument("text")
@click.pass_obj
def notice(find: Find, text: str) -> None:
    """Pin TEXT above the prices; an empty one ('') takes it away."""
    text = text.strip()
    if len(text) > LONGEST_NOTICE or not text.isprintable():
        raise UsageError(f"a notice is one line of at most {LONGEST_NOTICE} characters")
    start(_write(*find(), "notice", text, f"the notice says {text!r}" if text else "the notice is gone"))


@board.command(epilog="Example: ticker board krw freeze")
@click.pass_obj
def freeze(find: Find) -> None:
    """Keep every price as it is now."""
    start(_write(*find(), "freeze", "", "prices are frozen"))


@board.command(epilog="Example: ticker board krw resume")
@click.pass_obj
def resume(find: Find) -> None:
    """Let the prices of a frozen board move again."""
    start(_write(*find(), "resume", "", "prices move"))


@board.command(epilog="Example: ticker board krw accept BTC")
@click.argument("symbol")
@click.pass_obj
def accept(find: Find, symbol: str) -> None:
    """Believe the held price of SYMBOL."""
    where, shown = find()
    start(_accept(where, shown, where.symbol(shown, symbol)))


@board.command(epilog="Example: ticker board krw edits")
@click.pass_obj
def edits(find: Find) -> None:
    """Who decided what about this board, newest first."""
    start(_edits(*find()))


async def _edits(where: Place, shown: Board) -> None:
    with _asking("redis cannot be read"):
        async with Editor(where.url) as editor:
            found = await editor.edits(shown.name)
    for edit in found:
        at = verify.moment(edit.ts, ZoneInfo(shown.timezone))
        click.echo(printable(f"{at}  {edit.command} {edit.value}".rstrip() + f" (by {edit.who})"))
    if not found:
        click.echo(f"board {shown.name}: nobody has decided anything")


async def _accept(where: Place, shown: Board, symbol: str) -> None:
    """Believe it, and wait for the collector to say what became of it: it may have come back meanwhile."""
    with _asking():
        async with Reader(where.url) as reader:
            waiting = await holds.waiting(reader, shown, symbol)
            if not waiting:
                raise StartError(f"board {shown.name}: no price of {symbol} is held")
            who = await _edit(where, shown, "accept", f"{symbol}/{shown.quote}")
            decided = await holds.decided(reader, waiting)
    if decided is None:
        raise StartError(f"board {shown.name}: {symbol} is still held: no collector answered; see `ticker doctor`")
    said = ", ".join(printable(f"{hold.outcome}: {hold.price} of {hold.source}") for hold in decided) or "gone"
    click.echo(f"board {shown.name}: the held price of {symbol} is {said} (by {who})")


async def _write(where: Place, shown: Board, command: Command, value: str, done: str) -> None:
    """Write a decision down with who took it, then say so."""
    with _asking():
        who = await _edit(where, shown, command, value)
    click.echo(f"board {shown.name}: {done} (by {who})")


async def _edit(where: Place, shown: Board, command: Command, value: str) -> str:
    """Write a decision down; who took it."""
    who = f"{_user()}@{socket.gethostname()}"
    async with Editor(where.url) as editor:
        await editor.edit(shown.name, command, value, who, clock.now().wall)
    return who


@contextlib.contextmanager
def _asking(failed: str = "redis did not take it") -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise place.refused(failed, error) from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


@click.command(name="watch", epilog="Example: ticker watch http://127.0.0.1:8080 --board krw --once")
@click.argument("url", required=False)
@click.option("--board", "name", metavar="NAME", help="Which board; by default the server's first one.")
@click.option(
    "--lang", type=click.Choice(LANGUAGES), default=LANGUAGES[0], show_default=True, help="Names and colours."
)
@click.option("--once", is_flag=True, help="Print the board as it is now and end; so it is where no terminal is.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print every row, and each again when it changes, as a JSON line."
)
@config_option
@click.pass_context
def watch_(
    context: click.Context, url: str | None, name: str | None, lang: str, once: bool, as_json: bool, config: str | None
) -> None:
    """A board live in the terminal; URL is a server's address, http where it names no other scheme.

    By default it is the configured server.
    """
    server = settings_of(context, config).server
    where = url or local_url(server.host, server.port)
    where = where if "://" in where else f"http://{where}"
    with contextlib.suppress(KeyboardInterrupt):
        if once or not (as_json or sys.stdout.isatty()):
            start(watch.once(where, name, lang, as_json=as_json))
        elif as_json:
            start(watch.lines(where, name, lang))
        else:
            logging.getLogger("ticker").setLevel(logging.CRITICAL)  # the table itself says what happens
            start(watch.live(where, name, lang))


@click.command(name="verify", epilog="Example: ticker verify BTC --board krw")
@click.argument("symbol")
@click.option("--board", "name", metavar="NAME", help="Which board; by default the first one that shows SYMBOL.")
@config_option
@click.pass_context
def verify_(context: click.Context, symbol: str, name: str | None, config: str | None) -> None:
    """How the shown percent of SYMBOL came about; exit code 1 when it is not the recomputed one."""
    settings = settings_of(context, config)
    where = place.needed(settings)
    shown = where.showing(symbol) if name is None else where.board(name)
    start(_verify(settings, where, shown, where.symbol(shown, symbol)))


async def _verify(settings: Settings, where: Place, shown: Board, symbol: str) -> None:
    known = exchanges_of(settings, where.boards)
    try:
        account = await verify.verify(where.url, shown, symbol, known, settings.network.proxy)
    except FAILURES as error:
        raise place.refused("redis cannot be read", error) from None
    for line in account.lines:
        click.echo(line)
    if not account.agrees:
        raise StartError(f"{symbol} on board {shown.name}: the shown percent is not the recomputed one")


@click.command(name="doctor", epilog="Example: ticker doctor --hosts")
@click.option("--hosts", is_flag=True, help="List `name host:port` of every exchange, for the firewall, and end.")
@config_option
@click.pass_context
def doctor_(context: click.Context, hosts: bool, config: str | None) -> None:
    """Check everything, from Redis to each exchange, and say what to do; exit code 1 when something is wrong."""
    settings = settings_of(context, config)
    if hosts:
        click.echo("\n".join(doctor.hosts(settings)))
        return
    logging.getLogger("ticker").setLevel(logging.CRITICAL)  # the report itself says what happens
    start(_examine(settings))


async def _examine(settings: Settings) -> None:
    with Console(stderr=True).status("looking at everything, exchanges take up to half a minute"):
        findings = await doctor.examine(settings)
    failures = doctor.show(findings, Console())
    if failures:
        raise StartError(f"{failures} of {len(findings)} checks failed")


COMMANDS: Final[tuple[click.Command, ...]] = (board, watch_, verify_, doctor_)
