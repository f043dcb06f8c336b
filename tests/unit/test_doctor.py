"""What `ticker doctor` concludes from what it finds."""

import ast
import asyncio
import io
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from tests.conftest import make_board, make_exchange
from ticker import clock
from ticker.errors import StartError, UsageError
from ticker.report import Report, SourceReport
from ticker.settings import Redis, Server, Settings, exchanges_of, load
from ticker.settings import boards as boards_of
from ticker.store.connection import Connection
from ticker.tools import place
from ticker.tools.doctor import collector, configuration, examine, forwarded, hosts, port, remarks, show, silent, store
from ticker.tools.place import Place
from ticker.tools.probe import Finding, clocks, probe, remedy

HEALTHY = {
    "redis_version": "7.2.4",
    "role": "master",
    "maxmemory": 0,
    "maxmemory_policy": "noeviction",
    "used_memory": 5_000_000,
    "aof_enabled": 1,
}
WHERE = Place("redis://h", {}, "redis.url")


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level for finding in findings]


@pytest.mark.parametrize(
    ("changes", "expected", "sentence"),
    [
        ({}, ["ok"], "Redis 7.2.4 answers at redis.url, 5.0 MB used"),
        ({"valkey_version": "8.1.0"}, ["ok"], "Valkey 8.1.0 answers"),
        ({"role": "slave"}, ["ok", "fail"], "this is a replica"),
        ({"maxmemory": 10**9}, ["ok"], "answers"),
        ({"maxmemory": 10**9, "maxmemory_policy": "allkeys-lru"}, ["ok", "fail"], "allkeys-lru: it may throw prices"),
        ({"maxmemory": 6_000_000}, ["ok", "fail"], "5 of 6 MB (maxmemory) are used"),
        ({"aof_enabled": 0}, ["ok", "note"], "appendonly is off"),
    ],
)
def test_what_redis_says_of_itself(changes: dict[str, Any], expected: list[str], sentence: str) -> None:
    found = remarks(HEALTHY | changes, WHERE)
    assert levels(found) == expected
    assert sentence in found[-1].text
    assert all(finding.remedy for finding in found if finding.level != "ok")


@pytest.mark.parametrize(("age", "level"), [(None, "note"), (40, "ok"), (4_000, "ok"), (6_000, "fail")])
def test_a_collector_speaks_every_second(age: int | None, level: str) -> None:
    found = collector(None if age is None else clock.now().wall - age)
    assert found.level == level
    assert level == "ok" or "ticker collect" in found.remedy


def test_a_market_that_the_collector_hears_nothing_of_is_named() -> None:
    (found,) = silent(Report({"alpha": SourceReport(silent_markets=["EOS/KRW", "XEM/KRW"]), "beta": SourceReport()}))
    assert (found.level, found.text) == ("note", "nothing comes of EOS/KRW, XEM/KRW from alpha, though it delivers")


@pytest.mark.parametrize(
    ("offsets", "level", "sentence"),
    [
        ({}, "note", "unknown"),
        ({"alpha": 40, "beta": -300}, "ok", "alpha +40 ms, beta -300 ms"),
        ({"alpha": -4_000, "beta": -3_500}, "fail", "clock is behind"),
        ({"alpha": -4_000, "beta": 10}, "note", "alpha sends times from the future"),
        ({"alpha": 9_000, "beta": 8_000}, "fail", "clock is ahead"),
        ({"alpha": 9_000}, "note", "or nobody trades"),
        ({"alpha": 9_000, "beta": 100}, "ok", "beta +100 ms"),
    ],
)
def test_the_clock_is_judged_by_the_youngest_prices(offsets: dict[str, int], level: str, sentence: str) -> None:
    found = clocks(offsets)
    assert found.level == level
    assert sentence in found.text
    assert level != "fail" or "timedatectl" in found.remedy


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("/markets: HTTP 451 b''", "refuses this machine's address or country"),
        ("HTTP 429 at the handshake", "wait some minutes"),
        ("certificate verify failed", "ca-certificates"),
        ("Name or service not known", "allow this machine to reach 127.0.0.1:1, set network.proxy"),
    ],
)
def test_every_failure_of_an_exchange_has_a_remedy(reason: str, sentence: str) -> None:
    exchange = make_exchange("alpha")
    assert sentence in remedy(exchange, exchange.rest_url, reason)


def test_an_exchange_out_of_reach_fails_by_both_ways_in() -> None:
    found, offset = asyncio.run(probe(make_exchange("alpha"), {"krw": make_board("BTC")}, None))
    assert [(one.level, one.what) for one in found] == [("fail", "alpha REST"), ("fail", "alpha websocket")]
    assert offset is None


@pytest.mark.parametrize(
    ("settings", "level", "sentence"),
    [
        (Server(), "ok", "right where readers connect directly"),
        (Server(trusted_proxies=["10.0.0.0/8"]), "ok", "believed from 10.0.0.0/8"),
        (Server(public_url="https://ticker.example.com"), "note", "readers are not told apart"),
        (Server(max_per_ip=5), "note", "max_per_ip then counts all readers as one"),
    ],
)
def test_forwarded_addresses_without_a_trusted_proxy(settings: Server, level: str, sentence: str) -> None:
    found = forwarded(settings)
    assert found.level == level
    assert sentence in found.text


