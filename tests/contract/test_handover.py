"""How a feed outlives its connections: hand-overs without a gap, addresses by HTTP, whoever misbehaves."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from itertools import pairwise
from typing import Any

import msgspec
import orjson
import pytest
from aiohttp import web

from tests.venues import until
from ticker import clock, sim
from ticker.collect import feed
from ticker.exchanges import Exchange
from ticker.exchanges.exchange import Frame, Keepalive, Memory, Request
from ticker.model import Event, Goodbye, Instant, Market, Reply, Suspension, Tick
from ticker.sim.venue import Beat, Client, Venue


class Log:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.epochs: list[int] = []
        self.latest: dict[int, int] = {}
        self.ticks: list[Tick] = []

    def opened(self, exchange: str, shard: int, epoch: int) -> None:
        self.told.append("opened")
        self.epochs.append(epoch)
        self.latest[shard] = epoch

    def closed(self, exchange: str, shard: int, instant: Instant, reason: str) -> None:
        self.told.append(f"closed: {reason}")

    def event(self, exchange: str, epoch: int, event: Tick | Suspension, instant: Instant) -> None:
        assert epoch in self.latest.values()
        if isinstance(event, Tick):
            self.ticks.append(event)

    def received(self, exchange: str) -> None:
        pass

    def dropped(self, exchange: str, reason: str) -> None:
        self.told.append(reason)

    @property
    def closings(self) -> list[str]:
        return [line for line in self.told if line.startswith("closed")]


@pytest.fixture
async def venue() -> AsyncIterator[tuple[Venue, Exchange]]:
    (found,) = [one for one in sim.venues(sim.World(clock.now().wall), clock.now) if one.protocol.name == "upbit"]
    async with sim.serve([found]) as exchanges:
        yield found, msgspec.structs.replace(exchanges["upbit"], connects_per_s=1000.0)


def markets(venue: Venue) -> list[Market]:
    return [Market("upbit", coin.symbol, "KRW", code) for code, coin in venue.coins.items()]


@contextlib.asynccontextmanager
async def feeding(venue: Venue, exchange: Exchange, **changes: Any) -> AsyncIterator[Log]:
    log = Log()
    changed = msgspec.structs.replace(exchange, **changes)
    task = asyncio.create_task(feed.run(changed, markets(venue), log, clock.now, jitter=lambda: 0.1))
    try:
        yield log
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def saying_goodbye(exchange: Exchange) -> Callable[[Frame, Memory], Iterable[Event]]:
    def parse(frame: Frame, memory: Memory) -> Iterable[Event]:
        return [Goodbye("bye")] if frame == "bye" else exchange.parse(frame, memory)

    return parse


# -- hand-over --------------------------------------------------------------------------------------------------------


async def test_a_connection_that_says_goodbye_is_left_after_its_successor_delivers(
    venue: tuple[Venue, Exchange],
) -> None:
    upbit, exchange = venue
    upbit.protocol = msgspec.structs.replace(upbit.protocol, goodbye=lambda _: ["bye"])
    async with feeding(upbit, exchange, parse=saying_goodbye(exchange)) as log:
        await until(lambda: log.ticks)
        (first,) = upbit.clients
        await upbit.announce()
        await until(lambda: upbit.clients and first not in upbit.clients)
        assert (log.told, len(set(log.epochs)), len(upbit.clients)) == (["opened", "opened"], 1, 1)
        before = len(log.ticks)
        await until(lambda: len(log.ticks) > before)


async def test_while_no_successor_can_be_had_the_old_connection_goes_on_delivering(
    venue: tuple[Venue, Exchange],
) -> None:
    upbit, exchange = venue
    async with feeding(upbit, exchange, max_age_s=0.3) as log:
        await until(lambda: log.ticks)
        upbit.faults.reject = 503
        upbit.faults.retry_after = "0"
        await until(lambda: len(upbit.dials) >= 4)
        before = len(log.ticks)
        await until(lambda: len(log.ticks) > before + 3)
        assert log.told == ["opened"]
        (first,) = upbit.clients
        upbit.faults.reject = None
        await until(lambda: upbit.clients and first not in upbit.clients)
        assert (log.closings, len(set(log.epochs))) == ([], 1)


async def test_a_successor_that_never_delivers_does_not_take_over(venue: tuple[Venue, Exchange]) -> None:
    upbit, exchange = venue
    quiet: set[Client] = set()
    speak = upbit.protocol.message

    def message(venue: Venue, client: Client, text: str) -> list[str | bytes]:
        if len(venue.clients) > 1:
            quiet.add(client)
            return []
        return speak(venue, client, text)

    upbit.protocol = msgspec.structs.replace(upbit.protocol, message=message)
    async with feeding(upbit, exchange, max_age_s=0.2, silence_s=0.8) as log:
        await until(lambda: len(quiet) >= 2, 12.0)
        assert log.closings == []
        assert {client in upbit.clients for client in quiet} == {True, False}
        before = len(log.ticks)
        await until(lambda: len(log.ticks) > before + 3)


# -- one connection ---------------------------------------------------------------------------------------------------


async def test_prices_are_read_while_a_long_list_is_still_being_subscribed(venue: tuple[Venue, Exchange]) -> None:
    upbit, exchange = venue

    def one_by_one(some: Iterable[Market], memory: Memory, now: int) -> list[str]:
        return [frame for _ in range(50) for frame in exchange.subscribe(list(some), memory, now)]

    async with feeding(upbit, exchange, subscribe=one_by_one, frame_gap_s=0.2) as log:
        await until(lambda: log.ticks, 2.0)
        (client,) = upbit.clients
        assert len(client.received) < 10


async def test_replies_go_back_on_the_same_connection(venue: tuple[Venue, Exchange]) -> None:
    upbit, exchange = venue
    beat = Beat(lambda _v, _c: ["are you there?"], 0.05)
    upbit.protocol = msgspec.structs.replace(upbit.protocol, beat=beat)

    def parse(frame: Frame, memory: Memory) -> Iterable[Event]:
        return [Reply("PING")] if frame == "are you there?" else exchange.parse(frame, memory)

    async with feeding(upbit, exchange, parse=parse) as log:
        await until(lambda: upbit.clients and next(iter(upbit.clients)).received.count("PING") >= 2)
        assert log.closings == []


async def test_a_keepalive_of_text_is_sent_as_often_as_the_venue_wants(venue: tuple[Venue, Exchange]) -> None:
    upbit, exchange = venue
    async with feeding(upbit, exchange, keepalive=Keepalive(0.05, lambda _ms: "PING")) as log:
        await until(lambda: upbit.clients and next(iter(upbit.clients)).received.count("PING") >= 3)
        assert log.told == ["opened"]


@pytest.mark.parametrize(
    ("end", "says"),
    [
        (lambda venue: venue.cut(), "the connection was lost"),
        (lambda venue: venue.drop(), "the connection was lost"),
        (lambda venue: venue.close(1012), "it closed the connection (1012 maintenance)"),
        (lambda venue: venue.close(1000), "it closed the connection (1000 maintenance)"),
    ],
    ids=["cut in the middle of a frame", "dropped", "closed for a restart", "closed normally"],
)
async def test_however_a_connection_ends_a_new_epoch_begins(
    venue: tuple[Venue, Exchange], end: Callable[[Venue], Any], says: str
) -> None:
    upbit, exchange = venue
    async with feeding(upbit, exchange) as log:
        await until(lambda: log.ticks)
        await end(upbit)
        await until(lambda: log.told.count("opened") == 2)
        before = len(log.ticks)
        await until(lambda: len(log.ticks) > before)
        assert [line.removeprefix("closed: ").startswith(says) for line in log.closings] == [True], log.closings
        assert len(set(log.epochs)) == 2


async def test_a_venue_in_maintenance_is_asked_with_growing_patience(venue: tuple[Venue, Exchange]) -> None:
    upbit, exchange = venue
    upbit.faults.farewell = 1001
    async with feeding(upbit, exchange) as log:
        await until(lambda: len(log.closings) == 4)
        gaps = [later - earlier for earlier, later in pairwise(upbit.dials)]
        assert gaps[0] >= 50
        assert gaps[1] >= 100
        assert gaps[2] >= 200
        upbit.faults.farewell = None
        await until(lambda: log.ticks)


# -- addresses, limits, faults of our own -----------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def address_office(bodies: list[Any]) -> AsyncIterator[str]:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(body=orjson.dumps(bodies.pop(0)))

    application = web.Application()
    application.router.add_post("/token", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield "http://{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


async def test_a_venue_that_gives_its_address_by_http_is_asked_for_each_dial(venue: tuple[Venue, Exchange]) -> None:
    upbit, exchange = venue
    bodies: list[Any] = ["no address", {"query": "?token=a"}, {"query": "?token=b"}]
    async with address_office(bodies) as office:
        changes: dict[str, Any] = {
            "rest_url": office,
            "token": Request("/token", "POST"),
            "address": lambda url, body: url + orjson.loads(body)["query"],
        }
        async with feeding(upbit, exchange, **changes) as log:
            await until(lambda: log.ticks)
            assert log.closings == ["closed: /token: not a websocket address: TypeError in 12 bytes"]
            await upbit.drop()
            await until(lambda: log.told.count("opened") == 2)
    assert bodies == []


async def test_the_connections_of_one_exchange_share_its_limit(venue: tuple[Venue, Exchange]) -> None:
    upbit, exchange = venue
    async with feeding(upbit, exchange, most_markets=9, connects_per_s=5.0) as log:
        await until(lambda: log.told.count("opened") == -(-len(upbit.coins) // 9))
        dials = list(upbit.dials)
        assert dials[-1] - dials[0] >= (len(dials) - 2) * 200  # one handshake may come late
        await until(lambda: {tick.symbol for tick in log.ticks} == {coin.symbol for coin in upbit.coins.values()})
        assert log.closings == []


async def test_a_fault_of_one_module_is_counted_and_logged_and_stops_nobody(
    venue: tuple[Venue, Exchange], caplog: pytest.LogCaptureFixture
) -> None:
    upbit, exchange = venue
    mistakes = iter([True, True, False])

    def subscribe(some: Any, memory: Memory, now: int) -> list[str]:
        if next(mistakes, False):
            raise ZeroDivisionError("a mistake")
        return exchange.subscribe(some, memory, now)

    with caplog.at_level(logging.WARNING, "ticker"):
        async with feeding(upbit, exchange, subscribe=subscribe) as log:
            await until(lambda: log.ticks)
    assert log.told.count("error") == 2
    assert log.closings == ["closed: a fault of this program (ZeroDivisionError)"] * 2
    assert "a mistake" in caplog.text


async def test_what_cannot_be_read_is_counted_each_time_and_logged_now_and_then(
    venue: tuple[Venue, Exchange], caplog: pytest.LogCaptureFixture
) -> None:
    upbit, exchange = venue
    upbit.faults.garbage = b"\x1b[31m\nnot json"
    with caplog.at_level(logging.WARNING, "ticker"):
        async with feeding(upbit, exchange) as log:
            await until(lambda: log.told.count("malformed") >= 10)
    lines = [record.getMessage() for record in caplog.records if "malformed" in record.getMessage()]
    assert len(lines) == 1
    assert lines[0].isprintable()
