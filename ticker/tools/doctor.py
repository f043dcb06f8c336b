"""I/O: `ticker doctor`: looks at everything this configuration needs, and says what to do about what is wrong."""

import asyncio
import errno
import os
import socket
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ticker import clock
from ticker.errors import StartError, UsageError, visible
from ticker.exchanges import EXCHANGES, Exchange
from ticker.logs import printable
from ticker.model import Board
from ticker.reach import host_of
from ticker.report import Report
from ticker.serve import descriptors
from ticker.serve.address import local_url
from ticker.settings import Server, Settings, boards, exchanges_of, sourceless
from ticker.store import FAILURES, Inspector, embedded, why
from ticker.tools import place
from ticker.tools.place import Place
from ticker.tools.probe import Finding, clocks, probe

SILENT_MS: Final = 5_000
"""A collector speaks every second."""
NEARLY_FULL: Final = 0.8
TIMEOUT: Final = aiohttp.ClientTimeout(total=2)
MARKS: Final = {"ok": ("ok", "green"), "note": ("note", "yellow"), "fail": ("FAIL", "bold red")}


async def examine(settings: Settings) -> list[Finding]:
    """Everything that what runs here needs, or would need."""
    where = place.find(settings)
    shown = where.boards if where else boards(settings)
    used = exchanges_of(settings, shown)
    found = [*configuration(shown, used), *await store(settings, where)]
    if where and where.instead:
        text = f"not asked, nor is this machine's clock held against theirs: `ticker {where.instead}` needs none"
        found.append(Finding("note", "exchanges", text, "ask again where `ticker run` or `ticker collect` is to run"))
    else:
        found += await venues(shown, used, settings.network.proxy)
    server, admin = settings.server, settings.admin
    found.append(await port("public port", server.host, server.port, "server.port", "/v1/boards", b'"boards"'))
    found.append(await port("admin port", admin.host, admin.port, "admin.port", "/metrics", b"ticker_"))
    return [*found, open_files(server), forwarded(server)]


async def venues(shown: Mapping[str, Board], used: Mapping[str, Exchange], proxy: str | None) -> list[Finding]:
    """The exchanges, side by side, and what their prices tell of this machine's clock."""
    probed = await asyncio.gather(*(probe(exchange, shown, proxy) for exchange in used.values()))
    offsets = {name: offset for name, (_, offset) in zip(used, probed, strict=True) if offset is not None}
    return [*(finding for findings, _ in probed for finding in findings), clocks(offsets)]


def show(findings: Iterable[Finding], console: Console) -> int:
    """Print what was found; how many failures there were."""
    table, failures = Table(box=None, show_header=False, pad_edge=False), 0
    for finding in findings:
        mark, style = MARKS[finding.level]
        text = Text(finding.text)
        if finding.remedy:
            text.append(f"\n→ {finding.remedy}", style="cyan" if finding.level == "fail" else "dim")
        table.add_row(Text(mark, style=style), Text(finding.what), text)
        failures += finding.level == "fail"
    console.print(table)
    return failures


def hosts(settings: Settings) -> list[str]:
    """`name host:port boards` of every venue, for whoever opens the firewall; the used ones first."""
    shown = boards(settings)
    used = exchanges_of(settings, shown)
    lines = []
    for exchange in [*used.values(), *(other for name, other in EXCHANGES.items() if name not in used)]:
        users = ",".join(name for name, board in shown.items() if exchange.name in board.sources + board.premium)
        addresses = dict.fromkeys((host_of(exchange.ws_url), host_of(exchange.rest_url)))
        users = users if exchange.name in used else "not used"
        lines += [f"{exchange.name:<10} {address:<36} {users}" for address in addresses]
    return lines


def configuration(shown: Mapping[str, Board], used: Mapping[str, Exchange]) -> list[Finding]:
    """The boards, and whether each has a source left."""
    said = ", ".join(f"{name} ({len(board.symbols)} symbols in {board.quote})" for name, board in shown.items())
    found = [Finding("ok", "configuration", f"boards {said}; exchanges {', '.join(used) or 'none'}")]
    for name, text in sourceless(shown, used).items():
        found.append(Finding("fail", "configuration", text, f"enable one, or add others to boards.{name}.sources"))
    return found


# -- Redis ----------------------------------------------------------------------------------------------------------


async def store(settings: Settings, where: Place | None) -> list[Finding]:
    """Redis, and the collector that writes there."""
    if where is None:
        return [await asyncio.to_thread(private, settings)]
    try:
        async with Inspector(where.url) as inspector:
            redis, report = await _said(inspector, where), await inspector.report()
            return [*redis, collector(await inspector.heartbeat()), *silent(report)]
    except (StartError, UsageError) as error:
        return [_ill(str(error))]
    except FAILURES as error:
        return [_ill(why(error))]


def _ill(said: str) -> Finding:
    """What keeps us out of Redis, and the remedy that comes with it."""
    text, _, remedy = said.partition("; ")
    return Finding("fail", "redis", visible(text), remedy or "look into its log")


async def _said(inspector: Inspector, where: Place) -> list[Finding]:
    try:
        return remarks(await inspector.info(), where)
    except FAILURES as error:
        text = f"answers at {where.what}, but does not tell about itself: {printable(why(error))}"
        return [Finding("note", "redis", text, "allow this user +info, or ask as another one")]


