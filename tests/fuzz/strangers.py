"""Strangers' bytes by the hundred thousand, guided by coverage: `strangers.py head|websocket CORPUS -runs=N`.

`head` reads them as the head of a request, `websocket` as the frames of a reader whose commands are carried out.
Whatever is raised but a Violation, and whatever breaks a promise here, ends the run with the bytes that did it.
"""

import sys
from typing import cast

import atheris

with atheris.instrument_imports(include=["ticker.serve"]):
    from tests.conftest import make_board
    from ticker.model import BoardState, Language
    from ticker.serve import head
    from ticker.serve.commands import Session
    from ticker.serve.frames import CLOSE, PING, Frames, Violation, check_close
    from ticker.serve.group import Key
    from ticker.serve.hub import Hub
    from ticker.serve.message import PLAIN, Message
    from ticker.serve.websocket import LARGEST_MESSAGE, MOST_FRAGMENTS, WebSocket
    from ticker.settings import Server

BOARDS = {"krw": make_board("BTC", "ETH", "XRP", sources=("upbit",)), "usd": make_board("BTC", name="usd")}


class Stranger:
    """A reader made of paper, as a session and the hub know it."""

    def __init__(self, hub: Hub, key: Key) -> None:
        self.hub, self.key = hub, key
        self.language: Language = "ko"
        self.form = PLAIN
        self.fd = -1
        self.seq = 0
        self.closed = 0

    def send(self, message: Message) -> None:
        assert message.form(self.form)

    def say(self, payload: bytes) -> None:
        assert payload.startswith(b"{")

    def keep(self, rest: bytes) -> None:
        raise AssertionError(rest)

    def poke(self) -> None:
        """Nothing waits."""

    def close(self, code: int, _reason: str) -> None:
        self.closed = code

    def abort(self) -> None:
        raise AssertionError("cut without a reason")


def read_head(data: bytes) -> None:
    read = head.read(data + head.END)
    if read is not None:
        assert "host" in read.headers
        assert not any(set("\r\n\0") & set(name + value) for name, value in read.headers.items())


def read_websocket(data: bytes) -> None:
    hub = Hub(BOARDS, Server())
    for name in BOARDS:
        hub.replace(name, BoardState(1, 1))
    key = hub.key("krw", None, None)
    stranger = Stranger(hub, key)
    hub.join(stranger, key)
    session = Session(cast("WebSocket", stranger))
    frames = Frames(LARGEST_MESSAGE, MOST_FRAGMENTS, may_deflate=bool(data[:1] > b"\x7f"))
    try:
        for opcode, content in frames.feed(data[1:]):
            assert len(content) <= LARGEST_MESSAGE
            if opcode == CLOSE:
                check_close(content)
            elif opcode < CLOSE:
                session.command(content)
            else:
                assert opcode == PING or session.count() in {True, False}
    except Violation as broken:
        stranger.close(broken.code, broken.reason)
    assert stranger.closed in {0, 1002, 1007, 1009, 4029}


TARGETS = {"head": read_head, "websocket": read_websocket}

if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
