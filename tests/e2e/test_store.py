"""What the store promises against a real Redis."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import cast

import msgspec
import pytest

from tests.conftest import make_board, make_exchange, make_market
from ticker import clock
from ticker.collect.collector import Collector
from ticker.history import History, minute_of
from ticker.model import MINUTE, Held, Row, Tick
from ticker.report import Report
from ticker.sample import pack, unpack
from ticker.store import Editor, Emptied, Fenced, Reader, Update, Writer
from ticker.store.connection import PREFIX
from ticker.store.view import HELD
from ticker.store.writer import HEARTBEAT, Batch, Claim
from ticker.tools import holds

D = Decimal
T = 1_790_000_040_000


async def test_a_task_that_asks_redis_all_the_time_can_be_cancelled_at_any_moment(redis_url: str) -> None:
    """With redis-py's own `socket_timeout`, `asyncio.wait_for` lost more than half of these cancellations."""
    async with Reader(redis_url) as reader:
        for steps in range(100):
            asking = asyncio.create_task(_ask_forever(reader))
            for _ in range(steps):
                await asyncio.sleep(0)
            asking.cancel()
            done, _ = await asyncio.wait([asking], timeout=2)
            assert done, f"still asking {steps} steps later"


async def _ask_forever(reader: Reader) -> None:
    for _ in itertools.count():
        await reader.report()


async def test_what_an_editor_accepts_is_taken_once_and_soon_or_never(redis_url: str) -> None:
    """Seen failing without its end: a collector that starts an hour later would release another price."""
    async with Writer(redis_url) as writer, Editor(redis_url) as editor:
        await writer.claim(T)
        await editor.edit("krw", "accept", "BTC/KRW", "me", T)
        assert await writer.commit(Batch(T)) == ["BTC/KRW"]
        assert await writer.commit(Batch(T + 1000)) == []
        await editor.edit("krw", "accept", "BTC/KRW", "me", T + 2000)
        async with asyncio.timeout(5):
            while await writer._redis.exists(f"{PREFIX}accepts"):  # noqa: ASYNC110 - what is waited for is no event
                await asyncio.sleep(0.05)
        assert await writer.commit(Batch(T + 3000)) == []


@pytest.mark.parametrize(
    "lies_there", [b"x", b"5", b"{}", b'["BTC", 5, ["x"], "a b", "ETH"', b'["XRP", 5, ["x"], "a b", ""]']
)
async def test_what_lies_where_hidden_coins_are_keeps_no_editor_from_hiding_one(
    redis_url: str, lies_there: bytes
) -> None:
    """Seen failing with whatever lies there taken for a list of coins: nothing could be hidden or shown again."""
    async with Reader(redis_url) as reader, Editor(redis_url) as editor:
        await editor._redis.hset(f"{PREFIX}editor:krw", "hidden", lies_there)
        await editor.edit("krw", "hide", "BTC", "me", T)
        hidden = (await reader.board("krw")).hidden
        assert hidden - {"XRP"} == {"BTC"}
        assert ("XRP" in hidden) is (b'["XRP"' in lies_there)
        await editor.edit("krw", "show", "BTC", "me", T)
        assert (await reader.board("krw")).hidden == hidden - {"BTC"}


async def test_a_replica_that_took_over_without_the_last_batches_is_told_everything_again(redis_url: str) -> None:
    """Seen failing without the comparison of heartbeats in the writer's script: what was lost stayed lost."""
    async with Writer(redis_url) as writer:
        await writer.claim(T)
        await writer.commit(Batch(T))
        await writer.commit(Batch(T + 1000))
        await writer._redis.set(f"{PREFIX}heartbeat", T)  # what a replica has that is one batch behind
        with pytest.raises(Emptied):
            await writer.commit(Batch(T + 2000))
        assert await writer.claim(T) == "kept"
        await writer.commit(Batch(T - 5000))  # the clock was set back: nothing is lost
        await writer.commit(Batch(T - 4000))


async def test_a_price_that_is_held_in_another_currency_is_none_of_a_boards(redis_url: str) -> None:
    """Seen failing with holds that know no currency: `accept` waited in vain for the euro price of another board.

    What the release before wrote has none; it may be this board's.
    """
    dollars, euros = (
        msgspec.structs.replace(make_board("BTC", sources=("kraken",)), quote=quote) for quote in ("USD", "EUR")
    )
    async with Writer(redis_url) as writer, Reader(redis_url) as reader:
        await writer.claim(T)
        await writer.commit(Batch(T, holds=[Held(T, "kraken", "BTC", "300", "100", quote="EUR")]))
        assert await holds.waiting(reader, dollars, "BTC") == set()
        assert len(await holds.waiting(reader, euros, "BTC")) == 1
        await writer._redis.set(HELD, b'[{"ts":1,"source":"kraken","symbol":"BTC","price":"3","last_good":"1"}]')
        for board in (dollars, euros):
            assert len(await holds.waiting(reader, board, "BTC")) == 1


class Done(Exception):
    """The test has seen enough."""


class Faltering(Writer):
    """One whose next claim fails when it is told so."""

    fails = False

    async def claim(self, now: int, *, heir: bool = True) -> Claim:
        if self.fails:
            self.fails = False
            raise TimeoutError
        return await super().claim(now, heir=heir)


