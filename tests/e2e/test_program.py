"""The real program from the outside."""

import asyncio
import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import zlib
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from websockets.sync.client import connect

from tests.program import Program, free_port, until
from tests.server import UPGRADE
from ticker.collect.backfill import PAUSE_S
from ticker.sim.world import ARTICLE

CAPTURES = Path(__file__).parents[2].parent / "shared" / "captures"


def ticker(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("TICKER_")} | environment
    return subprocess.run(
        [sys.executable, "-m", "ticker", *args], env=env, capture_output=True, text=True, timeout=20, check=False
    )


def priced(program: Program, board: str) -> bool:
    return all(row["change_pct"] is not None for row in program.rows(board).values())


def test_the_frozen_demo_shows_exactly_the_articles_rows(tmp_path: Path) -> None:
    started = time.monotonic()
    with Program(tmp_path, "demo", "--frozen") as program:
        program.ready()
        assert time.monotonic() - started < 10
        until(lambda: priced(program, "article"), program)
        rows = program.rows("article")
        assert [(s, r["price"], r["change_pct"]) for s, r in rows.items()] == [(s, *v) for s, v in ARTICLE.items()]
        page = program.get("/embed/article").decode()
        for text in (
            "57,895,000",
            "+3.79%",
            "+5.8%",
            "839.5",
            "-6.9%",
            "비트코인 캐시",
            "* 24시간 변동률 기준",
            "모의 시세",
        ):
            assert text in page, text
        fragment = program.get("/fragment/krw")
        assert fragment.isascii()
        assert fragment.startswith(b"<aside data-nosnippet>")


def test_the_drill_is_told_step_by_step_beside_the_boards_of_the_demo(tmp_path: Path) -> None:
    """Seen failing with the drill's own address and board named nowhere."""
    with Program(tmp_path, "demo", "--frozen", "--drill") as program:
        program.ready()
        assert [board["board"] for board in program.json("/v1/boards")["boards"]] == ["article", "krw", "drill"]
        until(lambda: program.rows("drill")["XRP"]["change_pct"] is not None, program)
        said = program.log.read_text(encoding="utf-8")
        stream = f"ws://127.0.0.1:{program.port}/v1/stream/drill"
        assert f"The drill for clients: {stream} · {program.url}/v1/events/drill\n" in said
        assert "(boards article, krw, drill)" in said
        assert re.search(r"^drill 1/\d\d: live: .*\n(?:.*\n)*drill 2/\d\d: ", said, re.MULTILINE), said


def test_a_socket_brings_a_snapshot_then_updates_without_a_gap(tmp_path: Path) -> None:
    with Program(tmp_path, "demo") as program:
        program.ready()
        until(lambda: priced(program, "krw"), program)
        with connect(f"ws://127.0.0.1:{program.port}/v1/stream/krw?lang=en") as socket:
            snapshot = orjson.loads(socket.recv(timeout=5))
            assert (snapshot["type"], snapshot["board"], len(snapshot["rows"])) == ("snapshot", "krw", 20)
            assert [row["name"] for row in snapshot["rows"][:2]] == ["Bitcoin", "Ethereum"]
            seq, moved = snapshot["seq"], set[str]()
            while len(moved) < 5:
                update = orjson.loads(socket.recv(timeout=5))
                assert update["seq"] == seq + 1
                seq = update["seq"]
                moved |= {row["symbol"] for row in update["rows"]}
                assert all({"symbol", "price", "change_pct", "ts"} <= row.keys() for row in update["rows"])
        with connect(f"ws://127.0.0.1:{program.port}/v1/stream/krw?symbols=BTC") as socket:
            assert [row["symbol"] for row in orjson.loads(socket.recv(timeout=5))["rows"]] == ["BTC"]


