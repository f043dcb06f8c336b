"""One server node over loopback: websockets, events and HTTP as the contract has them. The hub is fed by hand."""

import asyncio
import contextlib
import gzip
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from tests.conftest import make_board
from ticker import door
from ticker.hub import Hub
from ticker.model import Board, BoardState, Row
from ticker.settings import Server, Settings

BOARD = make_board("BTC", "ETH", "XRP", sources=("upbit", "bithumb"))
DOLLARS = msgspec.structs.replace(make_board("BTC", sources=("upbit",), name="usdt"), quote="USDT")
T = 1_790_000_000_000


def row(symbol: str, price: str, **more: Any) -> Row:
    return Row(symbol=symbol, price=price, source="upbit", ts=T, received_ts=T, state="live", **more)


class Files:
    """What Redis would answer."""

    async def history(self, _board: Board, _symbol: str) -> tuple[str, list[tuple[int, str]]] | None:
        return "upbit", [(T + i * 60_000, str(100 + i)) for i in range(1441)]

    async def sources(self) -> dict[str, dict[str, Any]]:
        return {"upbit": {"state": "live", "last_tick_ts": T}}

    async def holds(self) -> list[dict[str, Any]]:
        return [{"ts": T, "source": "upbit", "symbol": "BTC", "price": "1", "last_good": "2"}]


class Node:
    def __init__(self, hub: Hub, opened: door.Door) -> None:
        self.hub = hub
        self.door = opened
        self.url = f"http://127.0.0.1:{opened.port}"
        self.ws = f"ws://127.0.0.1:{opened.port}/v1/stream"
        self.revision = 1

    def say(self, *rows: Row) -> None:
        self.revision += 1
        self.hub.update("krw", self.revision, T + self.revision, list(rows))


@contextlib.asynccontextmanager
async def serving(*, ready: bool = True, **changes: Any) -> AsyncIterator[Node]:
    settings = Settings(server=Server(port=0, **{"flush_ms": 20, "drain_s": 0.2} | changes))
    hub = Hub({"krw": BOARD, "usdt": DOLLARS}, settings.server)
    if ready:
        hub.replace("krw", BoardState(1, T, {"BTC": row("BTC", "100"), "ETH": row("ETH", "10")}))
        hub.replace("usdt", BoardState(1, T))
    opened = await door.serve(hub, settings, Files())
    tasks = [asyncio.create_task(hub.run()), asyncio.create_task(opened.run())]
    try:
        yield Node(hub, opened)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await opened.close()


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with serving() as made:
        yield made


