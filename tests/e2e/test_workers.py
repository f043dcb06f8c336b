"""Several server processes on one public port."""

import contextlib
import os
import signal
from pathlib import Path

import orjson
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.program import Program, clients_at, no_files, serves, two_ports, until, workers

ENOUGH = 12
"""Connections that two processes share: that one gets all of them happens once in 2,000 runs."""


def alive(reader: ClientConnection) -> bool:
    try:
        reader.send('{"op":"ping","id":1}')
        while orjson.loads(reader.recv(timeout=5))["type"] != "pong":
            pass
    except ConnectionClosed:
        return False
    return True


def last_words(reader: ClientConnection) -> tuple[str, int | None]:
    said = ""
    try:
        while True:
            said = orjson.loads(reader.recv(timeout=5))["type"]
    except ConnectionClosed:
        return said, reader.close_code


def test_a_killed_worker_is_replaced_while_the_other_serves_and_all_are_drained(tmp_path: Path, redis_url: str) -> None:
    """Seen failing with a worker that nobody starts again."""
    admin = two_ports()
    settings = {"redis__url": redis_url, "admin__port": str(admin), "server__drain_s": "0.5"}
    with Program(tmp_path, "serve", "--workers", "2", **settings) as program, contextlib.ExitStack() as stack:
        until(lambda: serves(admin) and serves(admin + 1), program)
        url = f"ws://127.0.0.1:{program.port}/v1/stream"
        readers = [stack.enter_context(connect(url)) for _ in range(ENOUGH)]
        until(lambda: (clients_at(admin) or 0) + (clients_at(admin + 1) or 0) == ENOUGH, program)
        with_first = clients_at(admin) or 0
        assert 0 < with_first < ENOUGH
        before = workers(program)
        answers: set[int | None] = set()
        os.kill(before[0], signal.SIGKILL)

        def replaced() -> bool:
            answers.update(program.status("/readyz") for _ in range(20))
            return workers(program).get(0) not in {None, before[0]} and clients_at(admin) == 0

        until(replaced, program)
        assert answers - {None} == {
            200
        }  # whoever shares the port has read the boards; None: at the one that was killed
        kept = [reader for reader in readers if alive(reader)]
        assert len(kept) == ENOUGH - with_first
        assert workers(program)[1] == before[1]
        assert "worker 0 was killed by SIGKILL" in program.log.read_text(encoding="utf-8")
        program.process.send_signal(signal.SIGTERM)
        for reader in kept:
            assert last_words(reader) == ("bye", 1012)
        assert program.process.wait(10) == 0


def test_a_worker_that_cannot_be_started_is_tried_again_while_the_other_serves(tmp_path: Path, redis_url: str) -> None:
    """Seen failing with the error let through: the watcher ended, and with it every worker."""
    admin = two_ports()
    settings = {"redis__url": redis_url, "admin__port": str(admin), "server__drain_s": "0"}
    with Program(tmp_path, "serve", "--workers", "2", **settings) as program:
        until(lambda: serves(admin) and serves(admin + 1), program)
        before = workers(program)
        with no_files(program):
            os.kill(before[0], signal.SIGKILL)
            until(lambda: "worker 0: cannot be started" in program.log.read_text(encoding="utf-8"), program)
            assert serves(admin + 1)
        until(lambda: serves(admin), program)
        assert workers(program)[1] == before[1]
        assert workers(program)[0] != before[0]


def test_workers_end_with_the_process_that_started_them(tmp_path: Path, redis_url: str) -> None:
    """Seen failing without the kernel's word to the children (prctl)."""
    with Program(
        tmp_path, "serve", "--workers", "2", redis__url=redis_url, admin__port=str(two_ports()), server__drain_s="0"
    ) as program:
        program.ready()
        until(lambda: len(workers(program)) == 2, program)
        children = workers(program).values()
        program.stop(signal.SIGKILL)
        until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


def test_what_keeps_workers_from_starting_is_said_once(tmp_path: Path, redis_url: str) -> None:
    """Fails when each of them tells it, when the others go on, or when a stranger on the port is not noticed."""
    admin = two_ports()
    with Program(tmp_path, "serve", redis__url=redis_url, admin__port=str(admin + 1)) as other:
        other.ready()
        taken = {"redis__url": redis_url, "server__port": str(other.port), "admin__port": str(two_ports())}
        with Program(tmp_path, "serve", "--workers", "2", **taken) as program:
            assert program.process.wait(10) == 1
            assert program.log.read_text(encoding="utf-8").count("is in use; stop what listens there") == 1
        taken = {"redis__url": redis_url, "admin__port": str(admin)}
        with Program(tmp_path, "serve", "--workers", "2", **taken) as program:
            assert program.process.wait(15) == 1
            said = program.log.read_text(encoding="utf-8").splitlines()
            remedy = "stop what listens there, or set admin.port (TICKER_ADMIN__PORT)"
            assert [line for line in said if "ticker:" in line] == [
                f"ticker: 127.0.0.1:{admin + 1} is in use; {remedy}"
            ]
