"""Whatever a server says is what the published schemas say, and nothing more."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.server import Node, heard, row, serving
from tests.specification import NAMES, STATIC, check, message

ANSWERS = {
    "/v1/snapshot": "snapshot",
    "/v1/snapshot/krw?symbols=BTC,XRP&lang=en": "snapshot",
    "/v1/snapshot/usdt": "snapshot",
    "/v1/history/krw/BTC?points=20": "history",
    "/v1/history/krw/XRP": "history",
    "/v1/boards": "boards",
    "/v1/holds": "holds",
    "/v1/status": "status",
    "/v1/snapshot/nope": "failure",
    "/v1/snapshot?lang=xx": "failure",
    "/v1/snapshot?symbols=NOPE": "failure",
    "/v1/history/krw/BTC?points=x": "failure",
    "/v1/stream": "failure",
    "/nowhere": "failure",
}


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with serving(heartbeat_s=0.2) as made:
        yield made


@pytest.mark.parametrize(("path", "name"), ANSWERS.items())
async def test_answers_are_as_documented(node: Node, path: str, name: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(node.url + path) as answer:
        check(name, orjson.loads(await answer.read()))
        template = path.partition("?")[0]
        assert template.startswith("/v1") or answer.status == 404


async def test_every_route_is_documented_and_every_documented_one_exists(node: Node) -> None:
    application = node.door.runner.app
    assert application is not None
    paths = {resource.canonical for resource in application.router.resources()}
    document = orjson.loads((STATIC / "openapi.json").read_bytes())
    assert set(document["paths"]) == paths
    channels = {
        channel["address"] for channel in orjson.loads((STATIC / "asyncapi.json").read_bytes())["channels"].values()
    }
    assert channels == {path for path in paths if path.startswith(("/v1/stream", "/v1/events"))}


async def test_the_documents_and_every_schema_are_served(node: Node) -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("openapi.json", "asyncapi.json", *(f"schemas/v1/{name}.json" for name in NAMES)):
            async with session.get(f"{node.url}/{path}") as answer:
                assert (answer.status, answer.content_type) == (200, "application/json")
                assert answer.headers["Access-Control-Allow-Origin"] == "*"
                assert await answer.read() == (STATIC / path).read_bytes()


async def test_every_message_of_a_websocket_is_as_documented(node: Node) -> None:
    commands: list[dict[str, Any] | str] = [
        {"op": "subscribe", "board": "krw", "symbols": ["BTC", "NOPE"], "interval_ms": 200},
        {"op": "snapshot"},
        {"op": "ping", "id": 7},
        {"op": "ping", "id": "x" * 65},
        {"op": "dance"},
        {"op": "subscribe", "board": "nope"},
        "{",
    ]
    told: list[Any] = []

    async with connect(f"{node.ws}/krw") as client:

        async def hear(kind: str) -> None:
            while not told or told[-1]["type"] != kind:
                told.append(await heard(client))
                message(told[-1])

        await hear("snapshot")
        for command in commands:
            await client.send(command if isinstance(command, str) else orjson.dumps(command).decode())
        await hear("error")
        node.say(row("BTC", "101.5", change_pct="1.5", state="stale"))
        await hear("update")
        await hear("heartbeat")
        draining = asyncio.create_task(node.door.drain())
        with contextlib.suppress(ConnectionClosed):
            await hear("bye")
        await draining
    kinds = {value["type"] for value in told}
    assert kinds == {"snapshot", "subscribed", "pong", "error", "update", "heartbeat", "bye"}


async def test_every_event_is_as_documented(node: Node) -> None:
    kinds: list[str] = []
    async with aiohttp.ClientSession() as session, session.get(f"{node.url}/v1/events/krw") as answer:
        node.say(row("BTC", "102"))
        async with asyncio.timeout(8):
            async for line in answer.content:
                if line.startswith(b"data: "):
                    value = orjson.loads(line.removeprefix(b"data: "))
                    message(value)
                    kinds.append(value["type"])
                if kinds[-1:] == ["heartbeat"]:
                    break
    assert kinds == ["snapshot", "update", "heartbeat"]