async def test_what_a_failover_lost_is_written_again_also_where_the_claim_after_it_fails(redis_url: str) -> None:
    """Seen failing with a writer that forgets what Redis had taken before it claims: BTC stayed at 100 for good."""
    board = make_board("BTC", "ETH", sources=("alpha",))
    async with Faltering(redis_url) as writer, Reader(redis_url) as reader:
        collector = Collector({"krw": board}, {"alpha": make_exchange("alpha")}, writer, clock.now)

        def tick(symbol: str, price: int) -> None:
            collector.event("alpha", 1, Tick(symbol, "KRW", D(price)), clock.now())

        async def price_of(symbol: str) -> str | None:
            row = (await reader.board("krw")).rows.get(symbol)
            return row.price if row else None

        async def shows(symbol: str, price: str) -> None:
            async with asyncio.timeout(10):
                while await price_of(symbol) != price:  # noqa: ASYNC110 - what is waited for is no event
                    await asyncio.sleep(0.02)

        async def feed() -> None:
            collector.prices.watch(make_market("alpha", symbol) for symbol in ("BTC", "ETH"))
            collector.opened("alpha", 0, 1)
            tick("BTC", 100)
            await shows("BTC", "100")
            row, beat = await writer._redis.hget(f"{PREFIX}board:krw", "BTC"), await writer._redis.get(HEARTBEAT)
            assert row is not None
            assert beat is not None
            tick("BTC", 105)
            await shows("BTC", "105")
            writer.fails = True
            await writer._redis.hset(f"{PREFIX}board:krw", "BTC", row)  # what a replica has that is two batches behind
            await writer._redis.set(HEARTBEAT, beat)
            tick("ETH", 10)
            await shows("ETH", "10")
            await shows("BTC", "105")
            assert not writer.fails
            raise Done

        try:
            await collector.write_from(feed)
        except* Done:
            pass


async def test_collectors_whose_clocks_differ_take_turns_and_miss_nothing(redis_url: str) -> None:
    """Seen failing with the time of a batch before its claim: where the other's clock was behind, prices were lost."""
    async with Writer(redis_url) as ahead, Writer(redis_url) as behind:
        for round_ in range(3):
            for writer, now in ((ahead, T), (behind, T - 9000)):
                await writer.claim(now + round_ * 1000)
                await writer.commit(Batch(now + round_ * 1000))
                await writer.release()


async def test_a_minute_that_nobody_watched_to_its_end_is_known_to_no_successor(redis_url: str) -> None:
    """Seen failing in a soak: the second successor within a minute took the first one's cut minute for a whole one."""
    minute = minute_of(T)
    async with Writer(redis_url) as writer:
        await writer.claim(minute)
        await writer.commit(Batch(minute - MINUTE, samples={(minute - MINUTE, 0): pack(D(1))}, slots={"a:X/KRW": 0}))
        await writer.commit(Batch(minute + 30_000, samples={(minute, 0): pack(D(2))}, slots={"a:X/KRW": 0}))
        await writer.release()
    for second in (40, 70):
        history = History()
        async with Writer(redis_url) as writer:
            now = minute + second * 1000
            assert await writer.claim(now) == "held"
            await writer.load(history, now)
            known = [unpack(history.series("a:X/KRW").get(at)) for at in (minute - MINUTE, minute)]
            assert known == [1, None]
            await writer.commit(Batch(now, samples=history.take(), slots=history.slots))
            await writer.release()


async def test_an_emptied_redis_is_left_to_the_collector_that_knows_more(redis_url: str) -> None:
    async with Writer(redis_url) as worked, Writer(redis_url) as stood_by:
        assert await worked.claim(T) == "empty"
        assert await stood_by.claim(T, heir=False) == "taken"
        await worked._redis.flushall()
        assert await stood_by.claim(T, heir=False) == "lost"
        assert await worked.claim(T) == "empty"
        assert await stood_by.claim(T) == "taken"


async def test_a_replaced_collector_writes_and_publishes_nothing(redis_url: str) -> None:
    """Seen failing without the comparison of fences in COMMIT, with one that comes after
    the rows are written, and with a release that asks for no name."""
    async with Writer(redis_url) as replaced, Writer(redis_url) as successor, Reader(redis_url) as reader:
        batch = Batch(T, {"krw": [Row(symbol="BTC", price="1")]}, {(minute_of(T), 0): pack(D(1))}, {"a:BTC/KRW": 0})
        await replaced.claim(T)
        await replaced.commit(batch)
        await successor._redis.delete(f"{PREFIX}lease")
        assert await successor.claim(T) == "held"
        await successor.commit(Batch(T + 1000))
        await successor._redis.persist(f"{PREFIX}lease")  # it shall not end meanwhile on a busy machine
        await successor._redis.rpush(f"{PREFIX}accepts", "BTC/KRW")
        async with contextlib.aclosing(cast("AsyncGenerator[Update | None]", reader.updates())) as updates:
            assert await anext(updates) is None
            before = await _everything(successor)
            samples, slots = {(minute_of(T), 1): pack(D(2))}, {"a:BTC/KRW": 0, "a:ETH/KRW": 1}
            rows = {"krw": [Row(symbol="BTC", price="2")], "usd": [Row(symbol="ETH", price="2")]}
            with pytest.raises(Fenced):
                await replaced.commit(Batch(T + 2000, rows, samples, slots, Report(), ()))
            await replaced.release()
            assert await _everything(successor) == before
            await successor.commit(Batch(T + 3000))
            heard = await anext(updates)
            assert heard is not None
            assert heard.ts == T + 3000


async def _everything(store: Writer) -> dict[object, object]:
    """Every key of Redis and what lies there."""
    return {key: await store._redis.dump(key) for key in await store._redis.keys()}
