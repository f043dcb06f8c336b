"""What a reader may say on a websocket: subscribe, snapshot, ping; at most ten messages in ten seconds."""

import time
from typing import TYPE_CHECKING, Any, Final

import orjson

from ticker.model import Board
from ticker.serve import wire
from ticker.serve.audience import Busy
from ticker.serve.query import MOST_SYMBOLS, Refusal, board_of, language_of, sorted_out

if TYPE_CHECKING:
    from ticker.serve.websocket import WebSocket

MOST_MESSAGES: Final = 10
SPAN_S: Final = 10.0
LONGEST_ID: Final = 64


class Session:
    """The commands of one reader."""

    __slots__ = ("_heard", "_socket")

    def __init__(self, socket: "WebSocket") -> None:
        self._socket = socket
        self._heard: tuple[float, ...] = ()
        """When the last messages came, the oldest first."""

    def count(self) -> bool:
        """One more message; False when there were too many and the reader is closed."""
        now = time.monotonic()
        self._heard = tuple(at for at in self._heard if now - at < SPAN_S)
        if len(self._heard) >= MOST_MESSAGES:
            self._socket.close(4029, "too many messages")
            return False
        self._heard += (now,)
        return True

    def command(self, text: bytes) -> None:
        """Carry out one message, or answer what is wrong with it."""
        if not self.count():
            return
        try:
            self._carry_out(_object(text))
        except Refusal as refusal:
            self._socket.say(wire.error(refusal.code, refusal.message))
        except Busy:
            self._socket.say(wire.error("busy", "too many different subscriptions; you keep what you have"))

    def _carry_out(self, command: dict[str, Any]) -> None:
        match command.get("op"):
            case "subscribe":
                self._subscribe(command)
            case "snapshot":
                self._socket.hub.resync(self._socket)
            case "ping":
                id_ = command.get("id")
                short = isinstance(id_, int | float) or (isinstance(id_, str) and len(id_) <= LONGEST_ID)
                self._socket.say(wire.pong(id_ if short else None, time.time_ns() // 1_000_000))
            case _:
                raise Refusal("unknown_op", "op is subscribe, snapshot or ping")

    def _subscribe(self, command: dict[str, Any]) -> None:
        hub, socket = self._socket.hub, self._socket
        board = board_of(hub.configured, self._board(command))
        symbols, rejected = _choice(board, command.get("symbols"))
        language = language_of({"lang": command["lang"]}) if isinstance(command.get("lang"), str) else socket.language
        interval = command.get("interval_ms")
        key = hub.key(board.name, symbols, interval if isinstance(interval, int) and interval > 0 else None)
        hub.make_room(key)
        socket.language = language
        socket.say(wire.subscribed(board.name, symbols or board.symbols, rejected))
        if key != socket.key:
            hub.move(socket, key)
        else:
            hub.resync(socket)

    def _board(self, command: dict[str, Any]) -> str:
        name, quote = command.get("board"), command.get("quote")
        if name is not None:
            return str(name)
        if quote is not None:
            found = (board.name for board in self._socket.hub.configured.values() if board.quote == quote)
            return next(found, f"of quote {str(quote)[:12]}")
        return self._socket.key.board


def _choice(board: Board, wanted: Any) -> tuple[tuple[str, ...] | None, list[str]]:
    """The symbols a command asks for, None for all of them, and those the board does not have."""
    if wanted is None or wanted == []:
        return None, []
    if not isinstance(wanted, list):
        raise Refusal("bad_json", "symbols is a list")
    if len(wanted) > MOST_SYMBOLS:
        raise Refusal("too_many", f"at most {MOST_SYMBOLS} symbols")
    symbols, rejected = sorted_out(board, wanted)
    if not symbols:
        raise Refusal("unknown_symbol", f"board {board.name} has none of these symbols")
    return symbols, rejected


def _object(text: bytes) -> dict[str, Any]:
    try:
        command = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Refusal("bad_json", "a message is one JSON object") from None
    if not isinstance(command, dict):
        raise Refusal("bad_json", "a message is one JSON object")
    return command
