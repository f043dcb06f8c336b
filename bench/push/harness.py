"""What the push benchmarks share: the C programs, waiting for a server, running the readers, writing results."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results"


def build(folder: Path) -> None:
    for name in ("load", "limit"):
        subprocess.run(["gcc", "-O2", "-Wall", "-o", folder / name, HERE / f"{name}.c"], check=True)


@contextlib.contextmanager
def before_others() -> Iterator[None]:
    """Run before other work on this machine, where that is allowed: for what needs little of it and is about time."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def wait_for(port: int, path: str) -> None:
    """Ask until it is answered with 200."""
    _until(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2).close())


def _until(attempt: Callable[[], None]) -> None:
    """Try until nothing is wrong any more."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return attempt()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextlib.contextmanager
def running(*command: object, port: int) -> Iterator[int]:
    """A server on the first core, once it listens; its process id. It begins to push when the readers are there."""
    words = ["taskset", "-c", "0", *(str(word) for word in command if word != "")]
    process = subprocess.Popen(words, env=os.environ | {"WAIT": "for the readers"})
    try:
        _until(lambda: socket.create_connection(("127.0.0.1", port), timeout=2).close())
        yield process.pid
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def server(folder: Path, name: str, port: int, rate: float, *more: object) -> Iterator[int]:
    """One of the servers compared."""
    command = [folder / name] if name == "limit" else [sys.executable, HERE / "servers.py", name]
    with running(*command, port, rate, *more, port=port) as pid:
        yield pid


def load_command(
    folder: Path, port: int, path: str, readers: int, seconds: float, pid: int, *more: object
) -> list[str]:
    """The readers' client; it has the second core, and its clock comes first there."""
    first = ["chrt", "--rr", "2"] if os.sched_getscheduler(0) == os.SCHED_RR else []
    command = [*first, "taskset", "-c", "1", folder / "load", port, path, readers, seconds, pid, *more]
    return [str(part) for part in command]


def told_by(readers: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What the readers' client says when it is through."""
    told, _ = readers.communicate(timeout=180)
    if readers.returncode:
        raise subprocess.CalledProcessError(readers.returncode, readers.args)
    return dict(orjson.loads(told))


def load(folder: Path, port: int, path: str, readers: int, seconds: float, pid: int, *more: object) -> dict[str, Any]:
    """What the readers' client says after `seconds`."""
    command = load_command(folder, port, path, readers, seconds, pid, *more)
    return told_by(subprocess.Popen(command, stdout=subprocess.PIPE))


def write(name: str, result: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
