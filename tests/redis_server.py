"""A real Redis whose life a test may end."""

import os
import signal
import subprocess
from pathlib import Path

import redis as redis_client
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.program import free_port, until


class RedisServer:
    """A server on a port of its own, without anything on disk; `owner` is `user:password@` of whom the test acts as."""

    def __init__(self, folder: Path, *options: str, owner: str = "") -> None:
        self.port = free_port()
        self.url = f"redis://{owner}127.0.0.1:{self.port}"
        self.admin = redis_client.Redis.from_url(self.url, socket_timeout=2, retry=Retry(NoBackoff(), 0))
        self.process: subprocess.Popen[bytes]
        self.log = folder / f"redis-{self.port}.log"
        self._folder = folder
        self._options = options
        self.start()

    def start(self) -> None:
        where = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._folder)]
        command = ["redis-server", *where, "--save", "", *self._options]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self.answers, self)

    def answers(self) -> bool:
        try:
            return bool(self.admin.ping())
        except redis_client.RedisError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Whatever state it is in."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)
            self.kill()
        self.admin.close()
