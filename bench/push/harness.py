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


def go_first() -> None:
    """Before other work on this machine, where that is allowed: for what needs little of it and is about time."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


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
def server(folder: Path, name: str, port: int, rate: float, *more: object) -> Iterator[int]:
    """One of the servers compared, on the first core; its process id."""
    command = [folder / name] if name == "limit" else [sys.executable, HERE / "servers.py", name]
    words = [str(word) for word in ("taskset", "-c", "0", *command, port, rate, *more) if word != ""]
    process = subprocess.Popen(words, env=os.environ | {"WAIT": "for the readers"})
    try:
        _until(lambda: socket.create_connection(("127.0.0.1", port), timeout=2).close())
        yield process.pid
    finally:
        process.kill()
        process.wait()


def load(folder: Path, port: int, path: str, readers: int, seconds: float, pid: int, *more: object) -> dict[str, Any]:
    """What the readers' client says after `seconds`; it has the second core."""
    command = ["taskset", "-c", "1", folder / "load", port, path, readers, seconds, pid, *more]
    done = subprocess.run([str(part) for part in command], capture_output=True, check=True, timeout=180)
    return dict(orjson.loads(done.stdout))


def write(name: str, result: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
