"""What a server counts for `/metrics`."""

import aiohttp
import pytest
from prometheus_client import generate_latest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.typing import Origin

from tests.server import heard, row, serving, until
from ticker import clock
from ticker.metrics import ServerMetrics, registry
from ticker.serve.descriptors import Room


async def test_readers_by_origin_and_refusals_by_code() -> None:
    async with serving(allowed_origins=["https://a.test"]) as node:
        lobby = node.door.lobby
        async with connect(f"{node.ws}/krw", origin=Origin("https://a.test")), connect(f"{node.ws}/krw"):
            assert lobby.origins == {"https://a.test": 1, "none": 1}
        with pytest.raises(InvalidStatus):
            await connect(f"{node.ws}/krw", origin=Origin("https://b.test"))
        with pytest.raises(InvalidStatus):
            await connect(f"{node.ws}/nope")
        await until(lambda: not lobby.clients)
        assert lobby.origins.total() == 0
        assert lobby.counts == {"entered": 2, "forbidden_origin": 1, "unknown_board": 1}


async def test_connections_without_a_file_are_counted_whether_they_are_told_why_or_not() -> None:
    """Seen failing with a count of those who are told alone."""
    async with serving() as node:
        node.door.room = Room(0, 1 << 30)
        async with connect(f"{node.ws}/krw") as client:
            assert "bye" in str(await client.recv())
        node.door.room = Room(0, 0)
        with pytest.raises((InvalidHandshake, OSError)):
            await connect(f"{node.ws}/krw")
        assert node.door.refused == 2
        text = generate_latest(registry(ServerMetrics(node.door, clock.now))).decode()
        assert "\nticker_connections_refused_total 2.0\n" in text


async def test_bytes_are_counted_as_they_are_sent() -> None:
    async with serving() as node, connect(f"{node.ws}/krw", compression=None) as client:
        await heard(client)
        before = node.hub.counts["bytes"]
        node.say(row("BTC", "101"))
        message = await client.recv()
        assert node.hub.counts["bytes"] - before == len(message) + 4  # the frame's head


async def test_snapshots_are_made_once_and_known_ones_are_told_apart() -> None:
    async with serving() as node, aiohttp.ClientSession() as session:
        async with session.get(f"{node.url}/v1/snapshot/krw") as answer:
            known = {"If-None-Match": answer.headers["ETag"]}
        for path, headers in (("krw", {}), ("krw", known), ("krw?symbols=BTC", {})):
            async with session.get(f"{node.url}/v1/snapshot/{path}", headers=headers):
                pass
        assert node.door.snapshots.counts == {"200": 3, "304": 1, "made": 2}
