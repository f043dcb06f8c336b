"""Many readers in one lean process, who come back as the contract asks: `python -m tests.crowd COUNT URL…`.

Every half second one JSON line tells how they are. They read frames without parsing them; a ping is answered.
"""

import asyncio
import base64
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any, Self, cast
from urllib.parse import urlsplit

import orjson

FIRST_S = 10.0
LONGEST_S = 60.0
PING, PONG = b"\x89\x00", b"\x8a\x80\x00\x00\x00\x00"
CLOSE = re.compile(rb"\x88[\x02-\x7d]([\x03\x0f].)", re.DOTALL)
BYE = re.compile(rb'"bye".*?"retry_ms":(\d+)')


class Crowd:
    """The readers, their addresses, and what happened to them."""

    def __init__(self, size: int, urls: list[str], *, rise_s: float, life_s: float, spread: bool) -> None:
        self.spread = spread
        """They begin, and after each life begin again, at different addresses; else all at the first one."""
        self.urls = [urlsplit(url) for url in urls]
        self.life_s = life_s
        """They leave and come again after about this long; 0: they stay."""
        self.open = 0
        self.counts: Counter[str] = Counter()
        self._size = size
        self._rise_s = rise_s

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._size):
                tasks.create_task(self._stay(number))
            tasks.create_task(self._tell())

    async def _stay(self, number: int) -> None:
        """One reader's life: in, and in again after every end."""
        await asyncio.sleep(number / self._size * self._rise_s)
        failures, place = 0, number if self.spread else 0
        while True:
            reader = await self._visit(place)
            failures = 0 if reader.served else failures
            wait = reader.retry_s + random.random() * min(LONGEST_S, FIRST_S * 2.0**failures)
            failures = min(failures + 1, 9)
            if reader.left and self.spread:
                place = random.randrange(len(self.urls))
            else:
                place += not reader.left and (reader.served or not reader.entered)  # a full one is asked again
            await asyncio.sleep(0 if reader.left else wait)

    async def _visit(self, place: int) -> "Reader":
        url = self.urls[place % len(self.urls)]
        reader = Reader(self, f"{url.path}?{url.query}", url.netloc)
        try:
            await asyncio.get_running_loop().create_connection(lambda: reader, url.hostname or "", url.port or 80)
        except OSError:
            self.counts["unreachable"] += 1
            return reader
        life = random.expovariate(1 / self.life_s) if self.life_s else None
        try:
            await asyncio.wait_for(asyncio.shield(reader.over), life)
        except TimeoutError:
            reader.leave()
            await reader.over
        return reader

    async def _tell(self) -> None:
        while True:
            line = {"at": time.monotonic(), "open": self.open, **self.counts}
            sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
            sys.stdout.buffer.flush()
            await asyncio.sleep(0.5)


class Reader(asyncio.Protocol):
    """One connection."""

    def __init__(self, crowd: Crowd, path: str, host: str) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.entered = False
        self.served = False
        """A snapshot came."""
        self.left = False
        self.retry_s = 0.0
        self._crowd = crowd
        self._request = (path, host)
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        path, host = self._request
        key = base64.b64encode(os.urandom(16)).decode()
        upgrade = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13"
        self._transport.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{upgrade}\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        if not self.entered:
            self._enter(data)
        if not self.served and b'"snapshot"' in data:
            self.served = True
            self._crowd.open += 1
        if PING in data:
            self._transport.write(PONG)
        if b'"bye"' in data and (bye := BYE.search(data)):
            self.retry_s = int(bye[1]) / 1000
            self._crowd.counts["bye"] += 1
        if b"\x88" in data and (close := CLOSE.search(data)):
            self._crowd.counts[f"close {int.from_bytes(close[1], 'big')}"] += 1
            self._transport.close()

    def _enter(self, head: bytes) -> None:
        status = head[9:12].decode()
        self._crowd.counts[status] += 1
        if status != "101":
            found = re.search(rb"(?i)retry-after: (\d+)", head)
            self.retry_s = 0.0 if not found else float(found[1])
            self._transport.close()
            return
        self.entered = True

    def leave(self) -> None:
        self.left = True
        self._transport.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        if self.served:
            self._crowd.open -= 1
            self._crowd.counts["lost"] += not self.left
        if not self.over.done():
            self.over.set_result(None)


class Readers:
    """A crowd in a process of its own, as a test sees it."""

    def __init__(self, size: int, *urls: str, rise_s: float = 10.0, life_s: float = 0.0, spread: bool = True) -> None:
        how = (str(rise_s), str(life_s), str(int(spread)))
        command = [sys.executable, "-m", "tests.crowd", str(size), *how, *urls]
        self.lines: list[dict[str, Any]] = [{"at": 0.0, "open": 0}]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join(5)
        cast("Any", self._process.stdout).close()

    def _listen(self) -> None:
        for line in cast("Any", self._process.stdout):
            if line.endswith(b"\n"):
                self.lines.append(orjson.loads(line))

    @property
    def open(self) -> int:
        return int(self.lines[-1]["open"])

    def count(self, what: str) -> int:
        return int(self.lines[-1].get(what, 0))


def main() -> None:
    import uvloop  # noqa: PLC0415 - only here

    size, rise_s, life_s, spread, *urls = sys.argv[1:]
    crowd = Crowd(int(size), urls, rise_s=float(rise_s), life_s=float(life_s), spread=spread == "1")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(crowd.run())


if __name__ == "__main__":
    main()
