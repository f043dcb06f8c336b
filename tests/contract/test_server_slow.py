"""Readers that cannot keep up: they cost little, nobody else notices, and they see the newest state or are closed."""

import asyncio
import contextlib
import re
import socket
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from websockets.asyncio.client import connect

from tests.server import DEADLINE_S, UPGRADE, Node, deaf, heard, raw, row, serving, until
from ticker.serve.reader import SEND_BUFFER, Reader

PADDING = "x" * 3000


def stuck(node: Node) -> list[Reader]:
    return [member for member in node.hub.members() if isinstance(member, Reader) and member._stuck]


def waiting(reader: Reader) -> int:
    return reader._transport.get_write_buffer_size()


async def flood(node: Node, client: Any, price: int) -> None:
    """One more big message to all, heard by the client who reads."""
    node.say(row("BTC", str(price), reason=PADDING + str(price)))
    assert (await heard(client))["rows"][0]["price"] == str(price)


async def fill(node: Node, client: Any) -> int:
    """Speak until one reader has a message cut; the last price."""
    for price in range(1000, 9000):
        await flood(node, client, price)
        if stuck(node):
            return price
    raise AssertionError


@pytest.mark.parametrize("path", ["/v1/stream/krw", "/v1/events/krw"])
async def test_who_never_reads_is_bounded_and_closed_and_the_others_do_not_notice(path: str) -> None:
    """Seen failing with nobody closed for being slow."""
    async with serving(slow_after_s=0.15, flush_ms=0) as node, connect(f"{node.ws}/krw") as client:
        node.hub.farewell_s = 0.1
        await heard(client)
        with deaf(node, path):
            await until(lambda: node.door.lobby.clients == 2)
            price = await fill(node, client)
            assert price < 1060  # the kernel keeps 64 KB, not megabytes of old prices
            slow, cut = stuck(node)[0], waiting(stuck(node)[0])
            assert 0 < cut <= len(PADDING) + 500
            while not node.hub.counts["slow"]:
                price += 1
                await flood(node, client, price)
                assert waiting(slow) <= cut + 50  # what is left of one message, and at the end a close frame
            await until(lambda: node.door.lobby.clients == 1)


async def read_all(client: socket.socket, data: bytes, end: bytes) -> bytes:
    """Read until something comes, an error after the deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while end not in data:
            try:
                more = client.recv(65536)
            except BlockingIOError:
                await asyncio.sleep(0.001)
            else:
                assert more, "the stream has ended"
                data += more
    return data


@pytest.mark.parametrize("path", ["/v1/stream/krw", "/v1/events/krw"])
async def test_who_resumes_gets_whole_frames_and_then_a_fresh_snapshot(path: str) -> None:
    async with serving(slow_after_s=5, flush_ms=0) as node, connect(f"{node.ws}/krw") as client:
        await heard(client)
        with deaf(node, path) as slow:
            await until(lambda: node.door.lobby.clients == 2)
            price = await fill(node, client)
            for missed in range(price + 1, price + 6):
                await flood(node, client, missed)
            newest = f'"price":"{price + 5}"'.encode()
            data = await read_all(slow, b"", newest)
            node.say(row("ETH", "77"))
            data = await read_all(slow, data, b'"price":"77"')
        texts = re.findall(rb'\{"type":.*?\}\]\}', data)
        messages = [orjson.loads(text) for text in texts]
        assert [m["type"] for m in messages].count("snapshot") == 2
        seqs = [m["seq"] for m in messages]
        fresh = [m["type"] for m in messages].index("snapshot", 1)
        assert seqs[:fresh] == list(range(seqs[0], seqs[0] + fresh))
        assert seqs[fresh] == seqs[fresh - 1] + 5  # as many as it missed
        assert messages[fresh]["rows"][0]["price"] == str(price + 5)
        assert (messages[-1]["type"], messages[-1]["seq"]) == ("update", seqs[fresh] + 1)
        assert not stuck(node)


async def test_answers_wait_behind_a_cut_message_but_not_without_end() -> None:
    async with serving(slow_after_s=5, flush_ms=0) as node, connect(f"{node.ws}/krw") as client:
        await heard(client)
        with deaf(node, "/v1/stream/krw"):
            await until(lambda: node.door.lobby.clients == 2)
            await fill(node, client)
            slow = stuck(node)[0]
            for _ in range(100):
                slow.say(b"y" * 1000)
            assert waiting(slow) <= 16 * 1024


async def test_pipelined_snapshots_nobody_reads_do_not_pile_up() -> None:
    """Seen failing with reading that goes on while answers wait."""
    async with serving(patience_s=0.2) as node:
        with deaf(node, "/v1/snapshot", "") as client:
            request = b"GET /v1/snapshot HTTP/1.1\r\nHost: x\r\n\r\n" * 1000
            sent = 0
            await until(lambda: node.door.visitors)
            visitor = next(iter(node.door.visitors))
            async with asyncio.timeout(DEADLINE_S):
                while node.door.visitors:
                    try:
                        sent += client.send(request)
                    except (BlockingIOError, ConnectionError):
                        await asyncio.sleep(0.005)
                    assert visitor._transport.get_write_buffer_size() < 70_000
        assert node.door.snapshots.counts["200"] < 5000  # what the kernel takes for one connection


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def shrink(node: Node) -> None:
    """Let the kernel take little of what the server writes."""
    server = node.door._server
    assert server is not None
    server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)


async def test_answers_nobody_reads_hold_no_connection() -> None:
    """Seen failing with aiohttp's patience alone, which rests while an answer waits: all 29 stayed."""
    request = b"GET /v1/history/krw/BTC HTTP/1.1\r\nHost: x\r\n\r\n"
    async with serving(patience_s=0.5) as node:
        shrink(node)
        before = open_files()
        with contextlib.ExitStack() as stack:
            for more in range(29):
                stack.enter_context(deaf(node, "/v1/history/krw/BTC", "")).sendall(request * more)
            await until(lambda: open_files() == before + 2 * 29)
            await until(lambda: open_files() == before + 29)


