"""The Redis users that SECURITY.md prescribes: each can do its work, and nothing else."""

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import pytest
from click.testing import CliRunner
from redis.exceptions import NoPermissionError, ResponseError

from tests.redis_server import RedisServer
from ticker.cli import cli
from ticker.exchanges import EXCHANGES
from ticker.history import History
from ticker.model import DAY, MINUTE, Row
from ticker.report import Report
from ticker.settings import load
from ticker.store import Editor, Emptied, Reader, Update, Writer, why
from ticker.store.connection import client
from ticker.store.editor import Command
from ticker.store.writer import Batch
from ticker.tools import doctor, place

T = 1_790_000_040_000
MARKET = "upbit:BTC/KRW"
PAGE = Path(__file__).parents[2] / "SECURITY.md"
USERS = re.findall(r"^user .*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
APART = {"hello", "auth", "config|resetstat"}
"""Redis lets everybody greet; its owner has it forget what was done before."""


NOWHERE = {f"TICKER_EXCHANGES__{name.upper()}__ENABLED": "false" for name in EXCHANGES}
"""No exchange is asked for anything."""


class House(NamedTuple):
    """A Redis with these users, and its owner's connection."""

    admin: Any
    port: int

    def url(self, user: str) -> str:
        return f"redis://{user}:secret@127.0.0.1:{self.port}"

    def used(self) -> set[str]:
        """The commands that Redis has carried out since it was last told to forget them."""
        told = self.admin.info("commandstats").items()
        return {name.removeprefix("cmdstat_") for name, count in told if count["calls"]} - APART


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    (tmp_path / "users.acl").write_text("\n".join([*USERS, "user owner on >secret ~* &* +@all", ""]), encoding="utf-8")
    server = RedisServer(tmp_path, "--aclfile", str(tmp_path / "users.acl"), owner="owner:secret@")
    try:
        yield House(server.admin, server.port)
    finally:
        server.end()


async def collect(house: House) -> None:
    """A collector's life, with a key of another kind that it writes over."""
    async with Writer(house.url("collector")) as writer:
        assert await writer.claim(T) == "empty"
        history = History()
        history.open(MARKET)
        history.put(MARKET, T - DAY - MINUTE, Decimal(1))
        row = Row(symbol="BTC", price="1", source="upbit", ts=T, received_ts=T)
        rows = {name: [row] for name in ("krw", "article")}
        batch = Batch(T, rows, history.take(), history.slots, Report(), ())
        house.admin.set("ticker:v1:board:krw", "a string")
        with pytest.raises(Emptied):
            await writer.commit(batch)
        await writer.commit(batch)
        await writer.load(history, T)
        assert (await writer.board("krw")).rows["BTC"].price == "1"
        assert (await writer.report(), await writer.holds()) == (Report(), [])
        await writer.release()


async def serve(house: House) -> None:
    async with Reader(house.url("server")) as reader:
        async with contextlib.aclosing(cast("AsyncGenerator[Update | None]", reader.updates())) as updates:
            assert await anext(updates) is None
        assert (await reader.board("krw")).rows["BTC"].price == "1"
        assert len(await reader.samples(MARKET, T)) == 1441
        assert (await reader.report(), await reader.holds()) == (Report(), [])


async def edit(house: House) -> None:
    """Every command of an editor, and what is read for them: as `ticker board` does it."""
    async with Reader(house.url("editor")) as reader, Editor(house.url("editor")) as editor:
        assert await reader.kept(["article"]) == ["article"]
        assert await reader.holds() == []
        for command in get_args(Command):
            await editor.edit("krw", command, "BTC", "me", T)
        assert len(await editor.edits("krw")) == len(get_args(Command))


async def operate(house: House) -> None:
    environment = {"TICKER_REDIS__URL": house.url("operator")}
    settings = load(None, environment)
    found = await doctor.store(settings, place.find(settings))
    assert "+info" not in str(found)
    assert {(one.what, one.level) for one in found} >= {("redis", "ok"), ("collector", "fail")}  # it was long ago
    done = await asyncio.to_thread(CliRunner(env=environment).invoke, cli, ["verify", "BTC", "--board", "article"])
    assert "price   1" in done.output


WORK: dict[str, Callable[[House], Awaitable[None]]] = {
    "collector": collect,
    "server": serve,
    "editor": edit,
    "operator": operate,
}


async def test_every_role_can_do_its_work_and_may_do_nothing_more(house: House) -> None:
    """Seen failing with a command too few and with one too many, for each user."""
    for user, work in WORK.items():
        house.admin.script_flush()
        house.admin.config_resetstat()
        await work(house)
        allowed = set(re.findall(r" \+(\S+)", next(line for line in USERS if line.startswith(f"user {user} "))))
        assert allowed == house.used()


async def test_what_the_collector_tells_reaches_the_server(house: House) -> None:
    """Seen failing with another channel for the server's user."""
    async with Writer(house.url("collector")) as writer, Reader(house.url("server")) as reader:
        await writer.claim(T)
        async with contextlib.aclosing(cast("AsyncGenerator[Update | None]", reader.updates())) as updates:
            assert await anext(updates) is None
            await writer.commit(Batch(T, {"krw": [Row(symbol="BTC", price="1")]}))
            assert (update := await anext(updates)) is not None
            assert update.boards["krw"].rows[0].price == "1"


@pytest.mark.parametrize(
    ("command", "rights"),
    [
        *itertools.product(
            ("board krw hide BTC", "board krw edits", "verify BTC --board krw"), ("+ping", "+ping +exists")
        ),
        *(("doctor", "-ping"), ("doctor", "+ping")),
    ],
)
def test_a_user_without_the_right_is_sent_to_where_rights_are(house: House, command: str, rights: str) -> None:
    """Seen failing with the words of Redis and nothing to do about it."""
    house.admin.execute_command("ACL", "SETUSER", "nobody", "on", ">secret", "~*", "&*", *rights.split())
    environment = {"TICKER_REDIS__URL": house.url("nobody"), "COLUMNS": "200"} | NOWHERE
    done = CliRunner(env=environment).invoke(cli, command.split())
    assert done.exit_code == 1
    said = " ".join(f"{done.exception} {done.output}".split())
    assert "its user may not do this" in said
    assert "take the one that SECURITY.md has for it: collector for `ticker collect`, server for" in said
    assert "; see `ticker doctor`" not in said


FLUSH, SET = "redis.call('flushall')", "redis.call('set', KEYS[1], 'x')"
FORBIDDEN: dict[str, list[tuple[object, ...]]] = {
    "collector": [("FLUSHDB",), ("SCRIPT", "FLUSH"), ("FUNCTION", "FLUSH"), ("RENAME", "ticker:v1:a", "ticker:v1:b")],
    "server": [("SET", "ticker:v1:fence", 1), ("PUBLISH", "ticker:v1:updates", "x"), ("EVAL", SET, 1, "ticker:v1:a")],
    "editor": [("DEL", "ticker:v1:lease"), ("HSET", "ticker:v1:slots", "a", 1), ("SET", "ticker:v1:fence", 1)],
    "operator": [("SET", "ticker:v1:fence", 1), ("PUBLISH", "ticker:v1:updates", "x"), ("CONFIG", "GET", "*")],
}
NOBODY: list[tuple[object, ...]] = [("FLUSHALL",), ("SWAPDB", 0, 1), ("KEYS", "*"), ("EVAL", FLUSH, 0)]
FORBIDDEN_SCRIPTS = {"server": ["redis.call('set', 'ticker:v1:fence', 1)"]}


@pytest.mark.parametrize("user", WORK)
async def test_no_role_may_do_what_is_not_its_work(house: House, user: str) -> None:
    """Seen failing with `+@read +@write +@scripting` for the collector and `+@write` for the others."""
    async with client(house.url(user)) as redis:
        for command in FORBIDDEN[user] + NOBODY:
            with pytest.raises(NoPermissionError):
                await redis.execute_command(*command)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("user", WORK)
async def test_a_script_may_do_no_more_than_its_user(house: House, user: str) -> None:
    """Seen failing with `+flushall`, with `~*` for the collector and with `+set` for the server."""
    async with client(house.url(user)) as redis:
        for body in (FLUSH, "redis.call('set', 'elsewhere', 1)", *FORBIDDEN_SCRIPTS.get(user, ())):
            with pytest.raises(ResponseError) as refused:
                await redis.register_script(body)()
            assert why(refused.value) == why(NoPermissionError())
