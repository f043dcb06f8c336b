"""I/O: one websocket reader.

Handshake and incoming frames are read by websockets' Sans-I/O protocol. Prepared frames go out as they are, straight
to the socket while nothing waits in the transport.

A reader that falls behind gets nothing more until its last frame is out; then it gets a fresh snapshot.
"""

import asyncio
import contextlib
from collections.abc import Callable
from os import write
from typing import Final

from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from ticker.commands import Session
from ticker.group import Key, Message
from ticker.hub import Hub
from ticker.model import Language

LARGEST_MESSAGE: Final = 4096
FAREWELL_S: Final = 2.0
"""How long the other side may take to answer our close."""


class WebSocket(asyncio.Protocol):
    """A member of a group of the hub."""

    __slots__ = (
        "_behind",
        "_farewell",
        "_fd",
        "_gone",
        "_is_text",
        "_parts",
        "_protocol",
        "_quiet",
        "_session",
        "_transport",
        "hub",
        "key",
        "language",
        "pinged",
        "seq",
    )

    def __init__(self, hub: Hub, key: Key, language: Language, gone: Callable[["WebSocket"], None]) -> None:
        self.hub = hub
        self.key = key
        self.language: Language = language
        self.seq = 0
        self.pinged = False
        """A ping is out and not answered yet."""
        self._gone = gone
        self._behind = False
        """It missed a message: it gets a snapshot when it can."""
        self._quiet = False
        """Nothing may be written: something waits in the transport, or the end has begun."""
        self._parts: list[bytes] = []
        self._is_text = True
        self._farewell: asyncio.TimerHandle | None = None
        self._session = Session(self)
        self._protocol = ServerProtocol(max_size=LARGEST_MESSAGE)
        self._transport: asyncio.Transport
        self._fd = -1

    def open(self, transport: asyncio.Transport, head: bytes) -> bool:
        """Answer the handshake in `head`; False when it was refused and the connection is closing."""
        self._transport = transport
        self._fd = transport.get_extra_info("socket").fileno()
        transport.set_protocol(self)
        transport.set_write_buffer_limits(0)
        self._protocol.receive_data(head)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._protocol.send_response(self._protocol.accept(event))
        self._push()
        if self._protocol.handshake_exc is not None:
            transport.close()
            return False
        return True

    # -- outgoing -----------------------------------------------------------------------------------------------------

    def send(self, message: Message) -> None:
        """Write a message; what does not fit waits in the transport, and nothing follows it until it is out."""
        if self._quiet:
            self._fall_behind()
            return
        frame = message.frame
        try:
            written = write(self._fd, frame)
        except BlockingIOError:
            written = 0
        except OSError:
            self._transport.abort()
            return
        if written != len(frame):
            self._transport.write(frame[written:])
            if self._quiet:
                self._fall_behind()

    def say(self, payload: bytes) -> None:
        """An answer for this reader alone."""
        self.send(Message(payload))

    def _fall_behind(self) -> None:
        if not self._behind and self._farewell is None:
            self._behind = True
            self.hub.fell_behind(self)

    def pause_writing(self) -> None:
        """Something waits in the transport."""
        self._quiet = True

    def resume_writing(self) -> None:
        """Everything is out: a reader who fell behind skips to how things are now."""
        self._quiet = self._farewell is not None
        if self._behind and not self._quiet:
            self._behind = False
            self.hub.resync(self, self.key)

    def ping(self) -> bool:
        """Ask whether the reader is there; False when it has not answered the last time."""
        if self.pinged:
            return False
        self.pinged = True
        with contextlib.suppress(InvalidState):
            self._protocol.send_ping(b"")
            self._push()
        return True

    def close(self, code: int, reason: str) -> None:
        """Say why and close; abort when the other side does not answer soon."""
        if self._farewell is not None:
            return
        with contextlib.suppress(InvalidState):
            self._protocol.send_close(code, reason)
            self._push()
        self._farewell = asyncio.get_running_loop().call_later(FAREWELL_S, self.abort)
        self._quiet = True

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    def _push(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()

    # -- incoming -----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Frames from the reader: commands, pongs, a close."""
        self._protocol.receive_data(data)
        self._push()
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
        if self._protocol.close_expected() and self._farewell is None:
            self._farewell = asyncio.get_running_loop().call_later(FAREWELL_S, self.abort)

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            self.pinged = False
        elif frame.opcode is Opcode.PING:
            self._session.count()
        elif frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            self._parts.append(bytes(frame.data))
            if frame.opcode is not Opcode.CONT:
                self._is_text = frame.opcode is Opcode.TEXT
            if frame.fin:
                message, self._parts = b"".join(self._parts), []
                self._message(message)

    def _message(self, message: bytes) -> None:
        if self._is_text:
            try:
                message.decode()
            except UnicodeDecodeError:
                self.close(1007, "not UTF-8")
                return
        self._session.command(message)

    def eof_received(self) -> None:
        """The reader closed its side."""
        self._protocol.receive_eof()
        self._push()

    def connection_lost(self, _error: Exception | None) -> None:
        """It is over, one way or another."""
        if self._farewell is not None:
            self._farewell.cancel()
        self._quiet = self._behind = True
        self.hub.leave(self, self.key)
        self._gone(self)
