"""What happens to Redis, and what readers notice of it."""

import asyncio
import contextlib
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import redis as redis_client
from websockets.sync.client import connect

from tests.conftest import make_board
from tests.program import Program, no_files, until
from tests.redis_server import RedisServer
from tests.server import until as holds
from ticker.model import DAY, BoardState, Instant, Row
from ticker.serve.hub import Hub
from ticker.serve.node import Node
from ticker.settings import Server
from ticker.store import Reader, embedded

BACK_S = 5.0
TAKEOVER_S = 5.0


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    yield server
    server.end()


def states(program: Program) -> set[str]:
    return {row["state"] for row in program.rows("article").values()}


def alive(program: Program) -> bool:
    rows = program.rows("article").values()
    newest = max(row["ts"] or 0 for row in rows)
    return states(program) == {"live"} and newest > (time.time() - 3) * 1000


def whole(program: Program) -> bool:
    return all(row["change_pct"] is not None for row in program.rows("article").values())


def slowest_answer(program: Program, seconds: float) -> float:
    """The longest wait for `/healthz`, asked again and again for so long."""
    worst, started = 0.0, time.monotonic()
    while (asked := time.monotonic()) - started < seconds:
        assert program.status("/healthz") == 200
        worst = max(worst, time.monotonic() - asked)
    return worst


def test_killed_and_empty_it_is_filled_again_and_nobody_exits(tmp_path: Path, redis_server: RedisServer) -> None:
    """Seen failing with an `Outbox.everything` that does nothing: the day was not there again."""
    settings = {"redis__url": redis_server.url, "server__stale_after_s": "3"}
    with Program(tmp_path, "demo", "--frozen", **settings) as program:
        program.ready()
        until(lambda: whole(program) and alive(program), program)
        until(lambda: len(program.json("/v1/history/article/REP")["points"]) > 1400, program, 40)
        before = {symbol: row["price"] for symbol, row in program.rows("article").items()}
        redis_server.kill()
        until(lambda: states(program) == {"stale"}, program, 10)
        assert program.status("/readyz") == 200
        assert {symbol: row["price"] for symbol, row in program.rows("article").items()} == before
        redis_server.start()
        back = time.monotonic()
        until(lambda: alive(program) and whole(program), program, 10)
        assert time.monotonic() - back < BACK_S
        until(lambda: len(program.json("/v1/history/article/REP")["points"]) > 1400, program, 10)
        assert program.process.poll() is None


def test_paused_for_a_while_it_is_caught_up_with_and_sockets_stay(tmp_path: Path, redis_server: RedisServer) -> None:
    """Seen failing with 1.5 s of blocking while the collector is silent."""
    settings = {"redis__url": redis_server.url, "server__stale_after_s": "3"}
    with Program(tmp_path, "demo", **settings) as program:
        program.ready()
        until(lambda: alive(program), program)
        with connect(f"ws://127.0.0.1:{program.port}/v1/stream/article") as socket:
            assert orjson.loads(socket.recv(timeout=5))["type"] == "snapshot"
            redis_server.process.send_signal(signal.SIGSTOP)
            until(lambda: states(program) == {"stale"}, program, 10)
            assert slowest_answer(program, 2.0) < 0.5
            redis_server.process.send_signal(signal.SIGCONT)
            until(lambda: alive(program), program, BACK_S)
            seen = {orjson.loads(socket.recv(timeout=5))["type"] for _ in range(5)}
            assert seen <= {"update", "heartbeat", "snapshot"}


async def test_readers_who_ask_a_paused_redis_for_days_leave_room_for_the_boards(redis_server: RedisServer) -> None:
    """Seen failing with a connection for each of them: redis-py has a hundred, and then none for a board."""
    board = make_board(*(f"C{number}" for number in range(150)))
    hub, rows = Hub({"krw": board}, Server()), {name: Row(symbol=name, source="upbit") for name in board.symbols}
    hub.replace("krw", BoardState(rows=rows))
    async with Reader(redis_server.url) as store:
        node = Node({"krw": board}, hub, store, lambda: Instant(wall=DAY, mono=DAY))
        redis_server.pause()
        async with asyncio.TaskGroup() as crowd:
            for symbol in board.symbols:
                crowd.create_task(node.history(board, symbol))
            await holds(lambda: store._redis.connection_pool._in_use_connections)
            reading = crowd.create_task(store.board("krw"))
            redis_server.resume()
            assert (await reading).rows == {}


