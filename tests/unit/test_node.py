"""What a server node asks of Redis, and how often."""

import asyncio
import logging
import tracemalloc
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from tests.conftest import make_board
from ticker.model import DAY, MINUTE, BoardState, Held, Instant, Row
from ticker.report import Report, SourceReport
from ticker.sample import pack
from ticker.serve.hub import Hub
from ticker.serve.node import FRESH, FRESH_DAY, Node
from ticker.serve.query import Refusal
from ticker.settings import Server
from ticker.store import Reader, Update


def shown(symbols: list[str]) -> Hub:
    """A hub whose board shows a price of each."""
    hub = Hub({"krw": make_board(*symbols)}, Server())
    hub.replace("krw", BoardState(rows={symbol: Row(symbol=symbol, price="1", source="upbit") for symbol in symbols}))
    return hub


class Store(Reader):
    """Redis with one price a minute ago."""

    asked = 0

    async def samples(self, _market: str, now: int) -> list[tuple[int, int]]:
        self.asked += 1
        await asyncio.sleep(0)
        return [(now - 2 * MINUTE, 0), (now - MINUTE, pack(Decimal("100.5")))]


async def test_a_day_of_prices_is_read_once_for_everybody_who_asks_within_seconds() -> None:
    time, store, board = 10 * MINUTE, Store("redis://127.0.0.1:1"), make_board("BTC", "ETH")
    hub = Hub({"krw": board}, Server())
    hub.replace("krw", BoardState(rows={"BTC": Row(symbol="BTC", price="100.5", source="upbit")}))
    node = Node({"krw": board}, hub, store, lambda: Instant(wall=time, mono=time))
    for _ in range(100):
        assert await node.history(board, "BTC") == ("upbit", [(time, "100.5")])
    assert await node.history(board, "ETH") is None
    assert store.asked == 1
    time += FRESH_DAY
    assert await node.history(board, "BTC") == ("upbit", [(time, "100.5")])
    assert store.asked == 2


class Full(Reader):
    """Redis with a price in every minute."""

    async def samples(self, _market: str, now: int) -> list[tuple[int, int]]:
        return [(at, pack(Decimal(at // MINUTE))) for at in range(now - DAY, now, MINUTE)]


async def test_days_of_prices_nobody_asks_for_any_more_are_let_go() -> None:
    """Seen failing with every day kept: a server grew by 5 MB until each coin had been asked for."""
    time, symbols = 2 * DAY, [f"C{number}" for number in range(60)]
    board = make_board(*symbols)
    node = Node({"krw": board}, shown(symbols), Full("redis://127.0.0.1:1"), lambda: Instant(wall=time, mono=time))
    tracemalloc.start()
    try:
        held = []
        for symbol in symbols:
            await node.history(board, symbol)
            held.append(tracemalloc.get_traced_memory()[0])
            time += FRESH_DAY
    finally:
        tracemalloc.stop()
    assert held[-1] - held[9] < held[0] / 2


async def test_a_crowd_that_asks_for_one_day_has_it_read_once() -> None:
    """Seen failing with a question to Redis for each of them: 500."""
    store, board = Store("redis://127.0.0.1:1"), make_board("BTC")
    node = Node({"krw": board}, shown(["BTC"]), store, lambda: Instant(wall=DAY, mono=DAY))
    answers = await asyncio.gather(*(node.history(board, "BTC") for _ in range(500)))
    assert answers == [("upbit", [(DAY, "100.5")])] * 500
    assert store.asked == 1


class Reporting(Reader):
    """Redis with a collector's report, until it is away."""

    away = False

    async def updates(self) -> AsyncIterator[Update | None]:
        await asyncio.Event().wait()
        yield None

    async def report(self) -> Report:
        if self.away:
            raise ConnectionError("gone")
        return Report(sources={"upbit": SourceReport(state="live", ticks=7)})

    async def holds(self) -> list[Held]:
        return []


async def test_a_status_that_is_first_asked_for_in_an_outage_tells_what_was_last_known() -> None:
    """Seen failing with a server that asks for the report only when it is asked: nothing received, not connected."""
    time, store, board = 10 * MINUTE, Reporting("redis://127.0.0.1:1"), make_board("BTC")
    node = Node({"krw": board}, shown(["BTC"]), store, lambda: Instant(wall=time, mono=time))
    following = asyncio.create_task(node.run())
    await asyncio.sleep(0.01)
    store.away, time = True, time + MINUTE
    known = await node.known()
    following.cancel()
    assert not known.reachable
    assert known.report.sources["upbit"].ticks == 7


class Away(Reader):
    """No Redis."""

    asked = 0

    async def samples(self, _market: str, now: int) -> list[tuple[int, int]]:
        self.asked += 1
        await asyncio.sleep(0)
        raise ConnectionError(f"gone at {now}")


async def test_while_redis_is_away_a_crowd_waits_for_one_question_and_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Seen failing with a question for each market, one after the other, and with a line for each that failed."""
    time, symbols = DAY, [f"C{number}" for number in range(200)]
    store, board = Away("redis://127.0.0.1:1"), make_board(*symbols)
    node = Node({"krw": board}, shown(symbols), store, lambda: Instant(wall=DAY, mono=time))
    with caplog.at_level(logging.WARNING, "ticker.serve.node"):
        for asked in (1, 2):
            crowd = (node.history(board, symbol) for symbol in symbols)
            answers = await asyncio.gather(*crowd, return_exceptions=True)
            assert {(type(answer), getattr(answer, "code", None)) for answer in answers} == {(Refusal, "not_ready")}
            assert (store.asked, node.read_errors) == (asked, asked)
            time += FRESH
    assert caplog.messages == [f"reading from redis://127.0.0.1:1: gone at {DAY}"]
