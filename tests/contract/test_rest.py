"""HTTP to exchanges: whole answers within bounds, at the pace the venue allows, and its wishes obeyed."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import msgspec
import pytest
from aiohttp import web

from tests.venues import until
from ticker.collect import rest
from ticker.errors import BadFrame
from ticker.exchanges import EXCHANGES, Exchange
from ticker.exchanges.exchange import Request
from ticker.model import Market

UPBIT = EXCHANGES["upbit"]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def office(handler: Handler) -> AsyncIterator[tuple[aiohttp.ClientSession, Exchange]]:
    """An exchange that answers every request by this handler."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = "http://{}:{}".format(*runner.addresses[0][:2])
    try:
        async with aiohttp.ClientSession() as session:
            yield session, msgspec.structs.replace(UPBIT, rest_url=address)
    finally:
        await runner.cleanup()


async def test_an_answer_is_read_to_its_end_however_it_arrives() -> None:
    async def in_pieces(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for piece in (b'[{"market":"KRW-BTC"},', b'{"market":"KRW-ETH"}', b"]"):
            await answer.write(piece)
            await asyncio.sleep(0.02)
        return answer

    async with office(in_pieces) as (session, exchange):
        listed = await rest.list_markets(session, exchange, rest.Pace(100))
        assert listed == [Market("upbit", s, "KRW", f"KRW-{s}") for s in ("BTC", "ETH")]


async def test_an_answer_without_an_end_is_refused() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await answer.write(b" " * 1024 * 1024)
        return answer

    async with office(endless) as (session, exchange):
        with pytest.raises(BadFrame, match="more than 33554432 bytes"):
            await rest.fetch(session, exchange, Request("/v1/market/all"), rest.Pace(100))


@pytest.mark.parametrize("body", ["[]", "{}", "[1]", "nope", '{"error":{"name":400}}', "[" * 2000, '[{"market":5}]'])
async def test_what_is_no_market_list_is_said_so(body: str) -> None:
    async def wrong(_request: web.Request) -> web.Response:
        return web.Response(text=body)

    async with office(wrong) as (session, exchange):
        with pytest.raises(BadFrame, match="market list"):
            await rest.list_markets(session, exchange, rest.Pace(100))


@pytest.mark.parametrize("status", [200, 403, 500])
async def test_no_text_of_an_answer_is_in_the_log(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """Seen failing with an answer's beginning in the line."""
    caplog.set_level(logging.DEBUG, "ticker")

    async def talkative(_request: web.Request) -> web.Response:
        return web.Response(status=status, text='{"hunter2')

    async with office(talkative) as (session, exchange):
        asking = asyncio.create_task(rest.listed(session, exchange, rest.Pace(100)))
        await until(lambda: caplog.records)
        asking.cancel()
    (line,) = [record.getMessage() for record in caplog.records]
    why = "not a market list: DecodeError in 9 bytes" if status == 200 else f"HTTP {status}"
    assert line == f"upbit: market list: /v1/market/all: {why}"


@pytest.mark.parametrize(
    ("status", "header", "waits"), [(429, "0.3", 0.3), (418, "0.3", 0.3), (503, "0.3", 0.3), (500, None, 0)]
)
async def test_a_venue_that_asks_to_wait_is_obeyed(status: int, header: str | None, waits: float) -> None:
    statuses = [status, 200]

    async def busy(_request: web.Request) -> web.Response:
        headers = {"Retry-After": header} if header else {}
        return web.Response(status=statuses.pop(0), headers=headers, text="[]")

    now, pace = asyncio.get_running_loop().time, rest.Pace(1000)
    async with office(busy) as (session, exchange):
        with pytest.raises(BadFrame, match=f"HTTP {status}"):
            await rest.fetch(session, exchange, Request("/x"), pace)
        start = now()
        assert await rest.fetch(session, exchange, Request("/x"), pace) == b"[]"
        assert waits <= now() - start < waits + 5  # not the minute of a venue that names no time


async def test_requests_carry_no_origin_and_follow_nobody_elsewhere() -> None:
    seen: list[web.Request] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with office(elsewhere) as (session, exchange):
        with pytest.raises(BadFrame, match="HTTP 302"):
            await rest.fetch(session, exchange, Request("/token", "POST"), rest.Pace(100))
    assert [(request.method, request.path, "Origin" in request.headers) for request in seen] == [
        ("POST", "/token", False)
    ]


async def test_turns_are_evenly_spaced() -> None:
    pace, now = rest.Pace(20), asyncio.get_running_loop().time
    start = now()
    for _ in range(4):
        await pace.turn()
    assert now() - start >= 0.15


async def test_a_hold_keeps_back_those_who_were_already_waiting() -> None:
    pace = rest.Pace(10.0)
    now = asyncio.get_running_loop().time
    start, turns = now(), []

    async def take() -> None:
        await pace.turn()
        turns.append(now() - start)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(take())
        await asyncio.sleep(0.02)
        pace.hold(0.4)
    assert turns[0] < 0.4
    assert turns[1] >= 0.4
    assert turns[2] >= 0.49


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("5", 5.0), ("0", 0.0), ("1.5", 1.5), ("9" * 9, 3600.0)]
    + [(header, 60.0) for header in (None, "", "²", "9" * 400, "-1", "inf", "Fri, 31 Dec 1999 23:59:59 GMT")],
)
def test_any_retry_after_is_a_sane_wait(header: str | None, seconds: float) -> None:
    assert rest.wait_of(header) == seconds