def test_full_it_refuses_the_write_and_the_publish_with_it(tmp_path: Path, redis_server: RedisServer) -> None:
    """Seen failing with a script that goes on after a refused write: rows stayed live that Redis did not have."""
    settings = {"redis__url": redis_server.url, "server__stale_after_s": "3"}
    with Program(tmp_path, "demo", **settings) as program:
        program.ready()
        until(lambda: alive(program), program)
        admin = redis_client.Redis.from_url(redis_server.url)
        admin.config_set("maxmemory", "1mb")
        until(lambda: states(program) == {"stale"}, program, 10)
        admin.config_set("maxmemory", "0")
        until(lambda: alive(program), program, BACK_S)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_of_two_collectors_one_writes_and_the_other_takes_over(
    tmp_path: Path, redis_server: RedisServer, how: signal.Signals
) -> None:
    """Seen failing with a claim that is always granted, and with a lease of ten seconds."""
    settings = {"redis__url": redis_server.url}
    (tmp_path / "two").mkdir()
    with Program(tmp_path, "demo", **settings) as first:
        first.ready()
        until(lambda: alive(first), first)
        other = {"redis__data_dir": str(tmp_path / "two")}
        with Program(tmp_path, "demo", **settings, **other) as second:
            second.ready()
            until(lambda: "standing by" in second.log.read_text(encoding="utf-8"), second)
            admin = redis_client.Redis.from_url(redis_server.url)
            fence = admin.get("ticker:v1:fence")
            first.stop(how)
            killed = time.monotonic()
            until(lambda: admin.get("ticker:v1:fence") != fence, second, TAKEOVER_S)
            until(lambda: alive(second), second, 10)
            assert time.monotonic() - killed < 8
            until(lambda: "at work" in second.log.read_text(encoding="utf-8").partition("standing by")[2], second)
            told = re.findall(
                r'"message":"(SIGTERM: ending|draining: 0 readers, .*|ended)"', first.log.read_text("utf-8")
            )
            assert len(told) == (3 if how == signal.SIGTERM else 0)


def private(program: Program) -> int | None:
    """The process of the program's own Redis."""
    tasks = Path(f"/proc/{program.process.pid}/task").iterdir()
    children = " ".join((task / "children").read_text(encoding="utf-8") for task in tasks)
    return int(children.split()[0]) if children.split() else None


def test_a_private_redis_that_crashes_is_started_again_and_one_told_to_stop_stops_the_program(tmp_path: Path) -> None:
    """Seen failing with a keeper that starts nothing again."""
    with Program(tmp_path, "demo", server__stale_after_s="3") as program:
        program.ready()
        until(lambda: alive(program), program)
        crashed = private(program)
        assert crashed
        os.kill(crashed, signal.SIGKILL)
        until(lambda: private(program) not in {None, crashed}, program)
        until(lambda: alive(program) and whole(program), program)
        told = private(program)
        assert told
        os.kill(told, signal.SIGTERM)
        assert program.process.wait(10) == 0


def test_a_private_redis_that_is_being_started_again_is_stopped_all_the_same(tmp_path: Path) -> None:
    """Seen failing with only the process before it ended: ten seconds, then SIGKILL.

    Its log is a pipe here that nobody reads: to open it, and so the start, takes until somebody does.
    """
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(embedded.server(tmp_path))
        with redis_client.Redis.from_url(url) as client:
            until(lambda: answers(client))
            crashed = int(client.info()["process_id"])
        (tmp_path / "redis.log").unlink()
        os.mkfifo(tmp_path / "redis.log")
        os.kill(crashed, signal.SIGKILL)
        until(lambda: "_start" in doing("redis keeper"))
        stopping = threading.Thread(target=stack.close, name="stopping")
        stopping.start()
        until(lambda: "join" in doing("stopping"))
        with (tmp_path / "redis.log").open("rb"):
            stopping.join(5)
            assert not stopping.is_alive()


def answers(client: "redis_client.Redis") -> bool:
    with contextlib.suppress(redis_client.ConnectionError):
        return bool(client.ping())
    return False


def doing(name: str) -> list[str]:
    """The functions that a thread of this name is in."""
    thread = next((thread for thread in threading.enumerate() if thread.name == name), None)
    frame = sys._current_frames().get(thread.ident or 0) if thread else None
    return [told.name for told in traceback.extract_stack(frame)] if frame else []


def test_a_private_redis_that_cannot_be_started_is_tried_again_until_it_can(tmp_path: Path) -> None:
    """Seen failing with the error let through: nobody started it ever again."""
    with Program(tmp_path, "demo", server__stale_after_s="3") as program:
        program.ready()
        until(lambda: alive(program), program)
        crashed = private(program)
        assert crashed
        with no_files(program):
            os.kill(crashed, signal.SIGKILL)
            until(lambda: "the private redis: cannot be started" in program.log.read_text(encoding="utf-8"), program)
        until(lambda: private(program) not in {None, crashed}, program)
        until(lambda: alive(program) and whole(program), program)
