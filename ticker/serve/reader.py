"""I/O: one reader's connection; prepared bytes go straight to the socket while nothing waits in the transport.

A reader that cannot take all of a message gets the rest through the transport and nothing more until that is out. If
it missed a message meanwhile it gets a fresh snapshot then: never more than one cut message waits for anybody.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Final

from ticker.model import Language
from ticker.serve.group import Key
from ticker.serve.hub import Hub
from ticker.serve.message import PLAIN, Message

SEND_BUFFER: Final = 32 * 1024
"""Bytes the kernel keeps for one reader (it doubles them for its own bookkeeping): old prices are not worth more."""
ROOM: Final = 16 * 1024
"""Bytes of answers to commands that may wait behind a cut message."""


class Reader(asyncio.Protocol):
    """A member of a group of the hub."""

    __slots__ = ("_closing", "_gone", "_stuck", "_transport", "fd", "form", "hub", "key", "language", "seq")

    own_form = PLAIN
    """The form of answers for one reader alone."""
    send_buffer = SEND_BUFFER

    def __init__(self, hub: Hub, key: Key, language: Language, gone: Callable[["Reader"], None]) -> None:
        self.hub = hub
        self.key = key
        self.language: Language = language
        self.seq = 0
        self.form = self.own_form
        self._gone = gone
        self._stuck = False
        """Nothing may be written to the socket: something waits in the transport, or the end has begun."""
        self._closing = False
        self._transport: asyncio.Transport
        self.fd = -1

    def take(self, transport: asyncio.Transport) -> None:
        """From here on the connection is this reader's."""
        self._transport = transport
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.send_buffer)
        self.fd = connection.fileno()
        transport.set_protocol(self)
        transport.set_write_buffer_limits(0)
        if transport.get_write_buffer_size():  # an answer to a question before, on a connection used for both
            self._stuck = True
            self.hub.fell_behind(self)

    def send(self, message: Message) -> None:
        """Write a message for this reader alone."""
        self._put(message.form(self.form))

    def say(self, payload: bytes) -> None:
        """An answer for this reader alone; dropped when too much waits already."""
        data = Message(payload).form(self.own_form)
        if not self._closing and self._transport.get_write_buffer_size() + len(data) <= ROOM:
            self._put(data)

    def _put(self, data: bytes) -> None:
        """Write bytes, behind what waits already."""
        self.hub.counts["bytes"] += len(data)
        if self._stuck:
            self._transport.write(data)
            return
        try:
            written = os.write(self.fd, data)
        except BlockingIOError:
            written = 0
        except OSError:
            self.abort()
            return
        if written < len(data):
            self.keep(data[written:])

    def keep(self, rest: bytes) -> None:
        """Write what the socket did not take as soon as it can."""
        self._transport.write(rest)
        if self._transport.get_write_buffer_size():
            self._stuck = True
            if not self._closing:
                self.hub.fell_behind(self)

    def resume_writing(self) -> None:
        """Everything is out."""
        self.poke()

    def poke(self) -> None:
        """Take part again, if everything is out."""
        if self._closing or not self._stuck or self._transport.get_write_buffer_size():
            return
        self._stuck = False
        self.hub.caught_up(self)

    def ping(self) -> bool:
        """Ask whether the reader is there; False when it has not answered the last time."""
        return True

    def close(self, code: int, reason: str) -> None:  # noqa: ARG002 - only websockets can tell
        """End the connection; a websocket tells why first."""
        self.abort()

    def abort(self) -> None:
        """End the connection at once."""
        self._end()
        self._transport.abort()

    def _end(self) -> None:
        """Nothing more is written, and nobody counts on it."""
        self._stuck = self._closing = True
        self.hub.leave(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """It is over, one way or another."""
        self._end()
        self._gone(self)
