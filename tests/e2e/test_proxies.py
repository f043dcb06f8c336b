"""The configurations of `deploy/` in front of the program: websocket, events, cached answers, a path prefix, TLS."""

import asyncio
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest
from websockets.asyncio.client import connect

from tests import proxy
from tests.program import Program, free_port, until
from tests.server import Node, heard, row, serving
from tests.server import until as holds
from ticker.serve.query import UNREADABLE, Refusal
from ticker.settings import Server

ROOT = Path(__file__).parents[2]
Proxy = Callable[[Path, int], AbstractContextManager[int]]
PROXIES = [pytest.param(proxy.nginx, "https", id="nginx"), pytest.param(proxy.caddy, "http", id="caddy")]
TRUSTING = Server(trusted_proxies=["127.0.0.0/8", "::1"]).trusted_proxies


class Front:
    """A node behind a proxy, and how to reach it."""

    def __init__(self, node: Node, scheme: str, port: int, context: ssl.SSLContext | None) -> None:
        self.node = node
        self.url = f"{scheme}://localhost:{port}/prices"
        self.context = context

    def session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self.context or True))


@asynccontextmanager
async def fronted(made: Proxy, scheme: str, folder: Path) -> AsyncIterator[Front]:
    async with serving(trusted_proxies=TRUSTING, heartbeat_s=0.5) as node:
        opening = made(folder, node.port)
        port = await asyncio.to_thread(opening.__enter__)
        try:
            certificate = str(folder / "fullchain.pem") if scheme == "https" else None
            yield Front(node, scheme, port, ssl.create_default_context(cafile=certificate) if certificate else None)
        finally:
            await asyncio.to_thread(opening.__exit__, None, None, None)


@pytest.mark.parametrize(("made", "scheme"), PROXIES)
async def test_a_websocket_passes_and_its_end_is_noticed(made: Proxy, scheme: str, tmp_path: Path) -> None:
    async with fronted(made, scheme, tmp_path) as front:
        address = front.url.replace("http", "ws", 1) + "/v1/stream/krw?symbols=BTC"
        async with connect(address, ssl=front.context, origin=None) as client:
            assert [r["symbol"] for r in (await heard(client))["rows"]] == ["BTC"]
            front.node.say(row("BTC", "101"))
            assert (await heard(client))["rows"][0]["price"] == "101"
            assert front.node.door.lobby.clients == 1
        await holds(lambda: front.node.door.lobby.clients == 0)


@pytest.mark.parametrize(("made", "scheme"), PROXIES)
async def test_events_are_not_held_back_and_their_end_is_noticed(made: Proxy, scheme: str, tmp_path: Path) -> None:
    async with fronted(made, scheme, tmp_path) as front, front.session() as session:
        async with session.get(f"{front.url}/v1/events/krw") as answer:
            kinds = []
            async with asyncio.timeout(8):
                async for line in answer.content:
                    if line.startswith(b"data: "):
                        kinds.append(orjson.loads(line[6:])["type"])
                        if len(kinds) == 1:
                            front.node.say(row("BTC", "102"))  # nothing more is sent until this one is out
                        if kinds[-1] == "heartbeat":
                            break
        assert kinds == ["snapshot", "update", "heartbeat"]
        await holds(lambda: front.node.door.lobby.clients == 0)


@pytest.mark.parametrize(("made", "scheme"), PROXIES)
async def test_pages_know_the_address_they_are_read_at(made: Proxy, scheme: str, tmp_path: Path) -> None:
    async with fronted(made, scheme, tmp_path) as front, front.session() as session:
        async with session.get(f"{front.url}/embed/krw") as answer:
            assert f'<link rel="canonical" href="{front.url}/embed/krw">' in await answer.text()
            assert "content-security-policy" in answer.headers
        async with session.get(f"{front.url}/v1/snapshot/krw") as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
        for path in ("openapi.json", "schemas/v1/row.json", "status", "widget.js", "readyz"):
            async with session.get(f"{front.url}/{path}") as answer:
                assert answer.status == 200, path


