"""I/O: one websocket reader. Handshake and incoming frames are read by websockets' Sans-I/O protocol."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

from websockets.exceptions import NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import ExtensionParameter

from ticker.commands import Session
from ticker.group import Key
from ticker.hub import Hub
from ticker.message import DEFLATED, WINDOW
from ticker.model import Language
from ticker.reader import Reader

LARGEST_MESSAGE: Final = 4096
MOST_FRAGMENTS: Final = 64
MOUTHFUL: Final = 4096
"""Bytes of incoming frames that are read before anybody looks whether there were too many."""
MOST_AFTER_THE_END: Final = 1 << 20


class Deflate(ServerPerMessageDeflateFactory):
    """Compression whose messages stand alone, so that one is right for every reader who takes its window."""

    def __init__(self) -> None:
        super().__init__(server_no_context_takeover=True, client_no_context_takeover=True)

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """Decline readers whose window is smaller than ours."""
        answer, extension = super().process_request_params(params, accepted_extensions)
        if extension.local_max_window_bits < WINDOW:
            raise NegotiationError(f"server_max_window_bits is at least {WINDOW}")
        return answer, extension


EXTENSIONS: Final = (Deflate(),)


class WebSocket(Reader):
    """A member of a group of the hub."""

    __slots__ = ("_after", "_farewell", "_is_text", "_parts", "_protocol", "_session", "pinged")

    largest_message = LARGEST_MESSAGE
    most_fragments = MOST_FRAGMENTS

    def __init__(self, hub: Hub, key: Key, language: Language, gone: Callable[[Reader], None]) -> None:
        super().__init__(hub, key, language, gone)
        self.pinged = False
        """A ping is out and not answered yet."""
        self._after = 0
        """Bytes that came after the end."""
        self._parts: list[bytes] = []
        self._is_text = True
        self._farewell: asyncio.TimerHandle | None = None
        self._session = Session(self)
        self._protocol = ServerProtocol(max_size=self.largest_message, extensions=EXTENSIONS)

    def open(self, transport: asyncio.Transport, head: bytes) -> bool:
        """Answer the handshake in `head`; False when it was refused and the connection is closing."""
        self.take(transport)
        self._protocol.receive_data(head)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._protocol.send_response(self._protocol.accept(event))
        self._push()
        if self._protocol.extensions:
            self.form = DEFLATED
        return not self._closing

    # -- outgoing -----------------------------------------------------------------------------------------------------

    def ping(self) -> bool:
        """Ask whether the reader is there; False when it has not answered the last time."""
        if self._closing:
            return True
        if self.pinged:
            return False
        self.pinged = True
        self._protocol.send_ping(b"")
        self._push()
        return True

    def close(self, code: int, reason: str) -> None:
        """Say why and close."""
        if not self._closing:
            self._protocol.fail(code, reason)
            self._push()

    def _push(self) -> None:
        """Write what the protocol has to say, behind what waits already."""
        for data in self._protocol.data_to_send():
            if not data:
                self._finish()
            elif self._transport.get_write_buffer_size():
                self._transport.write(data)
            else:
                self._put(data)

    def _finish(self) -> None:
        """Our side is done: close it alone, for a socket closed with bytes unread would take our last frame along."""
        self._closing = self._stuck = True
        with contextlib.suppress(OSError):
            self._transport.write_eof()
        self._farewell = asyncio.get_running_loop().call_later(self.hub.farewell_s, self.abort)

    # -- incoming -----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Frames from the reader: commands, pongs, a close."""
        for at in range(0, len(data), MOUTHFUL):
            if self._closing:
                self._after += len(data) - at
                break
            self._protocol.receive_data(data[at : at + MOUTHFUL])
            self._push()
            for event in self._protocol.events_received():
                if isinstance(event, Frame) and not self._closing:
                    self._take(event)
        if self._after > MOST_AFTER_THE_END:
            self.abort()

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG and self.pinged:
            self.pinged = False
        elif frame.opcode is Opcode.PING or frame.opcode is Opcode.PONG:
            self._session.count()
        elif frame.opcode is not Opcode.CLOSE:
            self._collect(frame)

    def _collect(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        self._parts.append(bytes(frame.data))
        if frame.fin:
            message, self._parts = b"".join(self._parts), []
            self._judge(message)
        elif len(self._parts) > self.most_fragments:
            self.close(1009, "too many fragments")

    def _judge(self, message: bytes) -> None:
        if self._is_text:
            try:
                message.decode()
            except UnicodeDecodeError:
                self.close(1007, "not UTF-8")
                return
        self._message(message)

    def _message(self, message: bytes) -> None:
        """One whole message from the reader."""
        self._session.command(message)

    def eof_received(self) -> None:
        """The reader closed its side."""
        self._protocol.receive_eof()
        self._push()

    def connection_lost(self, error: Exception | None) -> None:
        """It is over, one way or another."""
        if self._farewell is not None:
            self._farewell.cancel()
        super().connection_lost(error)