async def test_a_refusal_nobody_reads_holds_no_connection() -> None:
    """Seen failing with a close that waits for what was written before it."""
    question = b"GET /v1/snapshot HTTP/1.1\r\nHost: x\r\n\r\n"
    async with serving(allowed_origins=["https://friend.example"]) as node:
        shrink(node)
        before = open_files()
        with deaf(node, "/v1/snapshot", "") as client:
            await until(lambda: node.door.visitors)
            transport = next(iter(node.door.visitors))._transport
            while not transport.get_write_buffer_size():
                client.sendall(question)
                await asyncio.sleep(0.001)
            client.sendall(f"GET /v1/stream/krw HTTP/1.1\r\nHost: x\r\nOrigin: https://a.b\r\n{UPGRADE}\r\n".encode())
            await until(lambda: not node.door.visitors)
            await until(lambda: open_files() == before + 1)


async def test_pipelined_snapshots_somebody_reads_all_come() -> None:
    async with serving() as node, raw(node) as (reader, writer):
        writer.write(b"GET /v1/snapshot HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
        for _ in range(500):
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(re.findall(rb"Content-Length: (\d+)", head)[0]))


async def test_a_stream_begins_behind_the_answers_that_wait_on_its_connection() -> None:
    async with serving(flush_ms=0) as node, raw(node) as (reader, writer):
        asked = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 2
        writer.write(asked + f"GET /v1/stream/krw HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n".encode())
        for status in (b"200 OK", b"200 OK", b"101 Switching Protocols"):
            assert (await reader.readuntil(b"\r\n\r\n")).removeprefix(b"ok\n").startswith(b"HTTP/1.1 " + status)
        await reader.readuntil(b'"type":"snapshot"')
        node.say(row("ETH", "77"))
        await reader.readuntil(b'"price":"77"')


async def test_a_stream_outlives_the_patience_with_an_answer_before_it_that_was_read_late() -> None:
    """Seen failing with a patience that goes on when the answer is out."""
    request = b"GET /v1/history/krw/BTC HTTP/1.1\r\nHost: x\r\n\r\n"
    async with serving(patience_s=0.5, heartbeat_s=0.1) as node:
        shrink(node)
        server = node.door.runner.server
        assert server is not None
        with deaf(node, "/v1/history/krw/BTC", "") as client:
            client.sendall(request * 9 + f"GET /v1/stream/krw HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n".encode())
            await until(lambda: [one for one in server.connections if one.writing_paused])
            await read_all(client, b"", b'"type":"snapshot"')
            for _ in range(8):
                await read_all(client, b"", b'"type":"heartbeat"')


async def test_small_messages_do_not_wait_for_each_other_and_buffers_are_small() -> None:
    async with serving() as node, connect(f"{node.ws}/krw") as client:
        await heard(client)
        member = node.hub.members()[0]
        assert isinstance(member, Reader)
        own = member._transport.get_extra_info("socket")
        assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert own.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * SEND_BUFFER


async def test_event_readers_who_leave_are_forgotten_at_once() -> None:
    async with serving() as node, aiohttp.ClientSession() as session:
        async with session.get(f"{node.url}/v1/events/krw") as answer:
            await answer.content.readline()
            assert (node.door.lobby.clients, node.hub.groups) == (1, 1)
        await until(lambda: not node.door.lobby.clients)
        assert node.hub.groups == 0