async def heard(client: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(5):
        return dict(orjson.loads(await client.recv()))


async def ended(client: ClientConnection) -> int | None:
    async with asyncio.timeout(8):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await client.recv()
    return client.close_code


# -- websocket ---------------------------------------------------------------------------------------------------------


async def test_a_snapshot_comes_first_and_updates_carry_what_changed(node: Node) -> None:
    async with connect(f"{node.ws}/krw?lang=en") as client:
        snapshot = await heard(client)
        assert snapshot["type"] == "snapshot"
        assert [(r["symbol"], r["price"], r["state"]) for r in snapshot["rows"]] == [
            ("BTC", "100", "live"),
            ("ETH", "10", "live"),
            ("XRP", None, "pending"),
        ]
        assert list(snapshot["rows"][0])[:3] == ["symbol", "name", "price"]
        node.say(row("BTC", "101", change_pct="1"))
        update = await heard(client)
        assert (update["type"], update["seq"], update["board"]) == ("update", snapshot["seq"] + 1, "krw")
        assert update["rows"] == [{"symbol": "BTC", "price": "101", "change_pct": "1", "ts": T}]
        node.say(row("BTC", "101", change_pct=None))
        assert (await heard(client))["rows"] == [{"symbol": "BTC", "price": "101", "change_pct": None, "ts": T}]


async def test_latest_wins_within_an_interval_and_numbers_have_no_gap(node: Node) -> None:
    async with connect(f"{node.ws}/krw?interval_ms=150") as client:
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


async def test_commands_replace_the_subscription_and_answer(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client:
        await heard(client)
        await client.send('{"op":"subscribe","board":"krw","symbols":["XRP","BTC","NOPE"],"interval_ms":1}')
        assert await heard(client) == {
            "type": "subscribed",
            "board": "krw",
            "symbols": ["BTC", "XRP"],
            "rejected": [{"symbol": "NOPE", "code": "unknown_symbol"}],
        }
        assert [r["symbol"] for r in (await heard(client))["rows"]] == ["BTC", "XRP"]
        await client.send('{"op":"ping","id":7}')
        pong = await heard(client)
        assert (pong["type"], pong["id"]) == ("pong", 7)
        await client.send('{"op":"snapshot"}')
        assert (await heard(client))["type"] == "snapshot"
        await client.send('{"op":"subscribe","quote":"USDT"}')
        assert (await heard(client))["board"] == "usdt"
        assert (await heard(client))["board"] == "usdt"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not json", "bad_json"),
        ("[1]", "bad_json"),
        ("[" * 3000, "bad_json"),
        ('{"op":"dance"}', "unknown_op"),
        ('{"op":["subscribe"]}', "unknown_op"),
        ('{"op":"subscribe","board":"nope"}', "unknown_board"),
        ('{"op":"subscribe","quote":"EUR"}', "unknown_board"),
        ('{"op":"subscribe","symbols":["NOPE"]}', "unknown_symbol"),
        ('{"op":"subscribe","symbols":' + str(["A"] * 201).replace("'", '"') + "}", "too_many"),
    ],
)
async def test_a_wrong_command_is_answered_and_the_socket_stays(node: Node, message: str, code: str) -> None:
    async with connect(f"{node.ws}/krw") as client:
        await heard(client)
        await client.send(message)
        answer = await heard(client)
        assert (answer["type"], answer["code"]) == ("error", code)
        node.say(row("BTC", "7"))
        assert (await heard(client))["type"] == "update"


