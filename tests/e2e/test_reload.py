"""SIGHUP: other boards while everything goes on."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.exchanges import Exchanges
from tests.program import Program, serves, two_ports, until

BEFORE = """
[boards.krw]
quote = "KRW"
symbols = ["BTC", "XRP", "LINK"]
sources = ["bithumb", "upbit"]
[boards.old]
quote = "KRW"
symbols = ["BTC"]
sources = ["bithumb"]
"""
AFTER = """
[server]
allowed_origins = ["https://news.example"]
stale_after_s = 14
[boards.new]
quote = "KRW"
symbols = ["SOL"]
sources = ["upbit"]
[boards.krw]
quote = "KRW"
symbols = ["ETH", "BTC"]
sources = ["bithumb", "upbit"]
names = {BTC = "금"}
"""
NEWS = (
    "server.allowed_origins, boards.krw, boards.old, boards.new changed, each process takes its part; "
    "server.stale_after_s must wait for a restart"
)
BAD = AFTER.replace("quote", "qoute", 1)
WORSE = 'boards = ["krw"]'
SERVERS = 4
"""Connections that two workers share."""


def live(program: Program, board: str) -> bool:
    with contextlib.suppress(OSError):
        return {row["state"] for row in program.rows(board).values()} == {"live"}
    return False


def heard(reader: ClientConnection, kind: str) -> Any:
    while (message := orjson.loads(reader.recv(timeout=10)))["type"] != kind:
        pass
    return message


def polled(program: Program, path: str) -> Any:
    """What a reader gets who keeps the connection: prepared bytes."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", program.port, timeout=5)) as connection:
        connection.request("GET", path)
        return orjson.loads(connection.getresponse().read())


def told(program: Program, text: str) -> bool:
    return text in program.log.read_text(encoding="utf-8")


def test_boards_names_and_origins_change_and_nobody_is_disconnected(tmp_path: Path, redis_url: str) -> None:
    """Seen failing with a bad file that ends the program."""
    config = tmp_path / "ticker.toml"
    config.write_text(BEFORE, encoding="utf-8")
    with contextlib.ExitStack() as stack:
        exchanges = stack.enter_context(Exchanges())
        settings = {"redis__url": redis_url, "config": str(config), **exchanges.settings}
        collector = stack.enter_context(Program(tmp_path, "collect", **settings))
        admin = two_ports()
        servers = stack.enter_context(Program(tmp_path, "serve", "--workers", "2", admin__port=str(admin), **settings))
        until(lambda: serves(admin) and serves(admin + 1), servers)
        until(lambda: live(servers, "krw") and live(servers, "old"), servers)
        url = f"ws://127.0.0.1:{servers.port}/v1/stream"
        readers = [stack.enter_context(connect(url)) for _ in range(SERVERS)]
        some = stack.enter_context(connect(f"{url}/krw?symbols=XRP,BTC"))
        left = stack.enter_context(connect(f"{url}/old"))
        for reader in (*readers, some, left):
            heard(reader, "snapshot")
            assert (polled(servers, "/v1/snapshot")["board"], polled(servers, "/v1/snapshot/old")["v"]) == ("krw", 1)

        config.write_text(AFTER, encoding="utf-8")
        for program in (collector, servers):
            program.process.send_signal(signal.SIGHUP)
        for reader in readers:
            rows = heard(reader, "snapshot")["rows"]
            assert [(row["symbol"], row["name"]) for row in rows] == [("ETH", "이더리움"), ("BTC", "금")]
        assert [row["symbol"] for row in heard(some, "snapshot")["rows"]] == ["BTC"]
        assert heard(left, "snapshot")["rows"][0]["state"] == "stale"
        until(lambda: all(live(servers, board) for board in ("krw", "new") for _ in range(SERVERS)), servers)
        for reader in readers:
            while "ETH" not in {row["symbol"] for row in heard(reader, "update")["rows"]}:
                pass
            reader.send('{"op":"subscribe","board":"new"}')
            assert heard(reader, "snapshot")["rows"][0]["symbol"] == "SOL"
        for program in (collector, servers):
            until(lambda one=program: told(one, f"has been read again: {NEWS}"), program)
        left.send('{"op":"ping","id":1}')
        assert heard(left, "pong")["id"] == 1
        for _ in range(SERVERS):
            assert polled(servers, "/v1/snapshot")["board"] == "new"
            assert polled(servers, "/v1/snapshot/old")["error"]["code"] == "unknown_board"
            with pytest.raises(InvalidStatus, match="403"):
                connect(url, origin=Origin("https://other.example")).__enter__()

        for text, why in ((WORSE, "boards: it is a table"), (BAD, "unknown setting boards.new.qoute")):
            config.write_text(text, encoding="utf-8")
            for program in (collector, servers):
                program.process.send_signal(signal.SIGHUP)
                until(lambda one=program, why=why: told(one, f"nothing changes: {why}"), program)
        said = [orjson.loads(line) for line in servers.log.read_text(encoding="utf-8").splitlines()]
        assert sum("qoute" in line["message"] for line in said) == 1
        assert {line.get("worker") for line in said if "read again" in line["message"]} == {None, "0", "1"}
        heard(readers[0], "update")
        assert live(servers, "krw")
        assert collector.process.poll() is servers.process.poll() is None


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_a_row_whose_exchange_was_disabled_grows_old_and_keeps_its_price(
    tmp_path: Path, redis_url: str, how: str
) -> None:
    """Seen failing with what Redis holds of unknown exchanges left as it is: live for good."""
    config = tmp_path / "ticker.toml"
    config.write_text(BEFORE, encoding="utf-8")
    with Exchanges() as exchanges, contextlib.ExitStack() as stack:
        settings = {"redis__url": redis_url, "server__stale_after_s": "2", **exchanges.settings}
        collector = stack.enter_context(Program(tmp_path, "collect", config=str(config), **settings))
        server = stack.enter_context(Program(tmp_path, "serve", **settings, config=str(config)))
        until(lambda: live(server, "old") and server.rows("old")["BTC"]["change_pct"] is not None, server)
        config.write_text(f"{BEFORE}[exchanges.bithumb]\nenabled = false\n", encoding="utf-8")
        if how == "restart":
            collector.stop()
            collector.start()
        else:
            collector.process.send_signal(signal.SIGHUP)
        until(lambda: server.rows("old")["BTC"]["state"] == "stale", server)
        old = server.rows("old")["BTC"]
        until(lambda: {row["source"] for row in server.rows("krw").values()} == {"upbit"}, server)
        until(lambda: live(server, "krw"), server)
        later = server.rows("old")["BTC"]
        assert all(later[key] == old[key] for key in ("price", "ts", "source", "state"))
        assert old["source"] == "bithumb"
        assert None not in {later["price"], later["ts"], later["change_pct"]}


def test_a_terminal_that_is_closed_means_the_end(tmp_path: Path, redis_url: str) -> None:
    """Fails when a hang-up only reads the configuration again: the program would be left behind."""
    ours, terminal = os.openpty()
    program = Program(tmp_path, redis__url=redis_url)
    process = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-m", "ticker", "serve"],
        env=program.environment,
        cwd=tmp_path,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    until(lambda: program.status("/readyz") == 200)
    os.close(ours)
    assert process.wait(10) == 0
