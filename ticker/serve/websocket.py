"""I/O: one websocket reader: answers its handshake and its control frames, and takes its commands."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from ticker.model import Language
from ticker.serve import wire
from ticker.serve.commands import Session
from ticker.serve.frames import CLOSE, PING, PONG, TEXT, Frames, Violation, check_close
from ticker.serve.group import Key
from ticker.serve.hub import Hub
from ticker.serve.message import DEFLATED, PLAIN, Message, header
from ticker.serve.query import RETRY_AFTER_S
from ticker.serve.reader import Reader

LARGEST_MESSAGE: Final = 4096
MOST_FRAGMENTS: Final = 64
MOST_AFTER_THE_END: Final = 1 << 20
FINAL: Final = 0x80
RETRY_MS: Final = 1000 * RETRY_AFTER_S["busy"]


def control(opcode: int, content: bytes) -> bytes:
    """A control frame."""
    return header(FINAL | opcode, len(content)) + content


def closing(code: int, reason: str) -> bytes:
    """What a close frame says."""
    return code.to_bytes(2, "big") + reason.encode()


FULL: Final = Message(wire.bye("full", RETRY_MS)).form(PLAIN) + control(CLOSE, closing(1013, "full"))
"""What a reader gets behind the answer to its handshake when there is no room."""


class WebSocket(Reader):
    """A member of a group of the hub."""

    __slots__ = ("_after", "_farewell", "_frames", "_session", "pinged")

    largest_message = LARGEST_MESSAGE
    most_fragments = MOST_FRAGMENTS

    def __init__(self, hub: Hub, key: Key, language: Language, gone: Callable[[Reader], None]) -> None:
        super().__init__(hub, key, language, gone)
        self.pinged = False
        """A ping is out and not answered yet."""
        self._after = 0
        """Bytes that came after the end."""
        self._farewell: asyncio.TimerHandle | None = None
        self._session = Session(self)
        self._frames: Frames

    def open(self, transport: asyncio.Transport, answer: bytes, *, deflate: bool) -> None:
        """Answer the handshake; from here on the connection is a websocket, compressed where agreed."""
        self.take(transport)
        if deflate:
            self.form = DEFLATED
        self._frames = Frames(self.largest_message, self.most_fragments, may_deflate=deflate)
        self._put(answer)

    # -- outgoing -----------------------------------------------------------------------------------------------------

    def ping(self) -> bool:
        """Ask whether the reader is there; False when it has not answered the last time."""
        if self._closing:
            return True
        if self.pinged:
            return False
        self.pinged = True
        self._put(control(PING, b""))
        return True

    def close(self, code: int, reason: str) -> None:
        """Say why and close."""
        if not self._closing:
            self._finish(closing(code, reason))

    def _finish(self, content: bytes) -> None:
        """Send a close frame and close our side, alone: a socket closed with bytes unread takes our frame along."""
        self._put(control(CLOSE, content))
        self._end()
        with contextlib.suppress(OSError):
            self._transport.write_eof()
        self._farewell = asyncio.get_running_loop().call_later(self.hub.farewell_s, self.abort)

    # -- incoming -----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Frames from the reader: commands, pongs, a close."""
        if self._closing:
            self._after += len(data)
            if self._after > MOST_AFTER_THE_END:
                self.abort()
            return
        try:
            for opcode, content in self._frames.feed(data):
                self._take(opcode, content)
                if self._closing:
                    break
        except Violation as violation:
            self.close(violation.code, violation.reason)

    def _take(self, opcode: int, content: bytes) -> None:
        if opcode == CLOSE:
            check_close(content)
            self._finish(content)
        elif opcode == PONG and self.pinged:
            self.pinged = False
        elif opcode in {PING, PONG}:
            if self._session.count() and opcode == PING:
                self._put(control(PONG, content))
        else:
            self._message(content, is_text=opcode == TEXT)

    def _message(self, message: bytes, *, is_text: bool) -> None:  # noqa: ARG002 - commands come either way
        """One whole message from the reader."""
        self._session.command(message)

    def connection_lost(self, error: Exception | None) -> None:
        """It is over, one way or another."""
        if self._farewell is not None:
            self._farewell.cancel()
        super().connection_lost(error)
        del self._session  # it knows us: without this, readers who left would wait for the garbage collector