@pytest.mark.parametrize(("made", "scheme"), PROXIES)
@pytest.mark.parametrize("inside", ["/prices", ""])
async def test_no_reader_decides_where_a_page_is(made: Proxy, scheme: str, inside: str, tmp_path: Path) -> None:
    """Seen failing with a Caddyfile whose site at / lets a reader's own prefix pass."""
    async with fronted(made, scheme, tmp_path) as front, front.session() as session:
        url, forged = front.url.removesuffix("/prices") + inside, {"X-Forwarded-Host": "evil.example"}
        forged |= {"X-Forwarded-Prefix": "/evil", "X-Forwarded-Proto": "https", "X-Forwarded-For": "6.6.6.6"}
        async with session.get(f"{url}/fragment/krw?assets=1", headers=forged) as answer:
            text = await answer.text()
            assert answer.status == (404 if scheme == "https" and not inside else 200)
            assert "evil" not in text
            assert answer.status == 404 or f'src="{url}/widget.js"' in text


async def test_nginx_asks_once_for_what_many_want_and_serves_it_when_nobody_answers(tmp_path: Path) -> None:
    async with fronted(proxy.nginx, "https", tmp_path) as front, front.session() as session:

        async def snapshot() -> tuple[str, bytes]:
            async with session.get(f"{front.url}/v1/snapshot/krw") as answer:
                assert answer.status == 200
                return answer.headers["X-Cache"], await answer.read()

        told = [await snapshot(), *await asyncio.gather(*(snapshot() for _ in range(20)))]
        assert len({body for _, body in told}) == 1
        counts = front.node.door.snapshots.counts
        assert counts["200"] + counts["304"] < 5
        assert {state for state, _ in told} & {"HIT", "STALE", "UPDATING"}
        await front.node.door.close()
        state, body = await snapshot()
        assert body == told[0][1]
        assert state in {"HIT", "STALE", "UPDATING"}


async def statuses(front: aiohttp.ClientSession, *urls: str) -> list[int]:
    """Of the answers to these, asked one after the other."""
    told = []
    for url in urls:
        async with front.get(url) as answer:
            told.append(answer.status)
    return told


@asynccontextmanager
async def nodes_behind_nginx(folder: Path, *ports: int) -> AsyncIterator[tuple[str, aiohttp.ClientSession]]:
    """The address of nginx in front of what listens on these ports, and somebody who trusts it."""
    opening = proxy.nginx(folder, *ports)
    port = await asyncio.to_thread(opening.__enter__)
    try:
        context = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            yield f"https://localhost:{port}/prices", session
    finally:
        await asyncio.to_thread(opening.__exit__, None, None, None)


async def test_behind_nginx_full_nodes_refuse_a_stream_and_take_no_page_from_anybody(tmp_path: Path) -> None:
    """Seen failing with `max_fails=1` and `http_503` together: 502 for 5 s, for every page and stream.

    What is asked again has another address each time: nothing comes from nginx's own cache.
    """
    async with (
        serving(max_clients=1, trusted_proxies=TRUSTING) as one,
        serving(max_clients=1, trusted_proxies=TRUSTING) as other,
        connect(f"{one.ws}/krw"),
        connect(f"{other.ws}/krw"),
        nodes_behind_nginx(tmp_path, one.port, other.port) as (url, session),
    ):
        assert await statuses(session, *[f"{url}/v1/events/krw"] * 4) == [503] * 4
        pages = [f"{url}/embed/krw?limit={limit}" for limit in range(1, 5)]
        assert await statuses(session, *pages, f"{url}/v1/snapshot/krw", f"{url}/status") == [200] * 6
        async with session.ws_connect(f"{url}/v1/stream/krw") as stream:
            assert (await stream.receive_json())["reason"] == "full"
            assert (await stream.receive()).data == 1013


