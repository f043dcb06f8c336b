"""For Autobahn's fuzzing client: the server's own door and websocket, but what is said comes back.

`python tests/autobahn_echo.py PORT`, then `../shared/tools/autobahn.sh ws://127.0.0.1:PORT/v1/stream OUT`.
"""

import asyncio
import sys
from collections.abc import Callable

import uvloop

from tests.server import BOARD, Files
from ticker.serve.commands import Session
from ticker.serve.door import Door
from ticker.serve.group import Key
from ticker.serve.handshake import accept
from ticker.serve.head import Head
from ticker.serve.hub import Hub
from ticker.serve.message import Message, header
from ticker.serve.reader import Reader
from ticker.serve.websocket import WebSocket
from ticker.settings import Server, Settings

BINARY = 0x82


class Patient(Session):
    """Nothing is too much."""

    def count(self) -> bool:
        return True


class Echo(WebSocket):
    """Says back every message, as the hub's messages are sent."""

    __slots__ = ()

    largest_message = 32 << 20
    most_fragments = 1 << 30
    send_buffer = 1 << 20

    def __init__(self, hub: Hub, gone: Callable[[Reader], None]) -> None:
        super().__init__(hub, Key("krw", None, 200), "ko", gone)
        self._session = Patient(self)

    def _message(self, message: bytes, *, is_text: bool) -> None:
        data = Message(message).form(self.form) if is_text else header(BINARY, len(message)) + message
        self._put(data)


class EchoDoor(Door):
    """Lets everybody in who asks for a websocket."""

    def admit(
        self, transport: asyncio.Transport, request: Head, early: bytes, gone: Callable[[Reader], None] | None = None
    ) -> None:
        answer, deflate = accept(request)
        reader = Echo(self.hub, gone or self.lobby.left)
        self.lobby.enter(reader, request.path)
        reader.open(transport, answer, deflate=deflate)
        if early:
            reader.data_received(early)


async def serve(port: int) -> None:
    settings = Settings(server=Server(port=port, slow_after_s=3600))
    door = EchoDoor(Hub({"krw": BOARD}, settings.server), settings, Files())
    await door.open()
    await door.run()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
