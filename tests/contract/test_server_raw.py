"""The prepared answers are aiohttp's own, however oddly one asks: no request is read in two ways."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server import UPGRADE, Node, raw, serving

LAST = b"GET /healthz HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n"
LINE = b"GET /v1/snapshot/krw HTTP/1.1\r\n"
ODD = {
    "plain": LINE + b"Host: x\r\n\r\n",
    "pipelined": (LINE + b"Host: x\r\n\r\n") * 3,
    "mixed": LINE + b"Host: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\n\r\n" + LINE + b"Host: x\r\n\r\n",
    "closing": LINE + b"Host: x\r\nConnection: close\r\n\r\n",
    "keeping": LINE + b"Host: x\r\nConnection: Keep-Alive\r\n\r\n",
    "http 1.0": b"GET /v1/snapshot/krw HTTP/1.0\r\nHost: x\r\n\r\n",
    "http 1.0 kept": b"GET /v1/snapshot/krw HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
    "http 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no host": LINE + b"\r\n",
    "two hosts": LINE + b"Host: x\r\nHost: y\r\n\r\n",
    "two spaces": b"GET  /v1/snapshot/krw HTTP/1.1\r\nHost: x\r\n\r\n",
    "lower case": b"get /v1/snapshot/krw HTTP/1.1\r\nHost: x\r\n\r\n",
    "absolute": b"GET http://x/v1/snapshot/krw HTTP/1.1\r\nHost: x\r\n\r\n",
    "star": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "head": b"HEAD /v1/snapshot/krw HTTP/1.1\r\nHost: x\r\n\r\n",
    "body": LINE + b"Host: x\r\nContent-Length: 5\r\n\r\nhello",
    "body that is a request": LINE
    + b"Host: x\r\nContent-Length: %d\r\n\r\n%s" % (len(LINE) + 11, LINE + b"Host: y\r\n\r\n"),
    "chunks": LINE + b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "both lengths": LINE + b"Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": LINE + b"Host: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "no length": LINE + b"Host: x\r\nContent-Length: 0\r\n\r\n",
    "spaced length": LINE + b"Host: x\r\nContent-Length : 5\r\n\r\nhello",
    "folded": LINE + b"Host: x\r\nX-A: b\r\n c\r\n\r\n",
    "folded length": LINE + b"Host: x\r\nX-A: b\r\n\tContent-Length: 5\r\n\r\nhello",
    "space before": LINE + b" Host: x\r\n\r\n",
    "bare line feeds": b"GET /v1/snapshot/krw HTTP/1.1\nHost: x\n\n",
    "one bare line feed": LINE + b"Host: x\nX-A: b\r\n\r\n",
    "bare return": LINE + b"Host: x\r\nX-A: b\rContent-Length: 5\r\n\r\nhello",
    "nul": LINE + b"Host: x\r\nX-A: \x00\r\n\r\n",
    "empty name": LINE + b"Host: x\r\n: y\r\n\r\n",
    "no colon": LINE + b"Host: x\r\nnonsense\r\n\r\n",
    "empty line first": b"\r\n" + LINE + b"Host: x\r\n\r\n",
    "expecting": LINE + b"Host: x\r\nExpect: 100-continue\r\n\r\n",
    "upgrade to nothing": LINE + b"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "upgrade to h2c": LINE + b"Host: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
    "upgrade with a body": b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Content-Length: 5\r\n\r\nhello",
    "tags twice": LINE + b'Host: x\r\nIf-None-Match: "a"\r\nIf-None-Match: *\r\n\r\n',
    "any tag": LINE + b"Host: x\r\nIf-None-Match: *\r\n\r\n",
    "codings twice": LINE + b"Host: x\r\nAccept-Encoding: br\r\nAccept-Encoding: gzip\r\n\r\n",
    "no gzip": LINE + b"Host: x\r\nAccept-Encoding: gzip;q=0, *\r\n\r\n",
    "fragment": b"GET /v1/snapshot/krw#x HTTP/1.1\r\nHost: x\r\n\r\n",
    "question": b"GET /v1/snapshot/krw? HTTP/1.1\r\nHost: x\r\n\r\n",
    "escaped": b"GET /v1/snapshot/kr%77 HTTP/1.1\r\nHost: x\r\n\r\n",
    "escaped slash": b"GET /v1/snapshot%2Fkrw HTTP/1.1\r\nHost: x\r\n\r\n",
    "dots": b"GET /v1/./snapshot/../snapshot/krw HTTP/1.1\r\nHost: x\r\n\r\n",
    "two slashes": b"GET //v1/snapshot/krw HTTP/1.1\r\nHost: x\r\n\r\n",
    "slash at the end": b"GET /v1/snapshot/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "long query": b"GET /v1/snapshot/krw?%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 9000),
    "long header": LINE + b"Host: x\r\nX-A: %s\r\n\r\n" % (b"a" * 9000),
    "endless header": LINE + b"Host: x\r\nX-A: " + b"a" * 20_000,
    "many headers": LINE + b"Host: x\r\n" + b"X-A: b\r\n" * 200 + b"\r\n",
    "tls": b"\x16\x03\x01\x00\xff\r\n\r\n",
}

AT_ODDS_WITH_ITSELF = ("http 1.0", "closing", "upgrade to nothing", "upgrade to h2c", "upgrade with a body")
"""Where aiohttp's answer to the next request depends on how soon it comes."""


