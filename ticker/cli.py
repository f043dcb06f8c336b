"""I/O: the commands."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Final

import click
import orjson

from ticker import __version__, logs, money, program, tape
from ticker.errors import BadFrame, StartError, TickerError, UsageError
from ticker.exchanges import EXCHANGES
from ticker.exchanges.exchange import Memory, read
from ticker.model import Tick
from ticker.settings import Settings, boards, load

EXIT_USAGE: Final = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ticker")
@click.option("--config", metavar="FILE", help="The configuration; else TICKER_CONFIG, else ticker.toml here.")
@click.pass_context
def cli(context: click.Context, config: str | None) -> None:
    """Real-time crypto prices for news pages.

    Try `ticker demo` first: it needs no network. Then open http://127.0.0.1:8080/embed/article
    """
    context.obj = config


config_option = click.option("--config", metavar="FILE", help="The configuration file.", default=None)


def settings_of(context: click.Context, config: str | None) -> Settings:
    """The settings for a command, with logging set up by them."""
    settings = load(config or context.obj)
    logs.setup(settings.log)
    return settings


def start(work: Coroutine[Any, Any, object]) -> None:
    """Run a process; a single expected failure speaks for the whole group of tasks."""
    try:
        with asyncio.Runner(loop_factory=event_loop()) as runner:
            runner.run(work)
    except BaseExceptionGroup as group:
        expected = group.subgroup(TickerError)
        if expected is None:
            raise
        raise _first(expected) from None


def event_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes the fastest event loop that is installed."""
    try:
        import uvloop  # noqa: PLC0415 - optional where it does not install
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@cli.command()
@config_option
@click.pass_context
def run(context: click.Context, config: str | None) -> None:
    """Collectors and server in one process, live exchanges."""
    start(program.run(settings_of(context, config)))


@cli.command()
@config_option
@click.option("--frozen", is_flag=True, help="Keep the article's 23 rows still.")
@click.pass_context
def demo(context: click.Context, config: str | None, frozen: bool) -> None:
    """The same over simulated exchanges on loopback; needs no network."""
    settings = settings_of(context, config)
    click.echo(
        f"Simulated prices: http://{settings.server.host}:{settings.server.port}/embed/article  (Ctrl-C ends)", err=True
    )
    start(program.demo(settings, frozen=frozen))


@cli.command()
@config_option
@click.pass_context
def collect(context: click.Context, config: str | None) -> None:
    """Only the collectors; needs redis.url."""
    start(program.collect(settings_of(context, config)))


@cli.command()
@config_option
@click.pass_context
def serve(context: click.Context, config: str | None) -> None:
    """Only a server node; needs redis.url."""
    start(program.serve(settings_of(context, config)))


@cli.command()
@config_option
@click.pass_context
def check(context: click.Context, config: str | None) -> None:
    """Validate the configuration without touching the network."""
    settings = settings_of(context, config)
    shown = boards(settings)
    click.echo(f"configuration is fine: boards {', '.join(shown)}")


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option("--exchange", help="Whose frames these are, where the lines do not say it.")
@click.option("--json", "as_json", is_flag=True, help="Print each accepted tick as a JSON line and end.")
@click.option("--speed", type=click.FloatRange(min=0.01), default=1.0, show_default=True, help="Times real time.")
@config_option
@click.pass_context
def replay(
    context: click.Context,
    files: tuple[Path, ...],
    exchange: str | None,
    as_json: bool,
    speed: float,
    config: str | None,
) -> None:
    """Recorded frames through the real parser, and through the whole pipeline to the page."""
    if exchange is not None and exchange not in EXCHANGES:
        raise UsageError(f"there is no exchange {exchange!r}; known are {', '.join(EXCHANGES)}")
    if not as_json:
        start(program.replay(settings_of(context, config), files, exchange, speed))
        return
    for name, tick in accepted(files, exchange):
        line = {
            "exchange": name,
            "symbol": tick.symbol,
            "quote": tick.quote,
            "price": money.plain(tick.price),
            "ts": tick.ts,
        }
        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")


@cli.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@config_option
@click.pass_context
def record(context: click.Context, file: Path, config: str | None) -> None:
    """Raw frames of the configured boards, appended to a file until Ctrl-C."""
    start(program.record(settings_of(context, config), file))


def accepted(files: tuple[Path, ...], exchange: str | None) -> Iterator[tuple[str, Tick]]:
    """Every tick the parsers find in recorded files, with its exchange."""
    for file in files:
        memories: dict[tuple[str, str], Memory] = {}
        for line in tape.decode(file, exchange):
            try:
                events = read(EXCHANGES[line.exchange], line.frame, memories.setdefault((line.exchange, line.conn), {}))
            except BadFrame:
                continue
            for event in events:
                if isinstance(event, Tick):
                    yield line.exchange, event


def main() -> None:
    """The entry point: one line on stderr and the exit code that says whose fault it was."""
    try:
        cli()
    except UsageError as error:
        click.echo(f"ticker: {error}", err=True)
        sys.exit(EXIT_USAGE)
    except StartError as error:
        click.echo(f"ticker: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
