"""CONTRACT section 5: what a client may say, and what it is answered."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.server import Node, ended, heard, row, serving


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with serving() as made:
        yield made


async def ask(client: ClientConnection, **command: Any) -> dict[str, Any]:
    await client.send(orjson.dumps(command).decode())
    return await heard(client)


async def test_a_subscription_replaces_the_one_before(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client:
        await heard(client)
        answer = await ask(client, op="subscribe", board="krw", symbols=["XRP", "BTC", "NOPE", 7], interval_ms=1)
        assert answer == {
            "type": "subscribed",
            "board": "krw",
            "symbols": ["BTC", "XRP"],
            "rejected": [{"symbol": "NOPE", "code": "unknown_symbol"}],
        }
        assert [r["symbol"] for r in (await heard(client))["rows"]] == ["BTC", "XRP"]
        assert node.hub.groups == 1
        node.say(row("ETH", "11"))
        node.say(row("XRP", "3"))
        assert [r["symbol"] for r in (await heard(client))["rows"]] == ["XRP"]


async def test_a_quote_picks_its_first_board(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client:
        await heard(client)
        assert (await ask(client, op="subscribe", quote="USDT"))["board"] == "usdt"
        assert (await heard(client))["quote"] == "USDT"
        node.say(row("BTC", "5"))
        assert (await ask(client, op="subscribe"))["board"] == "usdt"


async def test_the_same_subscription_again_is_a_snapshot_in_another_language(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client:
        assert (await heard(client))["title"] == "시세"
        everything = await ask(client, op="subscribe", symbols=[], lang="en")
        assert everything["symbols"] == ["BTC", "ETH", "XRP"]
        assert (await heard(client))["title"] == "Prices"


async def test_a_resync_and_a_ping_carry_what_they_should(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client:
        first = await heard(client)
        node.say(row("BTC", "5"))
        assert (await heard(client))["seq"] == first["seq"] + 1
        again = await ask(client, op="snapshot")
        assert (again["type"], again["seq"], again["rows"][0]["price"]) == ("snapshot", first["seq"] + 1, "5")
        for given, taken in ((7, 7), ("a" * 64, "a" * 64), (1.5, 1.5), ("a" * 65, None), ([1], None), (None, None)):
            pong = await ask(client, op="ping", id=given)
            assert (pong["type"], pong["id"], set(pong)) == ("pong", taken, {"type", "id", "ts"})


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not json", "bad_json"),
        ("[1]", "bad_json"),
        ("", "bad_json"),
        ("[" * 3000, "bad_json"),
        ('{"op":NaN}', "bad_json"),
        ('{"op":"dance"}', "unknown_op"),
        ('{"op":["subscribe"]}', "unknown_op"),
        ("{}", "unknown_op"),
        ('{"op":"subscribe","board":"nope"}', "unknown_board"),
        ('{"op":"subscribe","board":5}', "unknown_board"),
        ('{"op":"subscribe","quote":"EUR"}', "unknown_board"),
        ('{"op":"subscribe","symbols":["NOPE"]}', "unknown_symbol"),
        ('{"op":"subscribe","symbols":"BTC"}', "bad_json"),
        ('{"op":"subscribe","symbols":' + str(["A"] * 201).replace("'", '"') + "}", "too_many"),
        ('{"op":"subscribe","lang":"fr"}', "unknown_language"),
    ],
)
async def test_a_wrong_command_is_answered_and_the_socket_stays(node: Node, message: str, code: str) -> None:
    async with connect(f"{node.ws}/krw") as client:
        await heard(client)
        await client.send(message)
        answer = await heard(client)
        assert (answer["type"], answer["code"], set(answer)) == ("error", code, {"type", "code", "message"})
        node.say(row("BTC", "7"))
        assert (await heard(client))["type"] == "update"


async def test_binary_messages_are_commands_too(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client:
        await heard(client)
        await client.send(b'{"op":"ping","id":1}')
        assert (await heard(client))["id"] == 1


async def test_past_the_most_groups_a_client_keeps_what_it_has(node: Node) -> None:
    node.hub.most_groups = 1
    async with connect(f"{node.ws}/krw") as client:
        await heard(client)
        assert (await ask(client, op="subscribe", symbols=["BTC"]))["code"] == "busy"
        node.say(row("ETH", "7"))
        assert [r["symbol"] for r in (await heard(client))["rows"]] == ["ETH"]
        assert (await ask(client, op="subscribe", board="usdt"))["type"] == "subscribed"  # whole boards have room


async def test_ten_messages_in_ten_seconds_are_not_too_many(node: Node) -> None:
    """Seen failing with a limit of nine."""
    async with connect(f"{node.ws}/krw") as client:
        await heard(client)
        for number in range(10):
            assert (await ask(client, op="ping", id=number))["id"] == number
        await client.send('{"op":"ping"}')
        assert await ended(client) == 4029


async def test_pings_and_unasked_pongs_count_as_messages(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client:
        for _ in range(6):
            await client.ping()
            await client.pong()
        assert await ended(client) == 4029