@contextlib.asynccontextmanager
async def both(patience_s: float = 8.0) -> AsyncIterator[tuple[Node, int]]:
    """A node, and the port on which its aiohttp answers alone."""
    async with serving(patience_s=patience_s) as node:
        alone = await asyncio.get_running_loop().create_server(node.door.aiohttps, "127.0.0.1", 0)
        try:
            yield node, alone.sockets[0].getsockname()[1]
        finally:
            alone.close()


async def exchange(node: Node, port: int, request: bytes, step: int) -> list[tuple[str, tuple[str, ...], bytes]]:
    """Everything that is answered to a request and one after it, as (status, headers, body)."""
    async with raw(node, port) as (reader, writer):
        with contextlib.suppress(ConnectionError):
            for at in range(0, len(request), step):
                writer.write(request[at : at + step])
                await writer.drain()
                await asyncio.sleep(0)
            writer.write(LAST)
        data = b""
        with contextlib.suppress(ConnectionError):
            while more := await reader.read(65536):
                data += more
    return answers(data, request.startswith(b"HEAD"))


def answers(data: bytes, first_is_head: bool) -> list[tuple[str, tuple[str, ...], bytes]]:
    found: list[tuple[str, tuple[str, ...], bytes]] = []
    while data:
        top, _, data = data.partition(b"\r\n\r\n")
        status, *lines = top.decode().split("\r\n")
        length = re.search(r"content-length: (\d+)", top.decode().lower())
        size = int(length[1]) if length and not (first_is_head and not found) else 0
        kept = tuple(sorted(line for line in lines if not line.lower().startswith("date:")))
        assert len(kept) == len(lines) - 1 or " 400 " in status or " 100 " in status, lines
        found.append((status, kept, data[:size]))
        data = data[size:]
    return found


@pytest.mark.parametrize("name", ODD)
async def test_odd_requests_get_aiohttps_own_answers(name: str) -> None:
    """Seen failing with heads answered here that announce a body or another protocol."""
    request, torn = ODD[name], name in AT_ODDS_WITH_ITSELF
    async with both(0.5 if torn else 8.0) as (node, alone):
        for step in (1 << 20, 7) if len(request) < 1000 else (1 << 20,):
            expected, ours = [await exchange(node, port, request, step) for port in (alone, node.port)]
            if torn:
                expected, ours = expected[:1], ours[:1]
            assert ours == expected


