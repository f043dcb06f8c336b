"""I/O: the configuration as one typed table: `ticker.toml`, then the environment, then checked.

Unknown names are an error that names the nearest known one, so that a typing error never passes silently.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta, Struct, field

from ticker.errors import UsageError
from ticker.exchanges import EXCHANGES, Exchange
from ticker.model import LANGUAGES, SYMBOL, Board
from ticker.names import name
from ticker.store import connection
from ticker.tables import check_names, convert, nearest, overlay, read

PREFIX: Final = "TICKER_"
Port = Annotated[int, Meta(ge=0, le=65535)]
Positive = Annotated[float, Meta(gt=0)]
Natural = Annotated[int, Meta(ge=0)]
Listed = Annotated[str, Meta(pattern=r"\A[^\s;,]+\Z")]
"""One place in a header's list: it cannot end the header, nor add to the policy."""
Origin = Annotated[str, Meta(pattern=r"\A(\*|null|[A-Za-z][A-Za-z0-9+.-]*://[^/\s*;,]+/?)\Z")]
"""As browsers say it: a host alone would match none."""


class Server(Struct, frozen=True, forbid_unknown_fields=True):
    """The public port."""

    host: str = "127.0.0.1"
    port: Port = 8080
    public_url: Annotated[str, Meta(pattern=r"^(https?://[^/\s]+(/\S*)?)?$")] = ""
    flush_ms: Natural = 200
    stale_after_s: Positive = 15.0
    slow_after_s: Positive = 10.0
    drain_s: Annotated[float, Meta(ge=0)] = 20.0
    allowed_origins: list[Origin] = field(default_factory=lambda: ["*"])
    frame_ancestors: list[Listed] = field(default_factory=lambda: ["*"])
    trusted_proxies: list[str] = field(default_factory=list)
    max_clients: Annotated[int, Meta(ge=1)] = 15000
    max_per_ip: Natural = 0
    handshakes_per_s: Annotated[int, Meta(ge=1)] = 2000


class Admin(Struct, frozen=True, forbid_unknown_fields=True):
    """The operator's port."""

    host: str = "127.0.0.1"
    port: Port = 9100