async def first_frame(program: Program, extensions: str = "") -> bytes:
    """What is in the first frame of a stream of the article's board, which has to come within a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
    writer.write(f"GET /v1/stream/article HTTP/1.1\r\nHost: x\r\n{UPGRADE}{extensions}\r\n".encode())
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    async with asyncio.timeout(1):
        head = await reader.readexactly(4)
        data = await reader.readexactly(int.from_bytes(head[2:]))
    writer.close()
    assert head[1] == 126  # its length is in the two bytes that follow
    return data


async def test_a_stream_begins_with_everything_within_a_second_of_its_handshake(tmp_path: Path) -> None:
    """Seen failing with a snapshot that waited 1.5 s, and with one that no reader had compressed."""
    with Program(tmp_path, "demo", "--frozen") as program:
        program.ready()
        await asyncio.to_thread(until, lambda: priced(program, "article"), program)
        browsers = (first_frame(program, "Sec-WebSocket-Extensions: permessage-deflate\r\n") for _ in range(200))
        packed = await asyncio.gather(*browsers)
        plain = await first_frame(program)
    texts = [zlib.decompress(frame + b"\0\0\xff\xff\3\0", -15) for frame in packed]
    for told in map(orjson.loads, {*texts, plain}):
        assert (told["type"], len(told["rows"])) == ("snapshot", 23)
    assert max(map(len, packed)) <= 4096
    assert len(plain) <= 6_500


def test_every_route_answers(tmp_path: Path) -> None:
    with Program(tmp_path, "demo", "--frozen") as program:
        program.ready()
        until(lambda: priced(program, "article"), program)
        boards = program.json("/v1/boards")
        assert [board["board"] for board in boards["boards"]] == ["article", "krw"]
        until(lambda: program.json("/v1/boards")["boards"][0]["sources"][0]["state"] == "live", program)
        until(lambda: len(program.json("/v1/history/article/BTC")["points"]) > 600, program)
        history = program.json("/v1/history/article/BTC?points=24")
        assert (history["source"], len(history["points"])) == ("bithumb", 24)
        assert history["points"][-1][0] % 60_000 == 0
        assert program.json("/v1/holds") == {"v": 1, "holds": []}
        for path in ("/", "/widget.js", "/widget.css", "/healthz", "/readyz"):
            assert program.status(path) == 200, path
        assert program.status("/v1/snapshot/nope") == 404
        assert program.status("/v1/snapshot?symbols=NOPE") == 400


def test_server_and_collector_are_separate_and_two_nodes_show_the_same(tmp_path: Path, redis_url: str) -> None:
    """Live collectors cannot reach an exchange here; the nodes still agree on the pending rows, with names."""
    redis = {
        "redis__url": redis_url,
        "exchanges__upbit__ws_url": "ws://127.0.0.1:1",
        "exchanges__bithumb__enabled": "false",
    }
    redis["exchanges__upbit__rest_url"] = "http://127.0.0.1:1"
    with Program(tmp_path, "serve", **redis) as one, Program(tmp_path, "serve", **redis) as two:
        one.ready()
        two.ready()
        with Program(tmp_path, "collect", **redis) as collector:
            lost = "upbit: market list: 127.0.0.1:1 cannot be reached (connection refused)"
            until(lambda: lost in collector.log.read_text(encoding="utf-8"), collector)
            until(lambda: "ticker demo" in collector.log.read_text(encoding="utf-8"), collector)
            assert one.json("/v1/snapshot") == two.json("/v1/snapshot")
            row = one.rows("krw")["XRP"]
            assert (row["name"], row["state"], row["price"]) == ("리플", "pending", None)


def test_a_restart_keeps_the_prices_and_their_history(tmp_path: Path) -> None:
    """`run` over simulated exchanges would need their addresses; the private server's files are what is tested here."""
    with Program(tmp_path, "run", exchanges__upbit__enabled="false", exchanges__bithumb__enabled="false") as program:
        program.ready()
        again = ticker("run", TICKER_REDIS__DATA_DIR=str(tmp_path / "data"), TICKER_SERVER__PORT=str(free_port()))
        assert again.returncode == 1
        assert "is in use by another ticker" in again.stderr
        assert (tmp_path / "data" / "redis.address").read_text(encoding="utf-8").startswith("unix://")
    assert not (tmp_path / "data" / "redis.address").exists()
    assert any((tmp_path / "data" / "appendonlydir").iterdir())


def test_a_stop_that_reaches_the_private_redis_as_well_is_no_second_one(tmp_path: Path) -> None:
    """systemd and the like signal every process; fails (code 143, no farewell) when Redis' end counts as a signal."""
    with Program(tmp_path, "demo", "--frozen", server__drain_s="3") as program:
        program.ready()
        children = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children").read_text(encoding="utf-8")
        with connect(f"ws://127.0.0.1:{program.port}/v1/stream") as reader:
            for process in (program.process.pid, *map(int, children.split())):
                os.kill(process, signal.SIGTERM)
            assert any('"bye"' in str(message) for message in reader)
        assert program.process.wait(10) == 0


