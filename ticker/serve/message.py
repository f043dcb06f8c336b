"""Pure: one message in the forms it travels in, each made once however many readers get it.

Readers who negotiated permessage-deflate (RFC 7692) get the same compressed bytes: without context takeover a message
depends on none before it, and every window from `WINDOW` bits on can read it.
"""

import zlib
from typing import Final

PLAIN: Final = 0
"""A websocket text frame as servers send it: final, unmasked."""
DEFLATED: Final = 1
"""The same, compressed where that pays."""
EVENT: Final = 2
"""A server-sent event."""

TEXT: Final = 0x81
TEXT_DEFLATED: Final = 0xC1
WORTH_IT: Final = 256
"""Bytes; shorter messages are not compressed."""
WINDOW: Final = 12
LEVEL: Final = 6
EMPTY_BLOCK: Final = 4
"""Bytes that end a flush and that every message leaves out."""


class Message:
    """One message to readers."""

    __slots__ = ("_forms", "payload")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self._forms: list[bytes | None] = [None, None, None]

    def form(self, kind: int) -> bytes:
        """The bytes to write to a reader of this kind."""
        return self._forms[kind] or self._make(kind)

    def _make(self, kind: int) -> bytes:
        made = self._forms[kind] = (_plain, _deflated, _event)[kind](self.payload)
        return made


def header(first: int, length: int) -> bytes:
    """The head of an unmasked websocket frame (RFC 6455 section 5.2); `first` is FIN, RSV1 and the opcode."""
    if length < 126:  # noqa: PLR2004
        return bytes((first, length))
    if length < 1 << 16:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")


def _plain(payload: bytes) -> bytes:
    return header(TEXT, len(payload)) + payload


def _deflated(payload: bytes) -> bytes:
    if len(payload) < WORTH_IT:
        return _plain(payload)
    deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -WINDOW)
    data = (deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-EMPTY_BLOCK]
    return header(TEXT_DEFLATED, len(data)) + data


def _event(payload: bytes) -> bytes:
    return b"data: " + payload + b"\n\n"
