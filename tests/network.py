"""What lies between two programs: TCP links that a test freezes, cuts and heals, on an event loop of their own."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Coroutine
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

Result = TypeVar("Result")
CHUNK = 65536


class Background:
    """An event loop in a thread: what a test has around the program goes on while the test waits."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.run(_end_tasks())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Let something go on until the end."""
        asyncio.run_coroutine_threadsafe(work, self.loop)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do something on the loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)


async def _end_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Link:
    """A way to a port: whole, frozen (open and silent, as when packets are lost), or down (nobody answers the dial)."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.dials: list[float] = []
        """When somebody dialled, by the steady clock."""
        self._target = port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._down = False
        self._server: asyncio.Server
        self._streams: set[asyncio.StreamWriter] = set()
        self._handlers: set[asyncio.Task[None]] = set()

    async def open(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        self._server.close()
        for handler in list(self._handlers):
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    async def freeze(self) -> None:
        """Nothing goes through and nobody is told."""
        self._flowing.clear()

    async def thaw(self) -> None:
        """What was sent meanwhile arrives, and all goes on."""
        self._flowing.set()

    async def forget(self) -> None:
        """Whoever dials now gets through; what is connected stays frozen for ever, as when a router forgot it."""
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def go_down(self) -> None:
        """Every connection is cut, and whoever dials is cut too."""
        self._down = True
        await self.cut()

    async def come_up(self) -> None:
        self._down = False

    async def cut(self) -> None:
        """Every connection is reset."""
        for stream in list(self._streams):
            stream.transport.abort()

    def aim(self, port: int) -> None:
        """Whoever dials from now on reaches another port."""
        self._target = port

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.dials.append(time.monotonic())
        self._handlers.add(task)
        self._streams.add(writer)
        try:
            if not self._down:
                flowing = self._flowing
                await flowing.wait()
                beyond, onward = await asyncio.open_connection("127.0.0.1", self._target)
                self._streams.add(onward)
                try:
                    await asyncio.gather(_pump(reader, onward, flowing), _pump(beyond, writer, flowing))
                finally:
                    self._streams.discard(onward)
                    onward.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._handlers.discard(task)
            self._streams.discard(writer)
            writer.transport.abort()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, flowing: asyncio.Event) -> None:
    while data := await source.read(CHUNK):
        await flowing.wait()
        sink.write(data)
        await sink.drain()
    with contextlib.suppress(OSError):
        sink.write_eof()


def port_of(url: str) -> int:
    """The port in an address."""
    return urlsplit(url).port or 0