def test_at_a_terminal_nobody_waits_for_readers_to_be_elsewhere(tmp_path: Path) -> None:
    """Fails when Ctrl-C serves them on as SIGTERM does: for most of a minute here."""
    with Program(tmp_path, "demo", "--frozen", server__drain_s="60") as program:
        program.ready()
        with connect(f"ws://127.0.0.1:{program.port}/v1/stream") as reader:
            program.process.send_signal(signal.SIGINT)
            assert any('"bye"' in str(message) for message in reader)
            assert program.process.wait(15) == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_private_redis_is_never_left_behind(tmp_path: Path, how: signal.Signals) -> None:
    """Seen failing without the kernel's word to the child (prctl)."""
    with Program(tmp_path, "demo", "--frozen") as program:
        program.ready()
        children = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children").read_text(encoding="utf-8")
        assert children.split()
        code = program.stop(how)
        assert code == (0 if how is not signal.SIGKILL else -signal.SIGKILL)
        for child in children.split():
            until(lambda child=child: not Path(f"/proc/{child}").exists())


def test_a_second_signal_ends_a_drain_at_once(tmp_path: Path) -> None:
    with Program(tmp_path, "demo", SERVER__DRAIN_S="15") as program, contextlib.ExitStack() as readers:
        program.ready()
        for _ in range(40):
            readers.enter_context(connect(f"ws://127.0.0.1:{program.port}/v1/stream"))
        program.process.send_signal(signal.SIGTERM)
        until(lambda: program.status("/readyz") == 503)
        assert program.stop(signal.SIGINT) == 128 + signal.SIGINT


def test_percents_come_with_the_first_prices_not_with_the_second_look(tmp_path: Path) -> None:
    """Without waiting for watched markets backfill finds none, and looks again only `PAUSE_S` later."""
    with Program(tmp_path, "demo") as program:
        program.ready()
        until(lambda: any(row["price"] for row in program.rows("article").values()), program)
        until(lambda: any(row["change_pct"] for row in program.rows("article").values()), program, PAUSE_S - 1)


def test_a_port_in_use_is_one_line_and_exit_1(tmp_path: Path) -> None:
    with Program(tmp_path, "demo", "--frozen") as program:
        program.ready()
        other = ticker("demo", TICKER_REDIS__DATA_DIR=str(tmp_path / "other"), TICKER_SERVER__PORT=str(program.port))
        assert other.returncode == 1
        remedy = "stop what listens there, or set server.port (TICKER_SERVER__PORT)"
        assert other.stderr.splitlines() == [f"ticker: 127.0.0.1:{program.port} is in use; {remedy}"]


