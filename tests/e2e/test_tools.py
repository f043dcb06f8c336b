"""The tools of operators, editors and developers, as they are typed."""

import asyncio
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from websockets.sync.client import ClientConnection, connect

from tests.exchanges import Exchanges
from tests.program import Program, until
from ticker import clock
from ticker.cli import cli
from ticker.model import Row
from ticker.store import Writer
from ticker.store.writer import Batch


def ticker(program: Program, *args: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A command beside a running program, with its settings."""
    env = {**program.environment, "COLUMNS": "120", **environment}
    return subprocess.run(
        [sys.executable, "-m", "ticker", *args], env=env, capture_output=True, text=True, timeout=30, check=False
    )


def done(program: Program, *args: str) -> str:
    answer = ticker(program, *args)
    assert (answer.returncode, answer.stderr) == (0, ""), answer.stderr
    assert len(answer.stdout.splitlines()) == 1
    return answer.stdout


def priced(program: Program, board: str) -> bool:
    return all(row["change_pct"] is not None for row in program.rows(board).values())


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with Program(tmp_path_factory.mktemp("demo"), "demo") as program:
        program.ready()
        until(lambda: priced(program, "article"), program)
        yield program


@contextmanager
def stream(program: Program, board: str) -> Iterator[ClientConnection]:
    with connect(f"ws://127.0.0.1:{program.port}/v1/stream/{board}") as socket:
        assert orjson.loads(socket.recv(timeout=5))["type"] == "snapshot"
        yield socket


def next_snapshot(socket: ClientConnection) -> dict[str, Any]:
    """The next message that is a whole board; updates may come before it."""
    for _ in range(100):
        message: dict[str, Any] = orjson.loads(socket.recv(timeout=5))
        if message["type"] == "snapshot":
            return message
    raise AssertionError("no snapshot among 100 messages")


def test_a_hidden_coin_is_gone_at_once_from_the_snapshot_and_from_open_pages(demo: Program) -> None:
    with stream(demo, "article") as socket:
        assert done(demo, "board", "article", "hide", "xrp").startswith("board article: XRP is hidden (by ")
        assert "XRP" not in [row["symbol"] for row in next_snapshot(socket)["rows"]]
        until(lambda: "XRP" not in demo.rows("article"), demo, 1)
        assert "XRP" in demo.rows("krw")
        assert done(demo, "board", "article", "show", "XRP").startswith("board article: XRP is shown")
        assert [row["symbol"] for row in next_snapshot(socket)["rows"]][:3] == ["BTC", "ETH", "XRP"]


def test_who_decided_what_is_told_newest_first(demo: Program) -> None:
    done(demo, "board", "krw", "hide", "ETH")
    done(demo, "board", "article", "notice", "점검")
    done(demo, "board", "krw", "show", "ETH")
    lines = ticker(demo, "board", "krw", "edits").stdout.splitlines()
    assert [re.sub(r"^[\d-]+ [\d:]+ ", "", line).partition(" (by ")[0] for line in lines[:2]] == [
        "Asia/Seoul  show ETH",
        "Asia/Seoul  hide ETH",
    ]
    assert not any("점검" in line for line in lines)
    with stream(demo, "article") as socket:
        done(demo, "board", "article", "notice", "")
        while next_snapshot(socket)["notice"] is not None:
            pass  # that of before may still come


def test_a_notice_is_pinned_and_taken_away(demo: Program) -> None:
    with stream(demo, "article") as socket:
        assert "'서버 점검 {중}'" in done(demo, "board", "article", "notice", "서버 점검 {중}")
        assert next_snapshot(socket)["notice"] == "서버 점검 {중}"
        assert "gone" in done(demo, "board", "article", "notice", "")
        assert next_snapshot(socket)["notice"] is None


def test_a_frozen_board_stands_still_until_it_is_resumed(demo: Program) -> None:
    with stream(demo, "krw") as socket:
        done(demo, "board", "krw", "freeze")
        frozen = next_snapshot(socket)
        assert frozen["frozen"] is True
        before = demo.json("/v1/snapshot/article")["rows"]
        until(lambda: demo.json("/v1/snapshot/article")["rows"] != before, demo)
        assert demo.json("/v1/snapshot/krw")["rows"] == frozen["rows"]
        done(demo, "board", "krw", "resume")
        assert next_snapshot(socket)["frozen"] is False
        until(lambda: demo.json("/v1/snapshot/krw")["rows"] != frozen["rows"], demo)


def test_what_an_editor_decided_outlives_every_process(tmp_path: Path, redis_url: str) -> None:
    with Program(tmp_path, "demo", redis__url=redis_url) as program:
        program.ready()
        until(lambda: program.rows("krw")["BTC"]["price"] is not None, program)
        for decision in (("hide", "ETH"), ("notice", "점검"), ("freeze",)):
            done(program, "board", "krw", *decision)
        until(lambda: program.json("/v1/snapshot/krw")["frozen"], program)
        assert done(program, "board", "article", "hide", "EOS").startswith("board article: EOS is hidden")
        before = program.json("/v1/snapshot/krw")
    with Program(tmp_path, "demo", redis__url=redis_url) as program:
        program.ready()
        after = program.json("/v1/snapshot/krw")
        assert "ETH" not in {row["symbol"] for row in after["rows"]}
        assert {**after, "seq": 0, "ts": 0} == {**before, "seq": 0, "ts": 0}


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("board", "artikle", "freeze"), "there is no board 'artikle'; did you mean article?"),
        (("board", "article", "hid", "BTC"), "No such command 'hid'. Did you mean 'hide'? See `ticker board"),
        (("watch", "--once", "--board", "artikle"), "unknown_board"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(demo: Program, args: tuple[str, ...], sentence: str) -> None:
    answer = ticker(demo, *args)
    assert answer.returncode == 2
    assert sentence in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.parametrize("args", [("board", "krw", "freeze"), ("watch", "--once")])
def test_where_nothing_runs_is_one_line_and_exit_1(tmp_path: Path, args: tuple[str, ...]) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "redis.address").write_text("unix:///nowhere/redis.sock\n", encoding="utf-8")
    answer = ticker(Program(tmp_path), *args)
    assert answer.returncode == 1
    assert "`ticker run`" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


# -- watch ----------------------------------------------------------------------------------------------------------


def test_watch_prints_the_board_once(demo: Program) -> None:
    answer = ticker(demo, "watch", "--once")
    assert (answer.returncode, answer.stderr) == (0, "")
    rows = demo.rows("article")
    assert [line.split()[0] for line in answer.stdout.splitlines() if " live" in line] == list(rows)
    assert re.search(r"BTC +비트코인 +5\d,\d{3},000 +\+\d\.\d+% +\d+s +빗썸 +live", answer.stdout)
    assert "모의 시세" in answer.stdout


def test_watch_takes_an_address_without_a_scheme(demo: Program, tmp_path: Path) -> None:
    answer = ticker(Program(tmp_path), "watch", f"127.0.0.1:{demo.port}", "--once")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "비트코인" in answer.stdout


def test_doctor_asks_no_exchange_on_behalf_of_a_demo_and_says_so(demo: Program) -> None:
    """Fails when live exchanges, which no demo dials, are complained of."""
    answer = ticker(demo, "doctor")
    assert (answer.returncode, answer.stderr) == (0, ""), answer.stdout
    for sentence in (
        r"ok +configuration +boards article \(23 symbols in KRW\), krw \(20 symbols in KRW\); exchanges upbit",
        r"note +exchanges +not asked, nor is this machine's clock held against theirs: `ticker demo` needs none",
    ):
        assert re.search(sentence, answer.stdout), sentence + "\n" + answer.stdout


def test_watch_prints_json_lines_once_and_live(demo: Program) -> None:
    once = ticker(demo, "watch", "--once", "--json", "--board", "article", "--lang", "en").stdout.splitlines()
    rows = [orjson.loads(line) for line in once]
    assert [row["symbol"] for row in rows] == list(demo.rows("article"))
    assert [*rows[0]] == [*demo.rows("article")["BTC"]]
    assert rows[0]["name"] == "Bitcoin"
    command = [sys.executable, "-m", "ticker", "watch", demo.url, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=demo.environment) as live:
        assert live.stdout is not None
        assert live.stderr is not None
        told = [orjson.loads(live.stdout.readline()) for _ in range(28)]
        live.stdout.close()  # as `head` does
        assert live.wait(10) == 1
        assert live.stderr.read() == b""
    assert [row["symbol"] for row in told[:23]] == list(demo.rows("article"))
    assert all(row["state"] == "live" and row["name"] and row["ref"] for row in told)


# -- verify ---------------------------------------------------------------------------------------------------------


def test_verify_spells_out_the_arithmetic_of_a_shown_percent(demo: Program) -> None:
    answer = ticker(demo, "verify", "btc")
    assert (answer.returncode, answer.stderr) == (0, ""), answer.stdout
    assert "BTC on board article: market bithumb:BTC/KRW, state live" in answer.stdout
    assert (
        len(re.findall(r"^  [> ] \d{4}-\d\d-\d\d \d\d:\d\d:00 Asia/Seoul  [\d,]+$", answer.stdout, re.MULTILINE)) == 7
    )
    assert re.search(r"\((\d+) - (\d+)\) / \2 \* 100 = -?\d+\.\d{8}, half away from zero ", answer.stdout)
    assert "recomputed from the price of the sample" in answer.stdout
    assert "not asked: this one is simulated" in answer.stdout


def test_verify_exits_1_when_the_shown_percent_is_wrong(tmp_path: Path, redis_url: str) -> None:
    async def write() -> None:
        now = clock.now().wall
        row = Row(
            "BTC", "110", 0, "10.5", "100", now - now % 60_000 - 86_400_000, "exchange", "upbit", now, now, "live"
        )
        async with Writer(redis_url) as writer:
            await writer.claim(now)
            await writer.commit(Batch(now, {"krw": [row]}))

    asyncio.run(write())
    answer = ticker(Program(tmp_path, redis__url=redis_url), "verify", "BTC")
    assert answer.returncode == 1
    assert "shown   10.5 %: DISAGREES with 10 %, the recomputed one" in answer.stdout
    assert answer.stderr == "ticker: BTC on board krw: the shown percent is not the recomputed one\n"


# -- doctor, and verify beside live exchanges: the program runs over simulated ones that this process serves ----------


BOARDS = """
[boards.krw]
quote = "KRW"
symbols = ["BTC", "XRP", "ETH"]
sources = ["bithumb", "upbit"]
"""


def test_doctor_and_verify_over_exchanges_within_reach_and_out_of_it(tmp_path: Path) -> None:
    config = tmp_path / "ticker.toml"
    config.write_text(BOARDS, encoding="utf-8")
    with Exchanges() as exchanges, Program(tmp_path, "run", config=str(config), **exchanges.settings) as program:
        program.ready()
        until(lambda: program.rows("krw")["BTC"]["price"] is not None, program)
        well = ticker(program, "doctor")
        assert (well.returncode, well.stderr) == (0, ""), well.stdout
        for sentence in (
            r"ok +configuration +boards krw \(3 symbols in KRW\); exchanges upbit, bithumb",
            r"ok +redis +(Redis|Valkey) [\d.]+ answers at ",
            r"ok +collector +spoke \d+ ms ago",
            r"ok +bithumb REST +answers: \d+ markets, 3 of them wanted",
            r"ok +upbit websocket +brings prices, the youngest \d+ ms old",
            r"ok +clock +ages of the youngest prices: upbit \+\d+ ms, bithumb \+\d+ ms",
            rf"ok +public port +127.0.0.1:{program.port} is ours",
            r"ok +admin port +127.0.0.1:\d+ is ours",
        ):
            assert re.search(sentence, well.stdout), sentence + "\n" + well.stdout
        own = ticker(program, "verify", "XRP").stdout
        assert re.search(r"^Bithumb's own rolling figure: -?[\d.]+ % from [\d,.]+$", own, re.MULTILINE), own
        exchanges.venues["bithumb"].faults.reject = 451
        assert (
            "Bithumb's own rolling figure: not known: /public/ticker/ALL_KRW: HTTP 451"
            in ticker(program, "verify", "BTC").stdout
        )
        foreign = exchanges.settings["exchanges__bithumb__rest_url"].rpartition(":")[2]
        ill = ticker(program, "doctor", TICKER_SERVER__PORT=foreign, TICKER_EXCHANGES__UPBIT__ENABLED="false")
    assert ill.returncode == 1
    assert re.search(r"FAIL +bithumb REST .*HTTP 451", ill.stdout), ill.stdout
    assert re.search(r"FAIL +bithumb websocket .*HTTP 451", ill.stdout)
    assert "it refuses this machine's address or country: run elsewhere" in ill.stdout
    assert f"something else listens on 127.0.0.1:{foreign}" in ill.stdout
    assert ill.stderr == "ticker: 3 of 10 checks failed\n"


def test_an_accepted_price_is_shown_although_it_tripled(tmp_path: Path) -> None:
    """Seen failing with a collector that heeds no editor."""
    config = tmp_path / "ticker.toml"
    config.write_text(BOARDS.replace(', "upbit"', ""), encoding="utf-8")
    with Exchanges() as exchanges, Program(tmp_path, "run", config=str(config), **exchanges.settings) as program:
        program.ready()
        until(lambda: program.rows("krw")["BTC"]["state"] == "live", program)
        before = Decimal(program.rows("krw")["BTC"]["price"])
        exchanges.venues["bithumb"].world.coins["bithumb"]["BTC"].price *= 3
        until(lambda: program.rows("krw")["BTC"]["state"] == "held", program)
        nothing = ticker(program, "board", "krw", "accept", "ETH")
        assert (nothing.returncode, nothing.stderr) == (1, "ticker: board krw: no price of ETH is held\n")
        program.process.send_signal(signal.SIGSTOP)
        unheard = ticker(program, "board", "krw", "accept", "BTC")
        assert (unheard.returncode, unheard.stdout) == (1, "")
        assert unheard.stderr.startswith("ticker: board krw: BTC is still held: no collector answered")
        program.process.send_signal(signal.SIGCONT)
        until(lambda: program.rows("krw")["BTC"]["state"] == "held", program)
        said = done(program, "board", "krw", "accept", "BTC")
        assert re.search(r"board krw: the held price of BTC is accepted: \d+ of bithumb \(by .+@.+\)$", said)
        until(lambda: program.rows("krw")["BTC"]["state"] == "live", program)
        assert Decimal(program.rows("krw")["BTC"]["price"]) > 2 * before
        outcomes = [hold["outcome"] for hold in program.json("/v1/holds")["holds"]]
        assert outcomes.count("accepted") == 1


@pytest.mark.parametrize(
    "command",
    [
        *((), ("run",), ("demo",), ("collect",), ("serve",), ("check",), ("record",), ("replay",), ("watch",)),
        *(
            ("verify",),
            ("doctor",),
            ("board",),
            *(("board", "x", what) for what in ("hide", "show", "notice", "accept")),
        ),
        *(("board", "x", what) for what in ("freeze", "resume")),
    ],
)
def test_every_help_has_an_example(command: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(cli, [*command, "--help"])
    assert answer.exit_code == 0
    assert re.search("Example: .*ticker|Try `ticker demo`", answer.output)


# -- what other programs are told to do -------------------------------------------------------------------------------

EXAMPLES = Path(__file__).parents[2] / "examples"
LEAVES = """
import asyncio, sys
from ticker.client import rows
async def main():
    async for row in rows(sys.argv[1], "article", ["BTC"]):
        print(row.symbol)
        break
asyncio.run(main())
"""


def test_a_program_that_has_read_enough_ends_without_a_word(demo: Program) -> None:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", LEAVES, demo.url]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "BTC\n", "")


@pytest.mark.parametrize(
    ("tool", "command", "line"),
    [
        (sys.executable, ["python/prices.py", "URL"], r"비트코인 \d+ \(.+ %\) upbit"),
        ("node", ["--experimental-websocket", "javascript/prices.mjs", "URL"], r"비트코인 \d+ \(.+ %\)  이더리움 \d+"),
        ("jq", ["sh", "curl/prices.sh", "URL", "article"], r"BTC\t비트코인\t\d+\t.+ %\tlive"),
        ("java", ["java/Prices.java", "URL", "article"], r"BTC +\d+ +\S+ % live"),
        ("go", ["run", "go/prices.go", "URL", "article"], r"BTC +\d+ +\S+ % live"),
    ],
)
def test_the_examples_print_prices(demo: Program, tool: str, command: list[str], line: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"there is no {tool} here")
    words = [demo.url if word == "URL" else word for word in command]
    words = words if words[0] == "sh" else [tool, *words]
    with subprocess.Popen(words, cwd=EXAMPLES, stdout=subprocess.PIPE, text=True, process_group=0) as running:
        try:
            assert running.stdout is not None
            assert any(re.fullmatch(line + ".*", told.rstrip()) for told in itertools.islice(running.stdout, 40))
        finally:
            os.killpg(running.pid, signal.SIGTERM)
