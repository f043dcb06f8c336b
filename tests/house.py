"""Servers of one house: their Redis, the exchanges they read, and what stands before them."""

import contextlib
import signal
import time
import urllib.request
from pathlib import Path

from tests.network import Link
from tests.program import Program, until
from tests.redis_server import RedisServer
from tests.stage import Stage, board
from tests.watcher import Watcher

SYMBOLS = ("BTC", "ETH", "XRP", "ADA", "LINK")


class House:
    """One Redis, simulated exchanges, and programs on them."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.redis = RedisServer(folder)
        stack.callback(self.redis.end)
        self.stage = stack.enter_context(Stage("upbit", "bithumb"))
        self.settings = self.stage.settings({"krw": board("KRW", SYMBOLS, "upbit", "bithumb")})

    def start(self, command: str, tree: Path | None = None, python: str | None = None, **more: str) -> Program:
        """A program; of another release where a tree of one is given."""
        settings: dict[str, str] = {**self.settings, **more}
        program = Program(self.folder, command, redis__url=self.redis.url, **settings)
        program.cwd, program.python = tree, python or program.python
        return self.stack.enter_context(program)

    def door(self, server: Program) -> Link:
        """What stands before the servers, and leads to this one at first."""
        door: Link = self.stage.do(Link(server.port).open())
        self.stack.callback(self.stage.do, door.close())
        return door

    def watch(self, url: str) -> Watcher:
        watcher = Watcher(url, "krw", self.stage.world.coins)
        self.stage.background.start(watcher.run())
        until(watcher.current, None, 40)
        return watcher


def metric(program: Program, line: str) -> float:
    with urllib.request.urlopen(f"{program.admin}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(found.rsplit(" ", 1)[1]) for found in lines if found.startswith(line))


def restart(leaving: Program, staying: Program, door: Link) -> None:
    """Stop one of two as a supervisor does, lead whoever comes to the other as a load balancer does, start it again."""
    leaving.process.send_signal(signal.SIGTERM)
    told = time.monotonic()
    until(lambda: leaving.status("/readyz") != 200, None, 5)
    door.aim(staying.port)
    assert leaving.process.wait(30) == 0
    assert time.monotonic() - told < 30
    leaving.start()
    leaving.ready()
