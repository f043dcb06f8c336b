"""The client against a server that says exactly what a test wants, over a real socket."""

import asyncio
import contextlib
import http
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from ticker.client import Feed, Row, address, follow, rows
from ticker.errors import StartError, UsageError

T = 1_790_000_000_000


def full(symbol: str, price: str | None, **more: Any) -> dict[str, Any]:
    return {"symbol": symbol, "name": symbol.lower(), "price": price, "state": "live", "ts": T, "received_ts": T} | more


def snapshot(seq: int, *rows_: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "snapshot", "v": 1, "board": "krw", "seq": seq, "ts": T, "rows": list(rows_)} | more


def update(seq: int, *rows_: dict[str, Any]) -> dict[str, Any]:
    return {"type": "update", "board": "krw", "seq": seq, "ts": T, "rows": list(rows_)}


Script = Callable[[ServerConnection, int], Awaitable[None]]


class Stage:
    """A server that follows a script; each connection is told which one it is, from 1."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.paths: list[str] = []
        self.heard: list[str] = []
        self.url = ""

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.paths.append(socket.request.path)
        with contextlib.suppress(OSError):
            await self.script(socket, len(self.paths))


@contextlib.asynccontextmanager
async def staged(
    script: Script, refuse: Callable[[ServerConnection, Request], Response | None] | None = None
) -> AsyncIterator[Stage]:
    stage = Stage(script)
    server: Server
    async with serve(stage.handle, "127.0.0.1", 0, process_request=refuse) as server:
        stage.url = "http://{}:{}".format(*next(iter(server.sockets)).getsockname()[:2])
        yield stage


async def say(socket: ServerConnection, *messages: dict[str, Any]) -> None:
    for message in messages:
        await socket.send(orjson.dumps(message).decode())


async def take(stage: Stage, count: int, **how: Any) -> list[tuple[str, str | None, str]]:
    """The first rows that differ in what a reader sees."""
    found: list[tuple[str, str | None, str]] = []
    async with asyncio.timeout(5), contextlib.aclosing(rows(stage.url, jitter=lambda: 0.0, **how)) as stream:
        async for row in stream:
            found.append((row.symbol, row.price, row.state))
            if len(found) == count:
                break
    return found


async def test_rows_are_complete_and_updates_are_merged_into_them() -> None:
    async def script(socket: ServerConnection, _number: int) -> None:
        await say(
            socket,
            snapshot(7, full("BTC", "100", ref="90"), full("ETH", "10")),
            {"type": "something new", "rows": "of another kind"} | {"rows": []},
            update(8, {"symbol": "BTC", "price": "101", "change_pct": "12.22", "ts": T + 1, "added": True}),
            {"type": "heartbeat", "board": "krw", "seq": 9, "ts": T},
            update(10, {"symbol": "BTC", "price": "101", "change_pct": None, "ts": T + 1, "ref": None}),
        )
        await socket.wait_closed()

    found: list[Row] = []
    async with staged(script) as stage, contextlib.aclosing(rows(stage.url, "krw", ["BTC", "ETH"])) as stream:
        async for row in stream:
            found.append(row)
            if len(found) == 4:
                break
    assert [row.symbol for row in found] == ["BTC", "ETH", "BTC", "BTC"]
    assert found[2] == Row(
        symbol="BTC", name="btc", price="101", change_pct="12.22", ref="90", ts=T + 1, received_ts=T, state="live"
    )
    assert (found[3].change_pct, found[3].ref, found[3].name) == (None, None, "btc")
    assert stage.paths == ["/v1/stream/krw?symbols=BTC%2CETH&lang=ko"]


async def test_after_a_gap_only_a_new_snapshot_counts() -> None:
    async def script(socket: ServerConnection, _number: int) -> None:
        await say(socket, snapshot(1, full("BTC", "100")), update(3, full("BTC", "666")), update(4, full("BTC", "667")))
        assert orjson.loads(await socket.recv()) == {"op": "snapshot"}
        await say(socket, update(5, full("BTC", "668")), snapshot(5, full("BTC", "105")), update(6, full("BTC", "106")))
        await socket.wait_closed()

    async with staged(script) as stage:
        assert [price for _, price, _ in await take(stage, 3)] == ["100", "105", "106"]


@pytest.mark.parametrize("how", ["cut", "1001", "1012", "1013", "4008", "1000", "4777", "bye", "not json", "a number"])
async def test_it_comes_back_after(how: str) -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        await say(socket, snapshot(1, full("BTC", str(number))))
        if number > 1:
            await socket.wait_closed()
        elif how == "cut":
            socket.transport.abort()
        elif how == "bye":
            await say(socket, {"type": "bye", "reason": "restart", "retry_ms": 1})
            await socket.wait_closed()
        elif how.isdecimal():
            await socket.close(int(how))
        else:
            await socket.send("{" if how == "not json" else "5")
            await socket.wait_closed()

    async with staged(script) as stage:
        assert await take(stage, 2) == [("BTC", "1", "live"), ("BTC", "2", "live")]


async def test_a_bye_is_obeyed_to_the_millisecond() -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        await say(socket, snapshot(1, full("BTC", str(number))), {"type": "bye", "reason": "full", "retry_ms": 300})
        await socket.wait_closed()

    clock = asyncio.get_running_loop().time
    async with staged(script) as stage:
        started = clock()
        await take(stage, 2)
        assert clock() - started >= 0.3


@pytest.mark.parametrize("code", [1002, 1007, 1008, 1009])
async def test_it_does_not_come_back_after(code: int) -> None:
    async def script(socket: ServerConnection, _number: int) -> None:
        await socket.close(code, "no")

    async with staged(script) as stage:
        with pytest.raises(StartError, match=f"{code}.*no"):
            await take(stage, 1)
        assert len(stage.paths) == 1


@pytest.mark.parametrize(("status", "error"), [(404, UsageError), (400, UsageError), (403, StartError)])
async def test_a_refusal_is_told_in_the_servers_words(status: int, error: type[Exception]) -> None:
    def refuse(socket: ServerConnection, _request: Request) -> Response:
        return socket.respond(http.HTTPStatus(status), '{"error":{"code":"unknown_board","message":"no board x"}}')

    async with staged(lambda _socket, _number: asyncio.sleep(0), refuse) as stage:
        with pytest.raises(error, match="no board x"):
            await take(stage, 1, board="x")


async def test_a_busy_server_is_asked_again_when_it_says() -> None:
    answers = iter([503, 429])

    def refuse(socket: ServerConnection, _request: Request) -> Response | None:
        status = next(answers, None)
        if status is None:
            return None
        response = socket.respond(http.HTTPStatus(status), "")
        response.headers["Retry-After"] = "0"
        return response

    async def script(socket: ServerConnection, _number: int) -> None:
        await say(socket, snapshot(1, full("BTC", "100")))
        await socket.wait_closed()

    async with staged(script, refuse) as stage:
        assert await take(stage, 1) == [("BTC", "100", "live")]


async def test_a_silent_server_is_left_and_its_prices_are_called_old() -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        await say(socket, snapshot(1, full("BTC", "100"), full("EOS", "5", state="closed", reason="suspended")))
        if number > 1:
            await say(socket, update(2, {"symbol": "BTC", "price": "101", "change_pct": None, "ts": T}))
        await socket.wait_closed()

    async with staged(script) as stage:
        assert await take(stage, 5, silence_s=0.2) == [
            ("BTC", "100", "live"),
            ("EOS", "5", "closed"),
            ("BTC", "100", "stale"),
            ("BTC", "100", "live"),
            ("BTC", "101", "live"),
        ]


async def test_pauses_double_to_a_minute_and_begin_anew_after_a_snapshot(caplog: pytest.LogCaptureFixture) -> None:
    """The random part is 1/500 here, so that 10 s are 20 ms."""
    answers = iter([503] * 5)

    def refuse(socket: ServerConnection, _request: Request) -> Response | None:
        status = next(answers, None)
        return None if status is None else socket.respond(http.HTTPStatus(status), "")

    async def script(socket: ServerConnection, _number: int) -> None:
        await say(socket, snapshot(1, full("BTC", "100")))
        await socket.close(1012)

    connected: list[bool] = []
    async with staged(script, refuse) as stage, contextlib.aclosing(follow(stage.url, jitter=lambda: 1 / 500)) as told:
        async for feed, _changed in told:
            connected.append(feed.connected)
            if len(connected) == 5:
                break
    assert connected == [True, False, True, False, True]
    waits = [record.getMessage().rpartition("again in ")[2] for record in caplog.records]
    assert waits == ["0.02 s", "0.04 s", "0.08 s", "0.12 s", "0.12 s", "0.02 s", "0.02 s"]


async def test_who_says_goodbye_is_heard_until_another_one_has_told_everything() -> None:
    """Fails when the first line is left at its `bye`, closed by its client late or never, or called lost."""
    closed = asyncio.Event()

    async def script(socket: ServerConnection, number: int) -> None:
        if number != 2:
            await say(socket, snapshot(number, full("BTC", str(number))))
        if number == 1:
            await say(socket, {"type": "bye", "reason": "restart", "retry_ms": 1}, update(2, full("BTC", "1.5")))
            await socket.wait_closed()
            assert socket.close_code == 1000
            closed.set()
        elif number == 2:  # the next one has no room
            await say(socket, {"type": "bye", "reason": "full", "retry_ms": 1})
            await socket.close(1013)
        else:
            await closed.wait()
            await say(socket, update(number + 1, full("BTC", "4")))
            await socket.wait_closed()

    seen: list[tuple[str | None, bool]] = []
    async with staged(script) as stage, contextlib.aclosing(follow(stage.url, jitter=lambda: 0.001)) as told:
        async for feed, changed in told:
            seen += [(row.price, feed.connected) for row in changed]
            if seen[-1][0] == "4":
                break
        assert seen == [("1", True), ("1.5", True), ("3", True), ("4", True)]
        assert len(stage.paths) == 3


async def test_who_is_left_on_the_way_to_another_server_leaves_nothing_open() -> None:
    """Fails when the connection that nobody took over stays."""
    left = asyncio.Event()

    async def script(socket: ServerConnection, number: int) -> None:
        await say(socket, snapshot(number, full("BTC", str(number))))
        if number == 1:
            await say(socket, {"type": "bye", "reason": "restart", "retry_ms": 0})
        await socket.wait_closed()
        if number == 2:
            left.set()

    async with staged(script) as stage, asyncio.timeout(5):
        told = follow(stage.url, jitter=lambda: 0.0)
        await anext(told)
        reading = asyncio.create_task(anext(told))
        while len(stage.paths) < 2:  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.001)
        reading.cancel()
        await asyncio.wait({reading})
        await told.aclose()
        await left.wait()


def test_a_hidden_row_is_gone_and_notices_are_kept() -> None:
    feed = Feed()
    feed.take(snapshot(1, full("BTC", "1"), full("ETH", "2")))
    assert feed.take(snapshot(2, full("ETH", "2"), notice="점검", frozen=True)) == []
    assert list(feed.rows) == ["ETH"]
    assert (feed.board["notice"], feed.board["frozen"]) == ("점검", True)


@pytest.mark.parametrize(
    ("url", "board", "symbols", "expected"),
    [
        ("http://h:1", None, None, "ws://h:1/v1/stream?lang=en"),
        ("https://h/prefix/", "krw", ("BTC",), "wss://h/prefix/v1/stream/krw?symbols=BTC&lang=en"),
        ("wss://h", "a/b", None, "wss://h/v1/stream/a%2Fb?lang=en"),
    ],
)
def test_the_address_of_the_stream(url: str, board: str, symbols: tuple[str, ...], expected: str) -> None:
    assert address(url, board, symbols, "en", None) == expected


@pytest.mark.parametrize(
    "url", ["h:1", "ftp://h", "", "http://", "http://[::", "http://h:99999", "http://h:x", "ws://h:0"]
)
def test_what_is_no_address_is_said_so(url: str) -> None:
    """Seen failing with a traceback at half an IPv6 address."""
    with pytest.raises(UsageError, match="not the address of a server"):
        address(url, None, None, "en", None)


def test_it_stays_small() -> None:
    """Issue 7: at most 200 lines."""
    import ticker.client as module  # noqa: PLC0415 - its file is what is counted

    with open(module.__file__, encoding="utf-8") as file:  # noqa: PTH123
        assert len(file.readlines()) <= 200


async def test_a_server_out_of_reach_is_told_of_in_a_plain_sentence(caplog: pytest.LogCaptureFixture) -> None:
    async def listen() -> None:
        async for _ in follow("http://127.0.0.1:1", "krw", jitter=lambda: 1.0):
            pass

    with caplog.at_level(logging.WARNING, "ticker"):
        listening = asyncio.create_task(listen())
        async with asyncio.timeout(8):
            while not caplog.records:  # noqa: ASYNC110 - a log line is no event
                await asyncio.sleep(0.01)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    said = "/krw?lang=ko: 127.0.0.1:1 cannot be reached (connection refused); again in 10.00 s"
    assert caplog.records[0].getMessage().endswith(said)
