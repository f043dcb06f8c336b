"""The real program as a child process, for the end-to-end and browser rings."""

import contextlib
import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, Self

import orjson

DEADLINE_S = 20.0
PORTS = (10_000, 32_000)


def free_port() -> int:
    """A port nobody uses, outside the range from which the system gives ports to outgoing connections."""
    while True:
        port = random.randrange(*PORTS)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def two_ports() -> int:
    """The first of two free ports side by side."""
    while True:
        first = free_port()
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", first + 1)):
            return first


class Program:
    """`ticker ARGS…` with its own port and data directory; its output is shown when waiting for it fails."""

    def __init__(self, tmp_path: Path, *args: str, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        admin = free_port()
        self.admin = f"http://127.0.0.1:{admin}"
        self.log = tmp_path / f"ticker-{self.port}.log"
        self._args = args
        self.python = sys.executable
        self.cwd: Path | None = None
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("TICKER_")},
            "TICKER_SERVER__PORT": str(self.port),
            "TICKER_ADMIN__PORT": str(admin),
            "TICKER_SERVER__DRAIN_S": "0.2",
            "TICKER_REDIS__DATA_DIR": str(tmp_path / "data"),
            **{f"TICKER_{key.upper()}": value for key, value in settings.items()},
        }
        self.process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.python, "-m", "ticker", *self._args],
                cwd=self.cwd,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(DEADLINE_S)

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return bytes(answer.read())

    def json(self, path: str) -> Any:
        return orjson.loads(self.get(path))

    def status(self, path: str) -> int | None:
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def ready(self) -> Self:
        until(lambda: self.status("/readyz") == 200, self)
        return self

    def rows(self, board: str) -> dict[str, dict[str, Any]]:
        return {row["symbol"]: row for row in self.json(f"/v1/snapshot/{board}")["rows"]}


@contextlib.contextmanager
def no_files(program: Program) -> Iterator[None]:
    """Meanwhile the program can open no file, socket or pipe: it has more already than it may."""
    before = resource.prlimit(program.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(program.process.pid, resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(program.process.pid, resource.RLIMIT_NOFILE, before)


class Talker(Protocol):
    """A program that a test started, and the file it speaks to."""

    process: subprocess.Popen[bytes]
    log: Path


def until(condition: Any, program: Talker | None = None, deadline: float = DEADLINE_S) -> None:
    """Poll a condition; a failure shows what the program said."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end or (program and program.process.poll() is not None):
            said = program.log.read_text(encoding="utf-8", errors="replace")[-3000:] if program else ""
            message = f"waited in vain; the program said:\n{said}"
            raise AssertionError(message)
        time.sleep(0.05)


def clients_at(admin: int) -> int | None:
    """How many readers the worker with this admin port has; None where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=5) as answer:
            told = re.search(r"^ticker_push_clients ([0-9.]+)$", answer.read().decode(), re.MULTILINE)
            return int(float(told[1])) if told else None
    except OSError:
        return None


def workers(program: Program) -> dict[int, int]:
    """The number of each worker and its process."""
    pid, found = program.process.pid, {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split():
        line = Path(f"/proc/{child}/cmdline")
        command = line.read_bytes().split(b"\0") if line.exists() else []
        if b"--worker" in command:
            found[int(command[command.index(b"--worker") + 1])] = int(child)
    return found


def serves(admin: int) -> bool:
    """Whether the worker with this admin port would serve readers now."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