def test_what_is_answered_here_is_what_aiohttp_would_answer() -> None:
    """Heads much like those of browsers, with something odd in them.

    Seen failing with the tag a reader has ignored.
    """
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        node, alone = runner.run(stack.enter_async_context(both()))

        @settings(max_examples=100, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(st.lists(heads(), min_size=1, max_size=3))
        def same(requests: list[bytes]) -> None:
            request = b"".join(requests)
            expected = runner.run(exchange(node, alone, request, 1 << 20))
            assert runner.run(exchange(node, node.port, request, 1 << 20)) == expected

        same()
        runner.run(stack.aclose())
        assert node.door.snapshots.counts["200"] > 30


def heads() -> st.SearchStrategy[bytes]:
    token = st.sampled_from(["gzip", "br", "*", "gzip;q=0", "identity", " ", "gzip;q=0.5", "x"])
    value = st.one_of(
        st.lists(token, max_size=3).map(",".join),
        st.sampled_from(["*", 'W/"x"', "close", "keep-alive", "Keep-Alive", "upgrade", "x\ty", "\xe9", " x "]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8),
    )
    name = st.sampled_from(
        ["Accept-Encoding", "If-None-Match", "Connection", "Cookie", "X-Forwarded-For", "Accept", "x_y", "Range", "TE"]
    )
    path = st.sampled_from(
        ["/v1/snapshot", "/v1/snapshot/krw", "/v1/snapshot/usdt", "/v1/snapshot/nope", "/v1/snapshot/"]
    )
    word = st.sampled_from(
        ["", "?", "?lang=en", "?lang=fr", "?symbols=", "?symbols=BTC", "?a=1&a=2", "?lang=en&lang=ko", "?%zz"]
    )
    lines = st.lists(st.tuples(name, value).map(": ".join), max_size=4)
    return st.builds(
        lambda p, w, ls: "\r\n".join([f"GET {p}{w} HTTP/1.1", "Host: x", *ls, "", ""]).encode("latin-1"),
        path,
        word,
        lines,
    )


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET /v1/stream HTTP/1.1\r\nHost:",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
        LINE + b"Host: x\r\n\r\n",
    ],
)
async def test_who_dawdles_is_shown_out(start: bytes) -> None:
    """Neither silence nor half a head nor half a body nor rest between two requests may last.

    Seen failing with a patience that ends nothing.
    """
    async with serving(patience_s=0.1) as node, raw(node) as (reader, writer):
        writer.write(start)
        with contextlib.suppress(ConnectionError):
            while await reader.read(65536):
                pass
        assert not node.door.visitors


@pytest.mark.parametrize("start", [LINE, b"\r\n" + LINE + b"Host: x\r\n\r\n" + LINE])
async def test_a_header_now_and_then_does_not_renew_the_patience(start: bytes) -> None:
    """Seen failing with a patience that every byte renews."""
    async with serving(patience_s=0.15) as node, raw(node) as (reader, writer):
        writer.write(start)
        reading = asyncio.create_task(reader.read())
        with contextlib.suppress(ConnectionError):
            while not reading.done():
                writer.write(b"X-A: b\r\n")
                await asyncio.sleep(0.02)
            await reading


ODD_VALUES = [
    *("", "0", "-1", "+5", "1.5", "1e9", "NaN", "null", "1_000", "9" * 400, "200,500", "BTC", "btc", "BTC,BTC,ETH"),
    *(",", ",BTC", "BTC," * 300, "BTC&lang=en&lang=ko", "%C2%B2", "%D9%A3", "²", "한국어", "%00", "%FF", "%", "%zz"),
    *("%ED%A0%80", "%0d%0aX:+y", "../../etc/passwd", "<script>", "'\"", "{}", "[]=1", "&&=&", ";", "#", "?"),
]


@pytest.mark.parametrize("path", ["events", "events/krw", "stream", "stream/krw"])
async def test_no_odd_query_of_a_stream_is_answered_by_a_failure_of_ours(path: str) -> None:
    """Seen failing with an interval of any Unicode digits: its "²" is no number."""
    upgrade, statuses = UPGRADE if path.startswith("stream") else "", set()
    async with serving() as node:
        for name in ("symbols", "lang", "interval_ms"):
            for value in ODD_VALUES:
                async with raw(node) as (reader, writer):
                    line = f"GET /v1/{path}?{name}={value} HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n"
                    writer.write(line.encode())
                    statuses.add(int((await reader.readline()).split(b" ")[1]))
    assert {400, 101 if upgrade else 200} <= statuses
    assert not {status for status in statuses if status >= 500}
