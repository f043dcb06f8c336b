"""I/O: one reader of server-sent events: the same messages as on the websocket, over plain HTTP."""

import asyncio

from aiohttp import web

from ticker.group import Key, Message
from ticker.hub import Hub
from ticker.model import Language

RETRY_MS = 5000
HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}


class EventStream:
    """A member of a group of the hub; while one message is on its way, later ones wait as one fresh snapshot."""

    def __init__(self, hub: Hub, key: Key, language: Language) -> None:
        self.hub = hub
        self.key = key
        self.language: Language = language
        self.seq = 0
        self._next: Message | None = None
        self._sending = False
        self._behind = False
        self._closed = False
        self._wake = asyncio.Event()

    def send(self, message: Message) -> None:
        """Hand over the next message, or fall behind."""
        if self._next is not None or self._sending:
            self._behind = True
            self.hub.fell_behind(self)
        else:
            self._next = message
            self._wake.set()

    def close(self, code: int, reason: str) -> None:  # noqa: ARG002 - event streams have no close codes
        """End the stream; the browser comes back by itself."""
        self._closed = True
        self._wake.set()

    async def run(self, response: web.StreamResponse) -> None:
        """Write what comes until the reader goes or the stream is closed."""
        await response.write(b"retry: %d\n\n" % RETRY_MS)
        self.hub.join(self, self.key)
        try:
            while not self._closed:
                await self._wake.wait()
                self._wake.clear()
                await self._write(response)
        finally:
            self.hub.leave(self, self.key)

    async def _write(self, response: web.StreamResponse) -> None:
        message, self._next = self._next, None
        if message is None:
            return
        self._sending = True
        try:
            await response.write(message.event)
        finally:
            self._sending = False
        if self._behind:
            self._behind = False
            self.hub.resync(self, self.key)
