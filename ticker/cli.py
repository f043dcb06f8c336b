"""I/O: the commands."""

import os
import sys
from pathlib import Path
from typing import Final

import click
import msgspec
import orjson

from ticker import __version__, money, program
from ticker.errors import StartError, UsageError
from ticker.exchanges import EXCHANGES
from ticker.model import Tick
from ticker.settings import PREFIX, Settings, boards, exchanges_of, require_two_ports, sourceless
from ticker.start import again, config_option, settings_of, stay
from ticker.tables import idle
from ticker.tools import playback
from ticker.tools.commands import COMMANDS

EXIT_USAGE: Final = 2
HIGHEST_PORT: Final = 65535


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ticker")
@click.option("--config", metavar="FILE", help="The configuration; else TICKER_CONFIG, else ticker.toml here.")
@click.pass_context
def cli(context: click.Context, config: str | None) -> None:
    """Real-time crypto prices for news pages.

    Try `ticker demo` first: it needs no network. Then open http://127.0.0.1:8080/embed/article
    """
    context.obj = config


@cli.command(epilog="Example: TICKER_SERVER__PORT=80 ticker run")
@config_option
@click.pass_context
def run(context: click.Context, config: str | None) -> None:
    """Collectors and server in one process, live exchanges."""
    stay(program.run(_open_settings(context, config), again(context, config)))


@cli.command(epilog="Example: ticker demo --frozen")
@config_option
@click.option("--frozen", is_flag=True, help="Keep the article's 23 rows still.")
@click.option(
    "--drill", "drilled", is_flag=True, help="Add the board `drill`, which goes through all that a client must bear."
)
@click.pass_context
def demo(context: click.Context, config: str | None, frozen: bool, drilled: bool) -> None:
    """Collectors and server over simulated exchanges on loopback; needs no network.

    Boards `article` and `krw`, then those of the configuration.
    """
    stay(program.demo(_open_settings(context, config), frozen=frozen, drilled=drilled))


@cli.command(epilog="Example: TICKER_REDIS__URL=redis://10.0.0.5 ticker collect")
@config_option
@click.pass_context
def collect(context: click.Context, config: str | None) -> None:
    """Only the collectors; needs redis.url."""
    stay(program.collect(settings_of(context, config), again(context, config)))


@cli.command(epilog="Example: TICKER_REDIS__URL=redis://10.0.0.5 ticker serve --workers 2")
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that share the public port; limits are per process. The admin port of worker I is admin.port + I.",
)
@click.option("--worker", type=click.IntRange(min=0), hidden=True, help="This is worker number I of several.")
@config_option
@click.pass_context
def serve(context: click.Context, workers: int, worker: int | None, config: str | None) -> None:
    """Only server nodes; needs redis.url."""
    settings = _open_settings(context, config, "" if worker is None else str(worker))
    read = again(context, config)
    if worker is not None:
        stay(program.serve(_with_own_port(settings, worker), read, worker=True))
    elif workers == 1:
        stay(program.serve(settings, read))
    else:
        _with_own_port(settings, workers - 1)
        config = config or context.find_root().obj
        command = [sys.executable, "-m", "ticker", "serve", *(("--config", config) if config else ()), "--worker"]
        context.exit(
            stay(program.serve_together(settings, read, [[*command, str(number)] for number in range(workers)]))
        )


def _open_settings(context: click.Context, config: str | None, worker: str = "") -> Settings:
    """The settings of a command that opens both ports."""
    settings = settings_of(context, config, worker)
    require_two_ports(settings)
    return settings


def _with_own_port(settings: Settings, worker: int) -> Settings:
    """The settings of one worker of several: an admin port of its own."""
    port = settings.admin.port + worker
    ours = range(settings.admin.port, port + 1)
    if not settings.server.port or not settings.admin.port or port > HIGHEST_PORT or settings.server.port in ours:
        raise UsageError(
            f"--workers needs a server.port, and another admin.port for each from {settings.admin.port} on"
        )
    return msgspec.structs.replace(settings, admin=msgspec.structs.replace(settings.admin, port=port))


@cli.command(epilog="Example: ticker --config ticker.toml check")
@config_option
@click.pass_context
def check(context: click.Context, config: str | None) -> None:
    """Validate the configuration without touching the network."""
    settings = _open_settings(context, config)
    shown = boards(settings)
    for sentence in sourceless(shown, exchanges_of(settings, shown)).values():
        click.echo(f"{sentence}: its rows stay as they are")
    for variable in idle(os.environ, PREFIX):
        click.echo(f"{variable} sets nothing: it is {PREFIX}SECTION__KEY, with two underscores between them")
    click.echo(f"configuration is fine: boards {', '.join(shown)}")


@cli.command(epilog="Example: ticker replay frames.jsonl --exchange NAME --json")
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
    if missing := next((file for file in files if not file.exists()), None):
        raise UsageError(f"{missing}: No such file or directory")
    if not as_json:
        stay(program.replay(settings_of(context, config), files, exchange, speed))
        return
    for _, line, events in playback.read_files(files, exchange, bar=not sys.stdout.isatty()):
        for tick in events or ():
            if isinstance(tick, Tick):
                price = {"quote": tick.quote, "price": money.plain(tick.price), "ts": tick.ts}
                told = {"exchange": line.exchange, "symbol": tick.symbol} | price
                sys.stdout.buffer.write(orjson.dumps(told) + b"\n")


@cli.command(epilog="Example: ticker record frames.jsonl")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@config_option
@click.pass_context
def record(context: click.Context, file: Path, config: str | None) -> None:
    """Raw frames of the configured boards, appended to a file until Ctrl-C."""
    stay(program.record(settings_of(context, config), file))


for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """The entry point: one line on stderr and the exit code that says whose fault it was."""
    try:
        code = cli(prog_name="ticker", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = EXIT_USAGE
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "ticker"
        told = error.format_message().removesuffix(".")
        code = _complain(f"{told}{' See' if told.endswith(('?', ')')) else '; see'} `{where} --help`", EXIT_USAGE)
    except UsageError as error:
        code = _complain(str(error), EXIT_USAGE)
    except StartError as error:
        code = _complain(str(error), 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read us has read enough
        code = 1
    except (KeyboardInterrupt, click.Abort):
        code = 130
    sys.exit(code)


def _complain(sentence: str, code: int) -> int:
    click.echo(f"ticker: {sentence}", err=True)
    return code
