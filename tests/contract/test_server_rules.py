"""The websocket protocol's own rules: frames, closes, pings, and who does not keep to them."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.server import DEADLINE_S, UPGRADE, Node, ended, heard, raw, row, serving, until
from ticker.serve.message import header


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with serving() as made:
        yield made


TEXT, CONT, CLOSE, PING = 1, 0, 8, 9


def frame(opcode: int, data: bytes, *, fin: bool = True, rsv1: bool = False) -> bytes:
    """A client's frame, right or wrong, masked with zeros."""
    plain = header(fin << 7 | rsv1 << 6 | opcode, len(data))
    return plain[:1] + bytes((plain[1] | 0x80,)) + plain[2:] + bytes(4) + data


BOMB = zlib.compressobj(9, zlib.DEFLATED, -15)
BOMBS = (BOMB.compress(bytes(1 << 20)) + BOMB.flush(zlib.Z_SYNC_FLUSH))[:-4]


BROKEN = [
    (frame(TEXT, b"x" * 4097), 1009),
    (frame(TEXT, b"x" * 1_000_000), 1009),  # the rest is still under way when the answer is given
    (frame(TEXT, b"x" * 3000, fin=False) + frame(CONT, b"x" * 3000), 1009),
    (frame(TEXT, b"", fin=False) + frame(CONT, b"", fin=False) * 100, 1009),
    (frame(TEXT, BOMBS, rsv1=True), 1009),
    (frame(TEXT, b"\xff\xfe"), 1007),
    (frame(TEXT, b"\xf0\x9f", fin=False) + frame(CONT, b"\x92"), 1007),
    (frame(CLOSE, struct.pack("!H", 1000) + b"\xff"), 1007),
    (b"\x81\x02{}", 1002),  # not masked
    (frame(CONT, b"x"), 1002),
    (frame(TEXT, b"x", fin=False) + frame(TEXT, b"x"), 1002),
    (frame(PING, b"x", fin=False), 1002),
    (b"\x83\x80\0\0\0\0", 1002),  # no such opcode
    (frame(PING, b"") * 50_000, 4029),
]


@pytest.mark.parametrize(("data", "code"), BROKEN)
async def test_broken_rules_end_with_their_code(node: Node, data: bytes, code: int) -> None:
    """Seen failing without the limits of messages and of what a frame inflates to, the mask, and the check of UTF-8."""
    async with connect(f"{node.ws}/krw") as client:
        await heard(client)
        client.transport.write(data)
        assert await ended(client) == code
    await until(lambda: node.door.lobby.clients == 0)


async def test_a_command_may_come_in_pieces_with_a_ping_between(node: Node) -> None:
    pieces = frame(TEXT, b'{"op":"pi', fin=False) + frame(PING, b"!") + frame(CONT, b'ng","id":9}')
    async with connect(f"{node.ws}/krw") as client:
        await heard(client)
        for at in range(len(pieces)):
            client.transport.write(pieces[at : at + 1])
            await asyncio.sleep(0)
        assert (await heard(client))["id"] == 9


async def test_frames_that_come_with_the_handshake_are_not_lost(node: Node) -> None:
    head = f"GET /v1/stream/krw HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n".encode()
    async with raw(node) as (reader, writer):
        writer.write(head + frame(TEXT, b'{"op":"ping","id":"early"}'))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        await reader.readuntil(b'"id":"early"')


async def test_a_close_is_answered_at_once(node: Node) -> None:
    async with asyncio.timeout(1):
        async with connect(f"{node.ws}/krw") as client:
            await heard(client)
        assert (client.close_code, client.close_reason) == (1000, "")
    async with asyncio.timeout(1), raw(node) as (reader, writer):
        writer.write(f"GET /v1/stream HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n".encode())
        await reader.readuntil(b'"rows":')
        writer.write(frame(CLOSE, struct.pack("!H", 1001) + b"bye"))
        assert (await reader.read()).endswith(b"\x88\x05\x03\xe9bye")  # and the end of the stream, though ours is open


async def test_who_is_gone_without_a_word_is_forgotten(node: Node) -> None:
    async with raw(node) as (reader, writer):
        writer.write(f"GET /v1/stream HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n".encode())
        await reader.readuntil(b'"rows":')
        await until(lambda: node.door.lobby.clients == 1)
        writer.transport.abort()
        await until(lambda: node.door.lobby.clients == 0)
    assert node.hub.groups == 0


async def test_readers_are_pinged_and_the_silent_are_cut() -> None:
    async with (
        serving(ping_s=0.2) as node,
        connect(f"{node.ws}/krw") as awake,
        raw(node) as (reader, writer),
    ):
        writer.write(f"GET /v1/stream HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n".encode())
        await until(lambda: node.door.lobby.clients == 2)
        async with asyncio.timeout(DEADLINE_S):
            assert b"\x89\x00" in await reader.read()
        assert node.door.lobby.counts["silent"] == 1
        await heard(awake)
        node.say(row("BTC", "5"))
        assert (await heard(awake))["type"] == "update"


async def test_nothing_is_said_after_the_end(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client:
        await heard(client)
        client.transport.write(frame(TEXT, b"\xff"))
        await until(lambda: node.hub.members()[0]._closing if node.hub.members() else True)  # type: ignore[attr-defined]
        node.say(row("BTC", "5"))
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1007
