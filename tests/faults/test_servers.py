"""Servers that die, drain, are restarted one after another, run out of files, or are of another release."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

from tests.crowd import Readers
from tests.house import SYMBOLS, House, metric, restart
from tests.program import Program, two_ports, until
from ticker.client import follow

ROOT = Path(__file__).parents[2]
FIRST_COMPATIBLE = "88e2df6"
"""What stands for the previous release until there is one."""
MANY = 10_000
HANDSHAKES = 900
"""Fewer than come at first: some are refused. At 600 some are refused three times, and are not back within a minute."""
BACK_S = 60.0
GAP_S = 3.0
FEW = 30
WORKERS = 2
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with contextlib.ExitStack() as stack:
        yield House(tmp_path, stack)


def test_a_drain_that_was_made_longer_while_it_ran_is_waited_for(tmp_path: Path, redis_url: str) -> None:
    """Seen failing with a watcher that keeps to the old one: SIGKILL after 10 s, no close frame, exit 1."""
    config = tmp_path / "ticker.toml"
    config.write_text("[server]\ndrain_s = 0\n", encoding="utf-8")
    program = Program(tmp_path, "serve", "--workers", str(WORKERS), config=str(config), redis__url=redis_url)
    program.environment |= {"TICKER_ADMIN__PORT": str(two_ports())}
    del program.environment["TICKER_SERVER__DRAIN_S"]
    with program:
        program.ready()
        config.write_text("[server]\ndrain_s = 18\n", encoding="utf-8")
        program.process.send_signal(signal.SIGHUP)
        until(lambda: program.log.read_text(encoding="utf-8").count("has been read again") == 1 + WORKERS, program)
        with connect(f"ws://127.0.0.1:{program.port}/v1/stream") as reader:
            program.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(ConnectionClosed):
                while reader.recv(timeout=20):
                    pass
            assert reader.close_code == 1012
        assert program.process.wait(20) == 0


def test_ten_thousand_readers_of_a_killed_server_are_all_at_the_other_within_a_minute(house: House) -> None:
    """Seen failing without the limit of handshakes: all came in at their first try."""
    house.start("collect")
    limits = {"server__handshakes_per_s": str(HANDSHAKES), "server__max_clients": "11000"}
    servers = [house.start("serve", None, None, **limits).ready() for _ in range(2)]
    streams = [f"{server.url}/v1/stream/krw?interval_ms=30000" for server in servers]
    with Readers(MANY, *streams, rise_s=20.0, spread=False) as readers:
        until(lambda: readers.open == MANY, servers[0], 90)
        servers[0].stop(signal.SIGKILL)
        killed = time.monotonic()
        until(lambda: readers.open < MANY / 2, servers[1])
        while readers.open < MANY and time.monotonic() - killed < BACK_S:
            came = metric(servers[1], 'ticker_push_handshakes_total{outcome="entered"')
            assert came < HANDSHAKES * (time.monotonic() - killed + 2)
            time.sleep(0.5)
        assert readers.open == MANY, readers.lines[-1]
        assert readers.count("bye") > 100
        assert servers[1].status("/readyz") == 200


def test_told_to_stop_it_sends_readers_away_in_batches_and_finishes_what_was_asked(house: House) -> None:
    """Seen failing with everybody sent away at once, and with each closed right after its `bye`."""
    house.start("collect")
    server = house.start("serve", server__drain_s="10").ready()
    with Readers(200, f"{server.url}/v1/stream/krw", rise_s=1.0) as readers, half_asked(server) as asking:
        until(lambda: readers.open == 200, server)
        server.process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        until(lambda: server.status("/readyz") == 503, None, 2)
        until(lambda: readers.count("bye") >= 30, None, 3)
        assert readers.count("bye") <= 150
        assert readers.count("close 1012") == 0
        asking.sendall(b"\r\n")
        assert asking.recv(64).startswith(b"HTTP/1.1 200")
        until(lambda: readers.count("bye") == 200, None, 10)
        assert (readers.open, readers.count("close 1012")) == (200, 0)
        until(lambda: readers.count("close 1012") == 200, None, 20)
        assert server.process.wait(30) == 0
        assert 3 < time.monotonic() - told < 30


@contextlib.contextmanager
def half_asked(server: Program) -> Iterator[socket.socket]:
    """A request whose last line is still to come."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as asking:
        asking.sendall(b"GET /v1/boards HTTP/1.1\r\nHost: x\r\n")
        yield asking


def test_a_rolling_restart_shows_a_reader_no_gap(house: House) -> None:
    """Seen failing with a server that calls itself ready while it drains.

    This reader knows no `bye`: it stays until it is closed, and comes back at once.
    """
    house.start("collect")
    servers = [house.start("serve", server__drain_s="1").ready() for _ in range(2)]
    door = house.door(servers[0])
    watcher = house.watch(f"http://127.0.0.1:{door.port}")
    watcher.start_over()
    restart(servers[0], servers[1], door)
    restart(servers[1], servers[0], door)
    until(watcher.current, servers[0])
    assert watcher.ends == ["1012", "1012"]
    assert watcher.gap < GAP_S
    assert watcher.faults == []