async def answering(body: bytes, ask: Callable[[int], Any]) -> Finding:
    """What is found of a port where an HTTP server gives this answer."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        finding: Finding = await ask(server.sockets[0].getsockname()[1])
        return finding


async def test_a_port_is_free_or_ours_or_somebody_elses() -> None:
    def ask(number: int) -> Any:
        return port("public port", "127.0.0.1", number, "server.port", "/v1/boards", b'"boards"')

    with socket.create_server(("127.0.0.1", 0)) as probe_:
        number = probe_.getsockname()[1]
    assert (await ask(number)).level == "ok"
    assert (await answering(b'{"v":1,"boards":[]}', ask)).text.endswith("is ours: a ticker answers there")
    foreign = await answering(b"hello", ask)
    assert foreign.level == "fail"
    assert "set server.port" in foreign.remedy
    assert (await port("public port", "192.0.2.1", 80, "server.host", "/", b"")).level == "fail"


def test_a_board_without_a_source_is_a_failure() -> None:
    settings = load(None, {f"TICKER_EXCHANGES__{name.upper()}__ENABLED": "false" for name in ("upbit", "bithumb")})
    shown = {"krw": msgspec.structs.replace(boards_of(settings)["krw"], sources=("upbit", "bithumb"))}
    found = configuration(shown, exchanges_of(settings, shown))
    assert levels(found) == ["ok", "fail"]
    assert "board krw has no source" in found[1].text


def test_hosts_are_listed_for_the_firewall() -> None:
    lines = hosts(load(None, {"TICKER_EXCHANGES__UPBIT__WS_URL": "ws://127.0.0.1:9/x"}))
    assert [line.split() for line in lines][:2] == [
        ["upbit", "127.0.0.1:9", "krw"],
        ["upbit", "api.upbit.com:443", "krw"],
    ]


def test_without_any_redis_a_private_one_is_tried(tmp_path: Path) -> None:
    found = asyncio.run(store(Settings(redis=Redis(data_dir=str(tmp_path / "not" / "yet"))), None))
    assert levels(found) == ["ok"]
    assert "`ticker run` can start its own" in found[0].text
    assert list(tmp_path.iterdir()) == []


async def test_a_redis_user_without_info_is_a_note(redis_url: str) -> None:
    async with Connection(redis_url) as admin:
        acl: Any = admin._redis.acl_setuser
        await acl("reader", True, passwords=["+x"], keys=["ticker:v1:*"], categories=["+@read"], commands=["+ping"])
    found = await store(Settings(), Place(redis_url.replace("unix://", "unix://reader:x@"), {}, "redis.url"))
    assert levels(found) == ["note", "note"]
    assert "+info" in found[0].remedy


async def test_a_redis_address_that_cannot_be_is_a_failure() -> None:
    found = await store(Settings(), Place("nonsense://h", {}, "redis.url"))
    assert levels(found) == ["fail"]
    assert (found[0].text, found[0].remedy[:30]) == ("redis.url cannot be read", "one looks like redis://user:pa")


async def test_everything_is_looked_at(tmp_path: Path, redis_url: str) -> None:
    """All exchanges disabled: the rest of the report still comes."""
    off = {f"TICKER_EXCHANGES__{name.upper()}__ENABLED": "false" for name in boards_of(Settings())["krw"].sources}
    found = await examine(load(None, off | {"TICKER_REDIS__URL": redis_url, "TICKER_REDIS__DATA_DIR": str(tmp_path)}))
    assert {one.what for one in found} == {
        *("configuration", "redis", "collector", "clock", "public port", "admin port", "open files", "proxies")
    }


def test_failures_are_counted_and_strangers_words_are_not_markup() -> None:
    out = io.StringIO()
    findings = [Finding("ok", "a", "[red]fine"), Finding("fail", "b", "broken", "mend it")]
    assert show(findings, Console(file=out, width=80)) == 1
    assert [line.split() for line in out.getvalue().splitlines()] == [
        ["ok", "a", "[red]fine"],
        ["FAIL", "b", "broken"],
        ["→", "mend", "it"],
    ]


def test_unknown_boards_and_symbols_name_the_nearest() -> None:
    where = Place("", {"krw": make_board("BTC", "ETH"), "usd": make_board("SOL", name="usd")}, "")
    assert where.symbol(where.board("krw"), "btc") == "BTC"
    assert where.showing("sol").name == "usd"
    with pytest.raises(UsageError, match="no board 'kwr'; did you mean krw"):
        where.board("kwr")
    with pytest.raises(UsageError, match="board krw has no 'ZZZ'; known are BTC, ETH"):
        where.symbol(where.board("krw"), "ZZZ")
    with pytest.raises(UsageError, match="no board shows 'SOLL'; did you mean SOL"):
        where.showing("SOLL")


def test_where_nothing_runs_is_said(tmp_path: Path) -> None:
    (tmp_path / "redis.address").write_text("unix:///nowhere/redis.sock\n", encoding="utf-8")
    with pytest.raises(StartError, match="no ticker runs in"):
        place.needed(Settings(redis=Redis(data_dir=str(tmp_path))))


def test_every_failure_is_written_with_its_remedy() -> None:
    """Failures of a level that depends on something are covered by the tests above."""
    calls = [
        call
        for module in Path(place.__file__).parent.glob("*.py")
        for call in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Finding"
    ]
    failing = [c for c in calls if isinstance(c.args[0], ast.Constant) and c.args[0].value == "fail"]
    assert len(failing) > 10
    for call in failing:
        assert len(call.args) == 4, ast.unparse(call)
        assert not (isinstance(call.args[3], ast.Constant) and not call.args[3].value), ast.unparse(call)
