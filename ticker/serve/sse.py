"""I/O: one reader of server-sent events: the same messages as on the websocket, over plain HTTP.

The stream ends with its connection, so that every byte can be prepared: no length, no chunks.
"""

import asyncio
from email.utils import formatdate
from typing import Final

from ticker.serve.message import EVENT
from ticker.serve.reader import Reader

RETRY_MS: Final = 5000
HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "Connection": "close",
}


class EventStream(Reader):
    """A member of a group of the hub."""

    __slots__ = ()

    own_form = EVENT

    def open(self, transport: asyncio.Transport, headers: dict[str, str]) -> None:
        """Send the head of the answer and how soon a lost reader should come back."""
        self.take(transport)
        more = {"Date": formatdate(usegmt=True)} | headers | HEADERS
        lines = "".join(f"{name}: {value}\r\n" for name, value in more.items())
        self._put(f"HTTP/1.1 200 OK\r\n{lines}\r\nretry: {RETRY_MS}\n\n".encode())

    def data_received(self, data: bytes) -> None:
        """Nothing can be said on a connection that streams."""

    def close(self, code: int, reason: str) -> None:  # noqa: ARG002 - event streams have no close codes
        """End the stream; the browser comes back by itself."""
        if self._transport.get_write_buffer_size():
            self.abort()
        else:
            self._end()
            self._transport.close()