class Follower:
    """`ticker.client` as it is delivered, its waits included, and what a reader of it would notice."""

    def __init__(self) -> None:
        self.gap = 0.0
        """The longest time without news, in seconds."""
        self.snapshots = 0
        self.troubles: list[str] = []
        self._heard = 0.0

    async def run(self, url: str) -> None:
        board = None
        async for feed, changed in follow(url, "krw"):
            if not self._heard and len(changed) < len(SYMBOLS):
                continue  # not every price is known yet
            now = time.monotonic()
            self.gap, self._heard = max(self.gap, now - (self._heard or now)), now
            self.snapshots += feed.board is not board
            board = feed.board
            self.troubles += [f"{row.symbol} is {row.state}" for row in changed if row.state != "live"]
            if not feed.connected:
                self.troubles.append("without a connection")


def test_a_rolling_restart_shows_no_gap_to_readers_who_wait_as_long_as_they_are_asked(house: House) -> None:
    """Seen failing with each reader closed at its `bye`, and with a client that leaves at it: gaps of up to 12 s."""
    house.start("collect")
    servers = [house.start("serve", server__drain_s="20").ready() for _ in range(2)]
    door = house.door(servers[0])
    until(house.watch(servers[1].url).current, servers[1])
    followers = [Follower() for _ in range(FEW)]
    for follower in followers:
        house.stage.background.start(follower.run(f"http://127.0.0.1:{door.port}"))
    until(lambda: all(follower.snapshots for follower in followers), servers[0])
    restart(servers[0], servers[1], door)
    restart(servers[1], servers[0], door)
    assert max(follower.gap for follower in followers) < GAP_S
    assert [follower.troubles for follower in followers] == [[]] * FEW
    assert {follower.snapshots for follower in followers} == {3}  # another would tell of a missing message
    assert metric(servers[0], "ticker_push_clients ") == FEW


def test_with_no_files_left_strangers_are_refused_and_the_others_are_served(house: House, tmp_path: Path) -> None:
    """Seen failing with a server that does not look at how many files it may open."""
    house.start("collect")
    python = tmp_path / "few-files"
    python.write_text(f'#!/bin/sh\nulimit -n 100\nexec {sys.executable} "$@"\n', encoding="ascii")
    python.chmod(0o755)
    server = house.start("serve", python=str(python)).ready()
    watcher = house.watch(server.url)
    with contextlib.ExitStack() as strangers:
        ends = [outcome(server, strangers) for _ in range(150)]
        assert ends.count("served") < 100
        assert set(ends) <= {"served", "1013", "503", "closed"}
        for _ in range(3):
            with urllib.request.urlopen(f"{server.admin}/readyz", timeout=10) as answer:
                assert answer.status == 200
        watcher.start_over()
        until(lambda: metric(server, "ticker_push_deliveries_total") > 0, server)
    until(lambda: outcome(server, house.stack) == "served", server)
    assert server.process.poll() is None
    assert metric(server, "ticker_connections_refused_total") > 0
    assert watcher.ends == []
    assert '"level":"error"' not in server.log.read_text(encoding="utf-8")


def outcome(server: Program, stack: contextlib.ExitStack) -> str:
    """What becomes of one more reader."""
    try:
        url = f"ws://127.0.0.1:{server.port}/v1/stream/krw"
        reader = stack.enter_context(connect(url, open_timeout=5, close_timeout=0))
        while '"snapshot"' not in str(reader.recv(5)):
            pass
    except (OSError, TimeoutError, WebSocketException) as error:
        code: Any = getattr(getattr(error, "rcvd", None), "code", None)
        status = getattr(getattr(error, "response", None), "status_code", None)
        return str(code or status or "closed")
    return "served"


# -- the previous release ---------------------------------------------------------------------------------------------


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    """Where the wheel of the last release is installed, built from the repository's own history."""
    tag = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    name = tag.stdout.strip() or FIRST_COMPATIBLE
    archive = subprocess.run(["git", "archive", name], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"this copy of the repository does not hold {name}; a full clone does")
    source, wheels, installed = (tmp_path / part for part in ("source", "wheels", "previous"))
    source.mkdir()
    subprocess.run(["tar", "x", "-C", source], input=archive.stdout, check=True)
    made: list[str | Path] = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", wheels, source]
    subprocess.run(made, check=True, capture_output=True)
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        installed,
    ]
    subprocess.run([*pip, *wheels.iterdir()], check=True, capture_output=True)
    return installed


def test_the_previous_release_and_this_one_read_each_others_keys(house: House, previous: Path) -> None:
    """Seen failing with a row's `price` renamed in this one."""
    old = house.start("collect", previous)
    servers = [house.start("serve").ready(), house.start("serve", previous).ready()]
    watchers = [house.watch(server.url) for server in servers]
    new = house.start("collect")
    until(lambda: "standing by" in new.log.read_text(encoding="utf-8"), new)
    for leaving, coming in ((old, new), (new, old)):
        leaving.stop()
        if coming.process.poll() is not None:
            coming.start()
        for watcher in watchers:
            until(watcher.current, coming, 20)
        samples = [server.json("/v1/history/krw/BTC")["points"] for server in servers]
        assert samples[0][:-2] == samples[1][: len(samples[0]) - 2]
    assert [watcher.faults for watcher in watchers] == [[], []]
