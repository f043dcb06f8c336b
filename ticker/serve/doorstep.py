"""I/O: a new connection, until it is known what it wants.

The hot snapshot is answered from prepared bytes; whatever is unusual goes to aiohttp untouched.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

from msgspec import Struct

from ticker.model import Board, Language
from ticker.serve import head, query
from ticker.serve.head import END, LONGEST, Head, accepts_gzip, board_in, garbled
from ticker.serve.query import Refusal
from ticker.serve.refused import LATE_S, NO_ROOM, turn_away
from ticker.serve.snapshots import date_of

if TYPE_CHECKING:
    from ticker.serve.door import Door

STREAM: Final = "/v1/stream"
SNAPSHOT: Final = "/v1/snapshot"
SHORT: Final = 1024


class Question(Struct, frozen=True):
    """A plain question: a whole board in one language, answered from prepared bytes."""

    board: str
    language: Language
    known: str
    """The tags of what the reader has already."""
    zipped: bool


def question_of(request: Head, boards: Mapping[str, Board]) -> Question | None:
    """The question in a request; None where another reader must answer."""
    board = board_in(request.path, SNAPSHOT)
    usual = request.method == "GET" and request.headers.get("connection", "keep-alive").lower() == "keep-alive"
    if board is None or not usual or "upgrade" in request.headers:
        return None
    try:
        wish = query.wish(boards, board or None, request.query)
    except Refusal:
        return None
    if wish.symbols is not None:
        return None
    known, zipped = request.headers.get("if-none-match", ""), accepts_gzip(request.headers)
    return Question(wish.board, wish.language, known, zipped)


class Visitor(asyncio.Protocol):
    """One new connection, until it is known what it wants."""

    __slots__ = ("_data", "_deadline", "_door", "_full", "_late", "_loop", "_timer", "_transport")

    def __init__(self, door: "Door") -> None:
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._data = b""
        self._full = False
        """The answers given so far are not read yet."""
        self._late = False
        """There is no room for it."""
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody knocked."""
        self._transport = cast("asyncio.Transport", transport)
        number = self._transport.get_extra_info("socket").fileno()
        self._late = number >= self._door.room.polite
        self._door.refused += self._late
        if number >= self._door.room.last:
            self.abort()
            return
        self._door.visitors.add(self)
        self._deadline = self._loop.time() + (LATE_S if self._late else self._door.patience_s)
        self._look()

    def connection_lost(self, _error: Exception | None) -> None:
        """It went away before it said what it wanted."""
        self._forget()

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    # -- patience -----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Wake up when the patience would end, and see whether it has been renewed meanwhile."""
        if self._timer is not None and self._loop.time() >= self._deadline:
            self.abort()
        else:
            self._timer = self._loop.call_at(self._deadline, self._look)

    def _forget(self) -> None:
        """The connection is somebody else's now, or nobody's."""
        self._door.visitors.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    # -- requests -----------------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """The answers are not read: no further questions."""
        self._full = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """They are."""
        self._full = False
        self._transport.resume_reading()
        self._serve()

    def data_received(self, data: bytes) -> None:
        """More of a request's head."""
        self._data += data
        if self._late:
            self._send_away()
        else:
            self._serve()

    def _serve(self) -> None:
        while self._data and not self._full:
            end = self._data.find(END)
            if end < 0:
                if len(self._data) > LONGEST or garbled(self._data):
                    self._hand_over()
                return
            if not self._answer(self._data[: end + len(END)]):
                return

    def _send_away(self) -> None:
        end = self._data.find(END)
        if end >= 0 or len(self._data) > LONGEST:
            self._forget()
            turn_away(self._transport, head.read(self._data[: end + len(END)]), NO_ROOM)

    def _answer(self, data: bytes) -> bool:
        """Answer a request here and wait for the next one; False when the connection is somebody else's now."""
        question = self._door.questions.get(data) or self._read(data)
        if question is None:
            return False
        self._data = self._data[len(data) :]
        self._deadline = self._loop.time() + self._door.patience_s
        snapshot = self._door.snapshots.get(question.board, question.language)
        known = snapshot.is_known(question.known)
        self._door.snapshots.counts["304" if known else "200"] += 1
        self._transport.write(snapshot.answer(date_of(int(time.time())), known=known, zipped=question.zipped))
        return True

    def _read(self, data: bytes) -> Question | None:
        """What a head asks that was not seen before; None when the connection has been given away."""
        request = head.read(data)
        if request is not None and board_in(request.path, STREAM) is not None and head.is_upgrade(request):
            self._forget()
            self._door.admit(self._transport, request, self._data[len(data) :])
            return None
        question = question_of(request, self._door.hub.configured) if request is not None else None
        if question is None or not self._door.hub.ready:
            self._hand_over()
            return None
        if len(data) < SHORT:
            self._door.remember(data, question)
        return question

    def _hand_over(self) -> None:
        """From here on the connection is aiohttp's, the bytes read so far included."""
        self._forget()
        protocol = self._door.aiohttps()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._data)