def private(settings: Settings) -> Finding:
    """Whether `ticker run` could start its own Redis here; one is started, far from the data."""
    folder = Path(settings.redis.data_dir).resolve()
    above = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(above, os.W_OK):
        return Finding("fail", "redis", f"{above} cannot be written", "set redis.data_dir to a folder of ours")
    try:
        with tempfile.TemporaryDirectory() as empty, embedded.server(Path(empty)) as url:
            version = asyncio.run(_version(url))
    except (StartError, OSError) as error:
        return Finding(
            "fail", "redis", f"no private server starts here: {error}", "install redis-server, or set redis.url"
        )
    return Finding("ok", "redis", f"none runs now; `ticker run` can start its own ({version}) in {folder}")


async def _version(url: str) -> str:
    async with Inspector(url) as inspector:
        return _name(await inspector.info())


def _name(info: Mapping[str, Any]) -> str:
    """`Valkey 9.1.2`, `Redis 7.0.15`."""
    return f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info.get('redis_version')}"


def remarks(info: Mapping[str, Any], where: Place) -> list[Finding]:
    """What its own settings mean for prices."""
    limit, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    found = [Finding("ok", "redis", f"{_name(info)} answers at {where.what}, {used / 1e6:.1f} MB used")]
    if info.get("role") != "master":
        text = "this is a replica, which takes no prices"
        found.append(Finding("fail", "redis", text, "set redis.url to the primary, or to redis+sentinel://"))
    if limit and info.get("maxmemory_policy") != "noeviction":
        text = f"maxmemory-policy is {info.get('maxmemory_policy')}: it may throw prices and history away"
        found.append(Finding("fail", "redis", text, "set maxmemory-policy noeviction"))
    if limit and used > limit * NEARLY_FULL:
        text = f"{used / 1e6:.0f} of {limit / 1e6:.0f} MB (maxmemory) are used; a full Redis takes no prices"
        found.append(Finding("fail", "redis", text, "raise maxmemory"))
    if not int(info.get("aof_enabled", 0)):
        text = "appendonly is off: a restart of Redis loses the history, which is then fetched from the exchanges again"
        found.append(Finding("note", "redis", text, "set appendonly yes"))
    return found


def collector(heartbeat: int | None) -> Finding:
    """Whether somebody writes prices."""
    remedy = "start `ticker collect` (or `ticker run`), and look into its log"
    if heartbeat is None:
        return Finding("note", "collector", "none has ever written to this Redis", remedy)
    age = clock.now().wall - heartbeat
    if age > SILENT_MS:
        return Finding("fail", "collector", f"its last sign of life is {age / 1000:.0f} s old", remedy)
    return Finding("ok", "collector", f"spoke {max(0, age)} ms ago")


def silent(report: Report) -> list[Finding]:
    """The markets that the collector has subscribed and hears nothing of."""
    found = {name: source.silent_markets for name, source in report.sources.items() if source.silent_markets}
    remedy = "the exchange refused them (its log says so) or nobody trades them: another source shows them, or none"
    return [
        Finding("note", "collector", f"nothing comes of {', '.join(markets)} from {name}, though it delivers", remedy)
        for name, markets in found.items()
    ]


# -- our own ports ----------------------------------------------------------------------------------------------------


async def port(what: str, host: str, number: int, setting: str, path: str, expected: bytes) -> Finding:
    """Whether a port is free, or ours already."""
    where = f"{host}:{number}"
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, number), family=family):
            return Finding("ok", what, f"{where} is free")
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            remedy = f"choose another address: {setting}"
            if error.errno == errno.EACCES:
                remedy = f"take a port from 1024 on ({setting}), or allow low ones: CAP_NET_BIND_SERVICE"
            return Finding("fail", what, f"{where} cannot be opened: {os.strerror(error.errno or 0)}", remedy)
    if await _answers(local_url(host, number) + path, expected):
        return Finding("ok", what, f"{where} is ours: a ticker answers there")
    remedy = f"stop what listens there (`ss -ltnp 'sport = :{number}'`), or set {setting}"
    return Finding("fail", what, f"something else listens on {where}", remedy)


async def _answers(url: str, expected: bytes) -> bool:
    """Whether an answer holds what only ours does."""
    try:
        async with aiohttp.ClientSession(timeout=TIMEOUT, trust_env=False) as session, session.get(url) as answer:
            return expected in await answer.read()
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


def open_files(server: Server) -> Finding:
    """Each reader is an open file; a server takes as many as the hard limit lets it."""
    limit = descriptors.limit(raised=True)
    warning = descriptors.too_few(server, limit)
    if warning is None:
        return Finding("ok", "open files", f"{limit} are enough for {server.max_clients} readers a process")
    return Finding("note", "open files", *warning)


def forwarded(server: Server) -> Finding:
    """Behind a proxy every reader has the proxy's address unless it is trusted to name theirs."""
    if server.trusted_proxies:
        return Finding("ok", "proxies", f"X-Forwarded-For is believed from {', '.join(server.trusted_proxies)}")
    if server.public_url or server.max_per_ip:
        why = "max_per_ip then counts all readers as one" if server.max_per_ip else "readers are not told apart"
        text = f"none is trusted: X-Forwarded-For of a proxy in front is ignored, and {why}"
        return Finding("note", "proxies", text, "set server.trusted_proxies to the proxy's address or network")
    return Finding("ok", "proxies", "none is trusted: right where readers connect directly; else set trusted_proxies")
