"""CONTRACT section 5: what a websocket is told, and when."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from tests.server import BOARD, Node, T, first_rows, heard, row, serving
from ticker.model import BoardState

SMALL = ClientPerMessageDeflateFactory(server_max_window_bits=9)


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with serving() as made:
        yield made


async def test_a_snapshot_comes_first_and_is_what_http_tells(node: Node) -> None:
    async with connect(f"{node.ws}/krw?lang=en") as client:
        snapshot = await heard(client)
    assert snapshot["rows"][0] == {
        "symbol": "BTC",
        "name": "BTC",
        "price": "100",
        "decimals": 0,
        "change_pct": None,
        "ref": None,
        "ref_ts": None,
        "basis": None,
        "source": "upbit",
        "ts": T,
        "received_ts": T,
        "state": "live",
        "reason": None,
    }
    assert [r["symbol"] for r in snapshot["rows"]] == list(BOARD.symbols)
    pending = {"price": None, "ref": None, "ts": None, "source": None, "state": "pending"}
    assert pending.items() <= snapshot["rows"][2].items()
    told = orjson.loads(node.door.snapshots.get("krw", "en").body)
    assert snapshot == {"type": "snapshot"} | told | {"seq": snapshot["seq"]}


async def test_an_update_has_what_it_always_has_and_what_changed(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client:
        seq = (await heard(client))["seq"]
        node.say(row("BTC", "101", change_pct="1", reason="x"))
        assert await heard(client) == {
            "type": "update",
            "board": "krw",
            "seq": seq + 1,
            "ts": T + 2,
            "rows": [{"symbol": "BTC", "price": "101", "change_pct": "1", "ts": T, "reason": "x"}],
        }
        node.say(row("BTC", "101", change_pct=None))
        now_unknown = {"symbol": "BTC", "price": "101", "change_pct": None, "ts": T, "reason": None}
        assert (await heard(client))["rows"] == [now_unknown]


async def test_a_price_that_arrives_again_is_no_news(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client:
        seq = (await heard(client))["seq"]
        node.say(msgspec.structs.replace(row("BTC", "100"), received_ts=T + 9))
        node.say(row("ETH", "11"))
        update = await heard(client)
        assert (update["seq"], [r["symbol"] for r in update["rows"]]) == (seq + 1, ["ETH"])


async def test_latest_wins_within_an_interval_and_numbers_have_no_gap() -> None:
    async with serving(flush_ms=100) as node, connect(f"{node.ws}/krw") as client:
        seq = (await heard(client))["seq"]
        node.say(row("BTC", "200"))
        assert (await heard(client))["rows"][0]["price"] == "200"
        for price in range(201, 240):
            node.say(row("BTC", str(price)))
        node.say(row("ETH", "11"))
        update = await heard(client)
        assert update["seq"] == seq + 2
        assert {r["symbol"]: r["price"] for r in update["rows"]} == {"BTC": "239", "ETH": "11"}
        node.say(row("BTC", "1"))
        node.say(row("BTC", "239"))  # changed back: nothing to tell
        node.say(row("ETH", "12"))
        assert [r["symbol"] for r in (await heard(client))["rows"]] == ["ETH"]


async def test_at_most_one_message_per_interval() -> None:
    async with serving(flush_ms=50) as node, connect(f"{node.ws}/krw") as client:
        await heard(client)
        clock, came = asyncio.get_running_loop().time, []
        for price in range(3):
            node.say(row("BTC", str(price)))
            await heard(client)
            came.append(clock())
        assert came[2] - came[0] >= 0.09


async def test_without_flushing_time_each_batch_is_a_message() -> None:
    async with serving(flush_ms=0) as node, connect(f"{node.ws}/krw") as client:
        await heard(client)
        for price in ("7", "8", "9"):
            node.say(row("BTC", price))
            assert (await heard(client))["rows"][0]["price"] == price


async def test_who_joins_between_two_flushes_sees_the_last_flush_and_then_the_next_number() -> None:
    async with serving(flush_ms=150) as node, connect(f"{node.ws}/krw") as first:
        await heard(first)
        node.say(row("BTC", "1"))
        assert (await heard(first))["seq"] == 1
        node.say(row("BTC", "2"))
        async with connect(f"{node.ws}/krw") as second:
            snapshot = await heard(second)
            assert (snapshot["seq"], snapshot["rows"][0]["price"]) == (1, "1")
            assert await heard(second) == await heard(first)


async def test_members_of_a_group_get_the_same_bytes_whatever_their_language(node: Node) -> None:
    async with connect(f"{node.ws}/krw?lang=ko") as korean, connect(f"{node.ws}/krw?lang=en") as english:
        assert (await heard(korean))["title"] == "시세"
        assert (await heard(english))["title"] == "Prices"
        assert node.hub.groups == 1
        node.say(row("XRP", "3"))
        assert await korean.recv() == await english.recv()


async def test_compressed_and_plain_readers_share_a_group_and_its_messages(node: Node) -> None:
    async with (
        connect(f"{node.ws}/krw") as squeezed,
        connect(f"{node.ws}/krw", compression=None) as plain,
        connect(f"{node.ws}/krw", extensions=[SMALL], compression=None) as small,
    ):
        agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        for client, said in ((squeezed, agreed), (plain, None), (small, None)):
            assert client.response is not None
            assert client.response.headers.get("Sec-WebSocket-Extensions") == said
        assert await heard(squeezed) == await heard(plain) == await heard(small)
        assert node.hub.groups == 1
        node.say(row("XRP", "3", reason="long and the same, " * 30))
        assert await heard(squeezed) == await heard(plain) == await heard(small)
        node.say(row("XRP", "4"))  # too short to be worth it
        assert await squeezed.recv() == await plain.recv() == await small.recv()
        await squeezed.send('{"op":"ping","id":"' + "squeeze me " * 5 + '"}')
        assert (await heard(squeezed))["id"] == "squeeze me " * 5


async def test_narrowed_by_the_address(node: Node) -> None:
    async with connect(f"{node.ws}?symbols=XRP,BTC&interval_ms=1&utm=x") as client:
        snapshot = await heard(client)
        assert (snapshot["board"], [r["symbol"] for r in snapshot["rows"]]) == ("krw", ["BTC", "XRP"])
        node.say(row("ETH", "11"))
        node.say(row("XRP", "4"))
        assert [r["symbol"] for r in (await heard(client))["rows"]] == ["XRP"]


async def test_silence_is_broken_by_heartbeats_with_the_next_number() -> None:
    async with serving(heartbeat_s=0.02, look_s=0.02) as node, connect(f"{node.ws}/krw") as client:
        snapshot = await heard(client)
        beat = {"type": "heartbeat", "board": "krw", "seq": snapshot["seq"] + 1, "ts": T}
        assert await heard(client) == beat
        assert await heard(client) == beat | {"seq": snapshot["seq"] + 2}


@pytest.mark.parametrize("change", [{"notice": "점검 중"}, {"frozen": True}, {"hidden": frozenset({"ETH"})}])
async def test_a_change_of_the_board_is_a_snapshot_for_all(node: Node, change: dict[str, object]) -> None:
    async with connect(f"{node.ws}/krw") as client, connect(f"{node.ws}/krw?symbols=BTC") as narrow:
        seq = (await heard(client))["seq"]
        await heard(narrow)
        node.hub.replace("krw", BoardState(9, T, first_rows(), **change))  # type: ignore[arg-type]
        snapshot = await heard(client)
        assert (snapshot["type"], snapshot["seq"]) == ("snapshot", seq + 1)
        assert (snapshot["notice"], snapshot["frozen"]) == (change.get("notice"), change.get("frozen", False))
        assert ("ETH" in [r["symbol"] for r in snapshot["rows"]]) is ("hidden" not in change)
        assert (await heard(narrow))["type"] == "snapshot"


async def test_when_the_collector_is_silent_nothing_is_live(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client:
        await heard(client)
        node.hub.silence(True)
        assert [(r["symbol"], r["state"]) for r in (await heard(client))["rows"]] == [
            ("BTC", "stale"),
            ("ETH", "stale"),
        ]
        node.say(row("BTC", "101"))
        assert "state" not in (await heard(client))["rows"][0]
        node.hub.silence(False)
        node.hub.replace("krw", BoardState(2, T, first_rows()))
        assert [r["state"] for r in (await heard(client))["rows"]] == ["live", "live"]


async def test_a_store_that_came_back_empty_blanks_nothing(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client:
        await heard(client)
        node.say(row("BTC", "101"))
        node.hub.replace("krw", BoardState())
        assert (await heard(client))["rows"][0]["price"] == "101"
        node.hub.replace("krw", BoardState(1, T, {"ETH": row("ETH", "12")}))
        assert [r["symbol"] for r in (await heard(client))["rows"]] == ["ETH"]
        assert node.hub.boards["krw"].rows["BTC"].price == "101"


async def test_rows_of_symbols_the_board_has_no_more_are_not_shown(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client:
        await heard(client)
        node.hub.replace("krw", BoardState(2, T, {"BTC": row("BTC", "100"), "OLD": row("OLD", "1")}))
        node.say(row("OLD", "2"), row("BTC", "101"))
        assert [r["symbol"] for r in (await heard(client))["rows"]] == ["BTC"]