async def test_too_many_messages_end_with_4029(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client:
        for _ in range(11):
            await client.send('{"op":"ping","id":1}')
        assert await ended(client) == 4029


@pytest.mark.parametrize(
    ("data", "code"), [(b"x" * 5000, 1009), (b"\x81\x82\0\0\0\0\xff\xfe", 1007), (b"\x81\x02{}", 1002)]
)
async def test_broken_rules_end_with_their_code(node: Node, data: bytes, code: int) -> None:
    async with connect(f"{node.ws}/krw") as client:
        await heard(client)
        if code == 1009:
            await client.send(data)
        else:
            client.transport.write(data)
        assert await ended(client) == code


async def test_a_close_is_answered_at_once(node: Node) -> None:
    async with asyncio.timeout(1):
        async with connect(f"{node.ws}/krw") as client:
            await heard(client)
        assert client.close_code == 1000


async def test_silence_is_broken_by_heartbeats_with_the_next_number(node: Node) -> None:
    node.hub.heartbeat_s = 0.05
    async with connect(f"{node.ws}/krw") as client:
        seq = (await heard(client))["seq"]
        beat = await heard(client)
        assert (beat["type"], beat["board"], beat["seq"]) == ("heartbeat", "krw", seq + 1)


async def test_a_change_of_the_board_is_a_snapshot_for_all(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client:
        seq = (await heard(client))["seq"]
        state = BoardState(9, T, {"BTC": row("BTC", "100")}, notice="점검 중", hidden=frozenset({"ETH"}))
        node.hub.replace("krw", state)
        snapshot = await heard(client)
        assert (snapshot["type"], snapshot["notice"], snapshot["seq"]) == ("snapshot", "점검 중", seq + 1)
        assert [r["symbol"] for r in snapshot["rows"]] == ["BTC", "XRP"]


async def test_when_the_collector_is_silent_nothing_is_live(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client:
        await heard(client)
        node.hub.silence(True)
        update = await heard(client)
        assert [(r["symbol"], r["state"]) for r in update["rows"]] == [("BTC", "stale"), ("ETH", "stale")]
        node.hub.silence(False)
        node.hub.replace("krw", BoardState(2, T, {"BTC": row("BTC", "100"), "ETH": row("ETH", "10")}))
        assert [r["state"] for r in (await heard(client))["rows"]] == ["live", "live"]


async def test_a_reader_who_never_reads_is_bounded_and_sent_away_and_the_others_do_not_notice() -> None:
    async with serving(slow_after_s=0.5, flush_ms=0) as node, connect(f"{node.ws}/krw") as client:
        await heard(client)
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.connect(("127.0.0.1", node.door.port))
        deaf.sendall(
            b"GET /v1/stream/krw HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        while node.door.clients < 2:  # noqa: ASYNC110 - what is waited for is no event
            await asyncio.sleep(0.01)
        price, deadline = 0, asyncio.get_running_loop().time() + 20
        while not node.hub.counts["slow"]:
            assert asyncio.get_running_loop().time() < deadline
            price += 1
            node.say(row("BTC", str(price)), row("ETH", "1" * 15, reason="x" * 3000 + str(price)))
            update = await heard(client)
            assert update["rows"][0]["price"] == str(price)
        for member in node.hub.members():
            assert member._transport.get_write_buffer_size() < 65536  # type: ignore[attr-defined]
        deaf.close()


async def test_draining_says_goodbye_and_closes_with_1012(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client, aiohttp.ClientSession() as session:
        await heard(client)
        async with session.get(f"{node.url}/readyz") as answer:
            assert answer.status == 200
        draining = asyncio.create_task(node.door.drain())
        assert await heard(client) == {"type": "bye", "reason": "restart", "retry_ms": 1000}
        assert await ended(client) == 1012
        async with session.get(f"{node.url}/readyz") as answer:  # on the connection that is open already
            assert answer.status == 503
        await draining


@pytest.mark.parametrize(
    ("path", "changes", "origin", "status"),
    [
        ("/nope", {}, None, 404),
        ("/krw?symbols=NOPE", {}, None, 400),
        ("/krw?lang=fr", {}, None, 400),
        ("/krw?interval_ms=fast", {}, None, 400),
        ("/krw", {"allowed_origins": ["https://news.example"]}, "https://evil.example", 403),
        ("/krw", {"max_clients": 1}, None, 503),
        ("/krw", {"max_per_ip": 1}, None, 429),
        ("/krw", {"handshakes_per_s": 1}, None, 503),
    ],
)
async def test_a_handshake_is_refused_as_http(path: str, changes: dict[str, Any], origin: Any, status: int) -> None:
    async with serving(**changes) as node, contextlib.AsyncExitStack() as stack:
        if origin is None:
            await stack.enter_async_context(connect(f"{node.ws}/krw"))
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"{node.ws}{path}", origin=origin):
                pass
        assert refused.value.response.status_code == status
        assert "error" in orjson.loads(refused.value.response.body or b"")


@pytest.mark.parametrize("origin", [None, "null", "own", "https://news.example"])
async def test_absent_null_own_and_listed_origins_pass(origin: Any) -> None:
    async with (
        serving(allowed_origins=["https://news.example"]) as node,
        connect(f"{node.ws}/krw", origin=Origin(node.url) if origin == "own" else origin) as client,
    ):
        assert (await heard(client))["type"] == "snapshot"


async def test_rows_of_symbols_the_board_has_no_more_are_not_shown(node: Node) -> None:
    async with connect(f"{node.ws}/krw") as client:
        await heard(client)
        node.hub.replace("krw", BoardState(2, T, {"BTC": row("BTC", "100"), "OLD": row("OLD", "1")}))
        node.say(row("OLD", "2"), row("BTC", "101"))
        assert [r["symbol"] for r in (await heard(client))["rows"]] == ["BTC"]


# -- server-sent events ------------------------------------------------------------------------------------------------


async def test_events_are_the_same_messages_and_leave_nothing_behind(node: Node) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{node.url}/v1/events/krw") as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            assert answer.headers["X-Accel-Buffering"] == "no"
            assert await answer.content.readline() == b"retry: 5000\n"
            await answer.content.readline()
            snapshot = orjson.loads((await answer.content.readline()).removeprefix(b"data: "))
            assert snapshot["type"] == "snapshot"
            await answer.content.readline()
            node.say(row("BTC", "102"))
            update = orjson.loads((await answer.content.readline()).removeprefix(b"data: "))
            assert (update["seq"], update["rows"][0]["price"]) == (snapshot["seq"] + 1, "102")
        deadline = asyncio.get_running_loop().time() + 5
        while node.hub.groups:
            assert asyncio.get_running_loop().time() < deadline
            node.say(row("BTC", str(asyncio.get_running_loop().time())[:12]))
            await asyncio.sleep(0.05)


# -- http --------------------------------------------------------------------------------------------------------------


async def test_the_snapshot_has_its_headers_its_tag_and_its_short_forms(node: Node) -> None:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        answers = {}
        for name, headers in {"plain": {"Accept-Encoding": "identity"}, "gzip": {"Accept-Encoding": "gzip"}}.items():
            async with session.get(f"{node.url}/v1/snapshot/krw", headers=headers) as answer:
                assert answer.status == 200
                assert answer.headers["ETag"].startswith('W/"')
                assert answer.headers["Cache-Control"] == (
                    "public, max-age=1, stale-while-revalidate=5, stale-if-error=60"
                )
                assert answer.headers["Access-Control-Allow-Origin"] == "*"
                assert answer.headers["Vary"] == "Accept-Encoding"
                assert answer.headers["X-Robots-Tag"] == "noindex"
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
                answers[name] = await answer.read()
                tag = answer.headers["ETag"]
        assert gzip.decompress(answers["gzip"]) == answers["plain"]
        body = orjson.loads(answers["plain"])
        assert (body["v"], body["board"], body["seq"], body["ts"], body["notice"]) == (1, "krw", 1, T, None)
        async with session.get(f"{node.url}/v1/snapshot/krw", headers={"If-None-Match": tag}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
        async with session.head(f"{node.url}/v1/snapshot/krw") as answer:
            assert (answer.status, answer.headers["ETag"]) == (200, tag)
        node.say(row("BTC", "103"))
        async with session.get(f"{node.url}/v1/snapshot", headers={"If-None-Match": tag}) as answer:
            assert answer.status == 200


async def test_prepared_answers_and_aiohttps_say_the_same(node: Node) -> None:
    """`?x=1` is ignored by the route but keeps the prepared answer away."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{node.url}/v1/snapshot/krw") as quick:
            quick_body = await quick.read()
        async with session.get(f"{node.url}/v1/snapshot/krw?x=1") as slow:
            assert await slow.read() == quick_body
            ours = {k: v for k, v in slow.headers.items() if k not in {"Date", "Server"}}
            assert {k: v for k, v in quick.headers.items() if k not in {"Date", "Server"}} == ours


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/snapshot/nope", 404, "unknown_board"),
        ("/v1/snapshot/krw?symbols=BTC,NOPE", 400, "unknown_symbol"),
        ("/v1/snapshot/krw?lang=fr", 400, "unknown_language"),
        ("/v1/history/krw/NOPE", 400, "unknown_symbol"),
        ("/v1/history/krw/BTC?points=-1", 400, "bad_parameter"),
        ("/embed/nope", 404, "unknown_board"),
        ("/fragment/nope", 404, "unknown_board"),
        ("/nothing", 404, "not_found"),
        ("/..%2f..%2fetc/passwd", 404, "not_found"),
    ],
)
async def test_an_error_is_an_object_with_its_code(node: Node, path: str, status: int, code: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{node.url}{path}") as answer:
        assert answer.status == status
        assert (await answer.json())["error"]["code"] == code


async def test_only_get_and_head_are_answered(node: Node) -> None:
    async with aiohttp.ClientSession() as session, session.post(f"{node.url}/v1/snapshot") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
        assert (await answer.json())["error"]["code"] == "method_not_allowed"


async def test_filters_and_the_smaller_routes(node: Node) -> None:
    async with aiohttp.ClientSession() as session:

        async def get(path: str) -> Any:
            async with session.get(node.url + path) as answer:
                assert answer.status == 200, path
                return await answer.json()

        assert [r["symbol"] for r in (await get("/v1/snapshot/krw?symbols=XRP,BTC&utm=x"))["rows"]] == ["BTC", "XRP"]
        history = await get("/v1/history/krw/BTC?points=3")
        assert [len(history["points"]), history["points"][-1]] == [3, [T + 1440 * 60_000, "1540"]]
        assert len((await get(f"/v1/history/krw/BTC?since={T + 1430 * 60_000}"))["points"]) == 11
        boards = await get("/v1/boards")
        assert boards["boards"][0]["sources"][0]["state"] == "live"
        assert boards["boards"][0]["sources"][1]["state"] == "down"
        assert (await get("/v1/holds"))["holds"][0]["symbol"] == "BTC"


async def test_before_redis_was_read_nothing_is_pretended() -> None:
    async with serving(ready=False) as node, aiohttp.ClientSession() as session:
        for path, status in (("/healthz", 200), ("/readyz", 503), ("/v1/snapshot", 503), ("/embed/krw", 503)):
            async with session.get(node.url + path) as answer:
                assert answer.status == status, path
                if status == 503:
                    assert answer.headers["Retry-After"] == "1"


async def test_the_page_is_closed_to_everything_but_itself(node: Node) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{node.url}/embed/krw") as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self' 'sha256-")
        assert "frame-ancestors *" in policy
        assert answer.headers["Referrer-Policy"] == "no-referrer"


RAW = [
    b"GET /v1/snapshot/krw HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v1/snapshot/krw HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /v1/snapshot/krw HTTP/1.0\r\nHost: x\r\n\r\n",
    b"GET  /v1/snapshot/krw HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v1/snapshot/krw HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    b"GET /v1/snapshot/krw HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /v1/snapshot/krw HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b"GET /v1/snapshot/krw HTTP/1.1\r\nHost : x\r\n\r\n",
    b"GET /v1/snapshot/krw HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
    b"GET http://x/v1/snapshot/krw HTTP/1.1\r\nHost: x\r\n\r\n",
    b"get /v1/snapshot/krw HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x00\xff\r\n\r\n",
]


@pytest.mark.parametrize("request_", RAW)
async def test_odd_requests_are_answered_once_and_never_confuse_the_next(node: Node, request_: bytes) -> None:
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", node.door.port)
        for byte in range(0, len(request_), 7):
            writer.write(request_[byte : byte + 7])
            await writer.drain()
        first = await reader.readuntil(b"\r\n")
        assert first.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200", b"HTTP/1.0 400", b"HTTP/1.1 400")), first
        writer.close()


async def test_pipelined_requests_are_answered_in_order(node: Node) -> None:
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", node.door.port)
        ask = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
        writer.write(ask % b"/v1/snapshot/krw" + ask % b"/healthz" + ask % b"/v1/snapshot/krw")
        statuses = []
        for _ in range(3):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            statuses.append((head[:15], (await reader.readexactly(length))[:6]))
        assert statuses == [
            (b"HTTP/1.1 200 OK", b'{"v":1'),
            (b"HTTP/1.1 200 OK", b"ok\n"),
            (b"HTTP/1.1 200 OK", b'{"v":1'),
        ]
        writer.close()


async def test_who_says_nothing_is_shown_out(node: Node) -> None:
    node.door.patience_s = 0.2
    async with asyncio.timeout(5):
        for start in (b"", b"GET /v1/stream HTTP/1.1\r\nHost:"):
            reader, writer = await asyncio.open_connection("127.0.0.1", node.door.port)
            writer.write(start)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