async def test_behind_nginx_a_stream_that_one_node_refuses_is_had_from_the_next(tmp_path: Path) -> None:
    """Seen failing without `http_503` in `proxy_next_upstream`: each second one got the 503 of who drains."""
    async with (
        serving(drain_s=60, trusted_proxies=TRUSTING) as drained,
        serving(trusted_proxies=TRUSTING) as other,
        connect(f"{drained.ws}/krw") as client,
        nodes_behind_nginx(tmp_path, drained.port, other.port) as (url, session),
    ):
        draining = asyncio.create_task(drained.door.drain())
        await holds(lambda: drained.door.lobby.draining)
        assert await statuses(session, *[f"{url}/v1/events/krw"] * 4) == [200] * 4
        for _ in range(4):
            async with session.ws_connect(f"{url}/v1/stream/krw") as stream:
                assert (await stream.receive_json())["type"] == "snapshot"
        await client.close()
        await draining


async def test_behind_nginx_a_page_that_one_node_cannot_serve_yet_is_had_from_the_next(tmp_path: Path) -> None:
    """As Redis refuses one of them. Seen failing without `http_503` for pages: each second one was a 503."""
    async with (
        serving(ready=False, trusted_proxies=TRUSTING) as waiting,
        serving(trusted_proxies=TRUSTING) as other,
        nodes_behind_nginx(tmp_path, waiting.port, other.port) as (url, session),
    ):
        pages = [f"{url}/embed/krw?limit={limit}" for limit in range(1, 7)]
        assert await statuses(session, *pages, f"{url}/v1/snapshot/krw", f"{url}/v1/boards") == [200] * 8


async def test_behind_nginx_histories_that_cannot_be_read_take_no_page_from_anybody(tmp_path: Path) -> None:
    """While Redis is away. Seen failing with one upstream for both: 502 for 5 s."""
    async with serving(trusted_proxies=TRUSTING) as one, serving(trusted_proxies=TRUSTING) as other:
        one.files.broken = other.files.broken = Refusal(*UNREADABLE)
        async with nodes_behind_nginx(tmp_path, one.port, other.port) as (url, session):
            histories = [f"{url}/v1/history/krw/BTC?points={points}" for points in (10, 20)]
            assert await statuses(session, *histories) == [503] * 2
            pages = [f"{url}/embed/krw?limit={limit}" for limit in range(1, 5)]
            assert await statuses(session, *pages) == [200] * 4


async def test_behind_nginx_a_node_that_answers_nothing_is_waited_for_once(tmp_path: Path) -> None:
    """Seen failing with `max_fails=0` for pages too: each second one took 5 s. The kernel still accepts for it."""
    async with serving(trusted_proxies=TRUSTING) as node:
        with socket.create_server(("127.0.0.1", 0)) as frozen:
            async with nodes_behind_nginx(tmp_path, frozen.getsockname()[1], node.port) as (url, session):
                began = time.monotonic()
                pages = [f"{url}/embed/krw?limit={limit}" for limit in range(1, 11)]
                assert await statuses(session, *pages) == [200] * 10
                assert time.monotonic() - began < 8


async def test_nginx_sends_plain_readers_to_tls(tmp_path: Path) -> None:
    async with fronted(proxy.nginx, "https", tmp_path):
        text = (tmp_path / "nginx.conf").read_text(encoding="utf-8")
        (plain,) = re.findall(r"listen 127\.0\.0\.1:(\d+);", text)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{plain}/prices/embed/krw", allow_redirects=False) as answer,
        ):
            assert (answer.status, answer.headers["Location"]) == (301, "https://127.0.0.1/prices/embed/krw")


def test_the_images_question_whether_it_lives_is_answered(tmp_path: Path) -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    (line,) = re.findall(r"^HEALTHCHECK .*?CMD (\[.*\])$", text, re.MULTILINE)
    command, port = [sys.executable, *json.loads(line)[1:]], free_port()

    def asked() -> int:
        environment = os.environ | {"TICKER_ADMIN__PORT": str(port)}
        return subprocess.run(command, env=environment, capture_output=True, timeout=10, check=False).returncode

    assert asked() != 0
    with Program(tmp_path, "demo", admin__port=str(port)) as program:
        until(lambda: asked() == 0, program)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            assert answer.status == 200