class Redis(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the prices are kept; without a URL a private server is started in `data_dir`."""

    url: Annotated[str, Meta(pattern=r"^((rediss?|unix|redis\+sentinel)://.*)?$")] = ""
    data_dir: str = "./ticker-data"


class Network(Struct, frozen=True, forbid_unknown_fields=True):
    """How the exchanges are reached."""

    proxy: str | None = None


class ExchangeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What may be changed about one exchange."""

    enabled: bool = True
    ws_url: Annotated[str, Meta(pattern=r"^wss?://")] | None = None
    rest_url: Annotated[str, Meta(pattern=r"^https?://")] | None = None


class BoardSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One board as written in the file."""

    quote: Annotated[str, Meta(pattern=r"^[A-Z0-9]{1,12}$")]
    symbols: Annotated[list[str], Meta(min_length=1, max_length=1000)]
    sources: Annotated[list[str], Meta(min_length=1)]
    title: dict[str, str] = field(default_factory=dict)
    names: dict[str, str | dict[str, str]] = field(default_factory=dict)
    percent_digits: Annotated[int, Meta(ge=0, le=2)] | Literal["trim"] = 2
    timezone: str | None = None
    footnote: str | dict[str, str] | None = None
    disclaimer: str | dict[str, str] | None = None
    premium: list[str] = field(default_factory=list)


class Log(Struct, frozen=True, forbid_unknown_fields=True):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "text", "json"] = "auto"


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    server: Server = field(default_factory=Server)
    admin: Admin = field(default_factory=Admin)
    redis: Redis = field(default_factory=Redis)
    network: Network = field(default_factory=Network)
    exchanges: dict[str, ExchangeSettings] = field(default_factory=dict)
    boards: dict[str, BoardSettings] = field(default_factory=dict)
    log: Log = field(default_factory=Log)


COINS: Final = [
    *("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "TRX", "LINK", "XLM", "BCH"),
    *("SUI", "HBAR", "AVAX", "SHIB", "DOT", "UNI", "NEAR", "APT", "ETC", "ATOM"),
]
BUILT_IN: Final = {
    "krw": BoardSettings("KRW", COINS, ["upbit", "bithumb", "coinone", "korbit", "gopax"]),
    "usd": BoardSettings("USD", COINS, ["coinbase", "kraken", "bitstamp", "gemini"]),
    "usdt": BoardSettings("USDT", COINS, ["binance", "okx", "bybit", "kucoin", "gate", "bitget"]),
}
"""The boards that need no more than their name; `krw` alone is shown where none is named."""
BOARD_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
TITLES: Final = {"ko": "실시간 암호화폐 시세", "en": "Live crypto prices"}


def load(path: str | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings from the file (argument, `TICKER_CONFIG`, or `ticker.toml` when it exists) and the environment."""
    chosen = path or environment.get(f"{PREFIX}CONFIG")
    table = read(Path(chosen)) if chosen else read(Path("ticker.toml")) if Path("ticker.toml").exists() else {}
    overlay(table, environment, PREFIX)
    check_names(table, Settings)
    for name_ in table.get("exchanges", {}):
        if name_ not in EXCHANGES:
            raise UsageError(f"unknown exchange exchanges.{name_}{nearest(name_, EXCHANGES)}")
    _complete(table.get("boards", {}))
    for section, kind in (("exchanges", ExchangeSettings), ("boards", BoardSettings)):
        for entry, values in table.get(section, {}).items():
            convert(values, kind, f"{section}.{entry}.")
    settings: Settings = convert(table, Settings, "")
    _check_networks(settings.server.trusted_proxies)
    connection.check(settings.redis.url)
    boards(settings)
    proxy = settings.network.proxy
    if proxy is None:
        proxy = environment.get("HTTPS_PROXY") or environment.get("https_proxy") or ""
    return msgspec.structs.replace(settings, network=Network(_proxy(proxy)))


def _proxy(address: str) -> str | None:
    """A proxy's address, which curl and its like take without a scheme; None for an empty one."""
    scheme, _, rest = address.rpartition("://")
    if scheme not in {"", "http", "https"} or any(letter.isspace() for letter in rest):
        raise UsageError(f"network.proxy (HTTPS_PROXY): {scheme}:// is no proxy; it is http://host:port")
    return f"{scheme or 'http'}://{rest}" if rest else None


def _complete(tables: dict[str, Any]) -> None:
    """A built-in board is what the configuration does not say otherwise; another currency makes it another board."""
    for name_, board in tables.items():
        known = BUILT_IN.get(name_)
        if known and isinstance(board, dict) and board.get("quote", known.quote) == known.quote:
            tables[name_] = {"quote": known.quote, "symbols": known.symbols, "sources": known.sources} | board


def _check_networks(networks: list[str]) -> None:
    for network in networks:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise UsageError(
                f"server.trusted_proxies: {network!r} is not an address or a network such as 10.0.0.0/8"
            ) from None


def boards(settings: Settings) -> dict[str, Board]:
    """The boards, complete with titles and names, in the configured order; `krw` when none is configured."""
    return {name_: _board(name_, board) for name_, board in (settings.boards or {"krw": BUILT_IN["krw"]}).items()}


def exchanges_of(settings: Settings, shown: Mapping[str, Board]) -> dict[str, Exchange]:
    """The exchanges that boards show or measure premiums against and nobody disabled, at the configured addresses."""
    wanted = {source for board in shown.values() for source in (*board.sources, *board.premium)}
    own = {name: settings.exchanges.get(name, ExchangeSettings()) for name in EXCHANGES if name in wanted}
    return {
        name: msgspec.structs.replace(
            EXCHANGES[name],
            ws_url=said.ws_url or EXCHANGES[name].ws_url,
            rest_url=said.rest_url or EXCHANGES[name].rest_url,
        )
        for name, said in own.items()
        if said.enabled
    }


def require_two_ports(settings: Settings) -> None:
    """UsageError where the public port and the operator's are one and the same."""
    server, admin = settings.server, settings.admin
    shared = server.host == admin.host or {server.host, admin.host} & {"0.0.0.0", "::", ""}  # noqa: S104 - compared
    if admin.port and admin.port == server.port and shared:
        raise UsageError(f"admin.port is {admin.port}, which is server.port too; give each its own")


def sourceless(shown: Mapping[str, Board], used: Mapping[str, Exchange]) -> dict[str, str]:
    """Boards all of whose sources are disabled, each in a sentence."""
    return {
        name: f"board {name} has no source: all of {', '.join(board.sources)} are disabled"
        for name, board in shown.items()
        if not any(source in used for source in board.sources)
    }


def _board(board_name: str, board: BoardSettings) -> Board:
    where = f"boards.{board_name}"
    if not BOARD_NAME.fullmatch(board_name):
        raise UsageError(f"{where}: a board's name is 1 to 32 of a-z 0-9 _ -")
    for symbol in board.symbols:
        if not SYMBOL.fullmatch(symbol):
            raise UsageError(
                f"{where}.symbols: {symbol!r} is not a symbol (1 to 12 of A-Z and 0-9){nearest(symbol, COINS)}"
            )
    if len(set(board.symbols)) < len(board.symbols):
        twice = next(s for s in board.symbols if board.symbols.count(s) > 1)
        raise UsageError(f"{where}.symbols: {twice} stands there twice; remove one")
    for key, source in [("sources", s) for s in board.sources] + [("premium", s) for s in board.premium]:
        if source not in EXCHANGES:
            raise UsageError(f"{where}.{key}: there is no exchange {source!r}{nearest(source, EXCHANGES)}")
    named = {symbol.upper(): text for symbol, text in board.names.items()}  # a variable's name is read in lower case
    for symbol in named.keys() - set(board.symbols):
        raise UsageError(f"{where}.names: {symbol} is not among the board's symbols{nearest(symbol, board.symbols)}")
    zone = board.timezone or ("Asia/Seoul" if board.quote == "KRW" else "UTC")
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise UsageError(f"{where}.timezone: there is no time zone {zone!r}; one looks like Asia/Seoul") from None
    return Board(
        name=board_name,
        quote=board.quote,
        symbols=tuple(board.symbols),
        sources=tuple(board.sources),
        title=TITLES | _by_language(f"{where}.title", board.title),
        names={
            symbol: name(symbol) | _by_language(f"{where}.names.{symbol}", named.get(symbol, {}))
            for symbol in board.symbols
        },
        percent_digits=board.percent_digits,
        timezone=zone,
        footnote=_by_language(f"{where}.footnote", board.footnote) or None,
        disclaimer=_by_language(f"{where}.disclaimer", board.disclaimer) or None,
        premium=tuple(board.premium),
    )


def _by_language(where: str, text: str | dict[str, str] | None) -> dict[str, str]:
    if text is None:
        return {}
    if isinstance(text, str):
        return dict.fromkeys(LANGUAGES, text)
    for language in text:
        if language not in LANGUAGES:
            raise UsageError(f"{where}: there is no language {language!r}; known are ko, en")
    return dict(text)