@pytest.mark.parametrize("section", ["server", "admin"])
def test_an_address_that_is_not_ours_is_one_line_and_exit_1(tmp_path: Path, section: str) -> None:
    ports = {"TICKER_SERVER__PORT": "0", "TICKER_ADMIN__PORT": "0", "TICKER_REDIS__DATA_DIR": str(tmp_path)}
    failed = ticker("demo", **ports, **{f"TICKER_{section.upper()}__HOST": "192.0.2.1"})
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith("ticker: cannot listen on 192.0.2.1:")
    assert failed.stderr.splitlines()[-1].endswith(
        f": cannot assign requested address; set {section}.host and {section}.port"
    )
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize(
    ("args", "environment", "sentence"),
    [
        (("serve",), {}, "collect and serve need redis.url"),
        (("collect",), {}, "collect and serve need redis.url"),
        (("check",), {"TICKER_REDIS__URL": "redis+sentinel://h:1,h:2"}, "redis.url: a Sentinel address is"),
        (("check",), {"TICKER_SERVER__PROT": "1"}, "unknown setting server.prot; did you mean port?"),
        (("check",), {"TICKER_SERVER__PORT": "99999"}, "server.port: it must be a whole number, at most 65535"),
        (
            ("serve", "--workers", "2"),
            {"TICKER_SERVER__PORT": "9101", "TICKER_REDIS__URL": "redis://127.0.0.1:1"},
            "--workers needs a server.port, and another admin.port for each from 9100 on",
        ),
        (("check", "--config", "/nowhere.toml"), {}, "/nowhere.toml: No such file"),
        (("replay", "/nowhere.jsonl", "--json"), {}, "/nowhere.jsonl: No such file"),
        (("replay", "/nowhere.jsonl"), {}, "/nowhere.jsonl: No such file"),
        (("replay", "x", "--exchange", "upbitt", "--json"), {}, "there is no exchange 'upbitt'"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_2(
    args: tuple[str, ...], environment: dict[str, str], sentence: str
) -> None:
    done = ticker(*args, **environment)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_demo_shows_the_boards_of_the_configuration_too_and_says_that_they_are_simulated(tmp_path: Path) -> None:
    """Seen failing with 404 for them."""
    mine = {"quote": "USDT", "symbols": ["BTC", "XRP"], "sources": ["binance", "okx"]}
    with Program(tmp_path, "demo", boards__mine=orjson.dumps(mine).decode()) as program:
        program.ready()
        assert [board["board"] for board in program.json("/v1/boards")["boards"]] == ["article", "krw", "mine"]
        until(lambda: {row["state"] for row in program.rows("mine").values()} == {"live"}, program)
        until(lambda: priced(program, "mine"), program)
        assert "모의 시세" in program.get("/embed/mine").decode()
        done = ticker("board", "mine", "hide", "XRP", **program.environment)
        assert done.stdout.startswith("board mine: XRP is hidden")


def test_check_says_what_will_bring_no_price_and_which_variables_set_nothing() -> None:
    off = {f"TICKER_EXCHANGES__{name}__ENABLED": "false" for name in ("UPBIT", "BITHUMB")}
    board = {"TICKER_BOARDS__KRW__SOURCES": '["upbit", "bithumb"]'}
    done = ticker("check", **off, **board)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "board krw has no source: all of upbit, bithumb are disabled: its rows stay as they are",
        "configuration is fine: boards krw",
    ]
    for command in ("check", "demo", "run", "serve"):
        done = ticker(command, TICKER_ADMIN__PORT="8080", TICKER_REDIS__URL="redis://h")
        assert done.returncode == 2
        assert done.stderr == "ticker: admin.port is 8080, which is server.port too; give each its own\n"
    done = ticker("check", TICKER_SERVER_PORT="8081", **board)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "TICKER_SERVER_PORT sets nothing: it is TICKER_SECTION__KEY, with two underscores between them",
        "configuration is fine: boards krw",
    ]


def test_what_is_up_says_where(tmp_path: Path, redis_url: str) -> None:
    """Fails when the demo's address is that of the settings, which here is any port, or stands there too early."""
    with Program(tmp_path, "demo", server__host="::1", server__port="0", admin__port="0") as program:
        until(lambda: "Ctrl-C ends" in program.log.read_text(encoding="utf-8"), program)
        said = program.log.read_text(encoding="utf-8")
        where = re.search(r"Simulated prices: (http://\[::1\]:\d+)/embed/article", said)
        assert where is not None, said
        assert f"serving {where[1]} (boards article, krw) · admin http://127.0.0.1:" in said
    alone = {"redis__url": redis_url, "exchanges__upbit__enabled": "false", "log__format": "text"}
    with Program(tmp_path, "collect", **alone) as program:
        said = f"INFO    collector of boards krw from bithumb, coinone, korbit, gopax · admin {program.admin}\n"
        until(lambda: said in program.log.read_text(encoding="utf-8"), program)


def test_an_unreachable_redis_is_retried_and_then_exit_1() -> None:
    started = time.monotonic()
    done = ticker("serve", TICKER_REDIS__URL="redis://127.0.0.1:1")
    assert done.returncode == 1
    assert (
        done.stderr == "ticker: redis://127.0.0.1:1: connection refused; see that it runs and that redis.url is right\n"
    )
    assert 9 < time.monotonic() - started < 15


def test_replay_prints_every_accepted_tick_with_the_digits_of_the_frame(tmp_path: Path) -> None:
    frames = [
        '{"type":"ticker","code":"KRW-BTC","trade_price":1.16539E8,"trade_timestamp":1790134742106}',
        '{"ty":"trade","cd":"KRW-XRP","tp":529.10,"ttms":1790134742107}',
        '{"status":"UP"}',
        '{"type":"ticker","code":"KRW-SHIB","trade_price":"NaN"}',
    ]
    file = tmp_path / "frames.jsonl"
    lines = [{"t": 1790134742.1, "dir": "recv", "frame": "binary", "text": frame} for frame in frames]
    file.write_bytes(b"\n".join(map(orjson.dumps, lines)) + b"\n")
    done = ticker("replay", str(file), "--exchange", "upbit", "--json")
    assert [orjson.loads(line) for line in done.stdout.splitlines()] == [
        {"exchange": "upbit", "symbol": "BTC", "quote": "KRW", "price": "116539000", "ts": 1790134742106},
        {"exchange": "upbit", "symbol": "XRP", "quote": "KRW", "price": "529.1", "ts": 1790134742107},
    ]


@pytest.mark.parametrize(
    ("args", "bar"),
    [(("replay", "FILE", "--exchange", "upbit", "--json"), rb"frames\.jsonl"), (("demo",), rb"minutes of history")],
)
def test_what_takes_long_has_a_bar_on_a_terminal(tmp_path: Path, args: tuple[str, ...], bar: bytes) -> None:
    file = tmp_path / "frames.jsonl"
    line = {"t": 1.0, "dir": "recv", "text": '{"type":"ticker","code":"KRW-BTC","trade_price":1}'}
    file.write_bytes((orjson.dumps(line) + b"\n") * 2000)
    terminal, stderr = pty.openpty()
    program = Program(tmp_path, *(str(file) if arg == "FILE" else arg for arg in args))
    command = [sys.executable, "-m", "ticker", *program._args]
    environment = {**program.environment, "TERM": "xterm", "TICKER_LOG__LEVEL": "error"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=stderr) as running:
        os.close(stderr)
        shown = b""
        while not re.search(bar, shown):
            assert select.select([terminal], [], [], 20)[0], shown
            shown += os.read(terminal, 4096)
        running.terminate()
        assert b"\x1b" not in running.communicate()[0]
    os.close(terminal)


def test_a_replayed_file_reaches_the_page(tmp_path: Path) -> None:
    file = tmp_path / "frames.jsonl"
    frame = '{"type":"ticker","code":"KRW-BTC","trade_price":57895000,"trade_timestamp":1613986399000}'
    line = {"t": 1613986399.041, "dir": "recv", "exchange": "bithumb", "text": frame}
    file.write_bytes(orjson.dumps(line) + b"\n")
    with Program(tmp_path, "replay", str(file)) as program:
        program.ready()
        until(lambda: program.rows("krw")["BTC"]["price"] == "57895000", program)
        assert program.rows("krw")["BTC"]["ts"] == 1613986399000
        assert "57,895,000" in program.get("/embed/krw").decode()


@pytest.mark.skipif(not CAPTURES.is_dir(), reason="the captures are not on this machine")
@pytest.mark.parametrize(
    ("exchange", "file"),
    [
        ("upbit", "upbit/thin__UPBIT.ws.62.0.jsonl"),
        ("upbit", "upbit/profile2026__frames.jsonl"),
        ("bithumb", "bithumb/profile2026__v1_frames.jsonl"),
    ],
)
def test_real_frames_come_out_of_replay_with_their_exact_digits(tmp_path: Path, exchange: str, file: str) -> None:
    rows = [orjson.loads(line) for line in (CAPTURES / file).read_bytes().splitlines()]
    record = tmp_path / "record.jsonl"
    record.write_bytes(b"\n".join(orjson.dumps({"t": 1.0} | row) for row in rows))
    received = [row["text"] for row in rows if row["dir"] == "recv"]
    priced = [text for text in received if re.search(r'"(type|ty)":"(ticker|trade)"', text)]
    written = [re.search(r'"(?:trade_price|tp)":([-0-9.eE+]+)', text) for text in priced]
    done = ticker("replay", str(record), "--exchange", exchange, "--json")
    told = [Decimal(orjson.loads(line)["price"]) for line in done.stdout.splitlines()]
    assert told == [Decimal(found[1]) for found in written if found]
    assert len(told) == len(priced) > 0
