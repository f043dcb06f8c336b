"""Pure: what a websocket client sends, frame by frame (RFC 6455 section 5), compressed or not (RFC 7692)."""

import zlib
from collections.abc import Iterator
from typing import Final

CONT: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10
OPCODES: Final = frozenset({CONT, TEXT, BINARY, CLOSE, PING, PONG})
FIN: Final = 0x80
RSV1: Final = 0x40
RESERVED: Final = 0x70
MASKED: Final = 0x80
LONGEST_CONTROL: Final = 125
HEADS: Final = {126: 4, 127: 10}
"""Bytes before the mask, by the length's first byte; 2 for every other."""
EMPTY_BLOCK: Final = b"\0\0\xff\xff"


class Violation(Exception):
    """The client broke the protocol; `code` is for the close frame."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Frames:
    """The incoming side of one websocket."""

    __slots__ = ("_buffer", "_first", "_largest", "_may_deflate", "_most", "_parts", "_size")

    def __init__(self, largest: int, most_fragments: int, *, may_deflate: bool) -> None:
        self._largest = largest
        self._most = most_fragments
        self._may_deflate = may_deflate
        self._buffer = b""
        self._first = 0
        """First byte of the message whose end has not come; 0 between messages."""
        self._parts: list[bytes] | None = None
        self._size = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The whole messages and control frames in the bytes so far, as (opcode, content); raises Violation."""
        data, at = self._buffer + data, 0
        while (head := self._head(data, at)) is not None:
            start, end = head
            first, mask = data[at], data[start - 4 : start]
            content, at = _unmasked(data[start:end], mask), end
            if first & 0x0F >= CLOSE:
                yield first & 0x0F, content
            elif (message := self._collect(first, content)) is not None:
                yield message
        self._buffer = data[at:]

    def _head(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Where the content of the next frame starts and ends; None while it has not come."""
        if len(data) < at + 2:
            return None
        self._check(data[at], data[at + 1])
        size = data[at + 1] & ~MASKED
        start = at + HEADS.get(size, 2) + 4
        if len(data) < start:
            return None
        if size in HEADS:
            size = int.from_bytes(data[at + 2 : start - 4], "big")
            if self._size + size > self._largest:
                raise Violation(1009, f"a message has at most {self._largest} bytes")
        return (start, start + size) if len(data) >= start + size else None

    def _check(self, first: int, second: int) -> None:
        """Raise for a frame that must not come, or must not come now."""
        opcode, reserved = first & 0x0F, first & RESERVED
        if opcode not in OPCODES or not second & MASKED:
            raise Violation(1002, "an unknown opcode, or not masked")
        if reserved and not (reserved == RSV1 and self._may_deflate and opcode in {TEXT, BINARY}):
            raise Violation(1002, "reserved bits are set")
        if opcode >= CLOSE:
            if not first & FIN or second & ~MASKED > LONGEST_CONTROL:
                raise Violation(1002, "a control frame is short and whole")
        elif (opcode == CONT) != bool(self._first):
            raise Violation(1002, "a continuation continues a message, and nothing else does")

    def _collect(self, first: int, content: bytes) -> tuple[int, bytes] | None:
        """Keep a piece; the message when it was the last one."""
        self._first = self._first or first
        parts = self._parts = self._parts or []
        parts.append(content)
        self._size += len(content)
        if self._size > self._largest or len(parts) > self._most:
            raise Violation(1009, "too large, or in too many pieces")
        if not first & FIN:
            return None
        message, first = b"".join(parts), self._first
        self._first, self._parts, self._size = 0, None, 0
        if first & RSV1:
            message = self._inflated(message)
        if first & 0x0F == TEXT and not is_text(message):
            raise Violation(1007, "not UTF-8")
        return first & 0x0F, message

    def _inflated(self, message: bytes) -> bytes:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = inflate.decompress(message + EMPTY_BLOCK, self._largest + 1)
        except zlib.error:
            raise Violation(1007, "not compressed as agreed") from None
        if len(data) > self._largest:
            raise Violation(1009, f"a message has at most {self._largest} bytes")
        return data


def is_text(data: bytes) -> bool:
    """Whether these bytes are UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def check_close(content: bytes) -> None:
    """Raise for a close frame that says something forbidden (section 7.4)."""
    if not content:
        return
    code = int.from_bytes(content[:2], "big")
    public = 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999  # noqa: PLR2004
    if len(content) == 1 or not public:
        raise Violation(1002, "not a close code")
    if not is_text(content[2:]):
        raise Violation(1007, "not UTF-8")


def _unmasked(data: bytes, mask: bytes) -> bytes:
    size = len(data)
    pattern = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(pattern, "big")).to_bytes(size, "big")
