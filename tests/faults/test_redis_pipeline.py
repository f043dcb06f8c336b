"""What happens to Redis, one thing after another, under one pipeline that is looked at from inside."""

import asyncio
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from tests.network import Background, Link
from tests.pipeline import STALE_S, Pipeline, pipeline, starved
from tests.redis_server import RedisServer
from tests.stage import close_before
from ticker import clock
from ticker.history import minute_of, ref_minute
from ticker.model import MINUTE
from ticker.sample import unpack
from ticker.store import FAILURES, Reader

HOLD_S = 8.0
BACK_S = 5.0
SLACK_S = 2.5
HELD_S = 0.05
SLEPT_S = 0.1
"""Twice as much: Python's one lock is another thread's now and then, while that begins a process for 40 ms."""
WHOLE_S = 90.0


class Surroundings:
    """Redis and the way to it: whatever is done to them is done in another thread."""

    def __init__(self, folder: Path, background: Background) -> None:
        self.redis = RedisServer(folder)
        self._background = background
        self.link = background.run(Link(self.redis.port).open())

    def freeze(self) -> None:
        self._background.run(self.link.freeze())

    def thaw(self) -> None:
        self._background.run(self.link.thaw())

    def forget(self) -> None:
        self._background.run(self.link.forget())

    def limit(self, memory: str) -> None:
        self.redis.admin.config_set("maxmemory", memory)

    def end(self) -> None:
        self._background.run(self.link.close())
        self.redis.end()


Act = Callable[[Surroundings], None]
FAULTS: dict[str, tuple[Act, Act]] = {
    "killed and back empty": (lambda around: around.redis.kill(), lambda around: around.redis.start()),
    "paused": (lambda around: around.redis.pause(), lambda around: around.redis.resume()),
    "link frozen for good": (Surroundings.freeze, Surroundings.forget),
    "link frozen for a while": (Surroundings.freeze, Surroundings.thaw),
    "full": (lambda around: around.limit("1mb"), lambda around: around.limit("0")),
}
"""How each begins and ends."""


class Outcome(NamedTuple):
    """What was seen of one fault."""

    states: set[str]
    kept: bool
    """The reader had the last prices all along."""
    ends: int
    held: tuple[float, float]
    """The longest turn of the event loop: seconds of work, seconds asleep."""
    back_s: float | None
    """Without the time in which the machine had no core for us."""
    parted: dict[str, Any]
    """Where Redis, the snapshot and the stream differ afterwards."""


class Play:
    """One pipeline and all that happened to its Redis."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.outcomes: dict[str, Outcome] = {}
        self.faults: list[str] = []
        self.wrong: list[str] = []
        self.missing = -1

    async def perform(self) -> None:
        with Background() as background:
            around = Surroundings(self._folder, background)
            try:
                await self._all(around)
            finally:
                around.end()

    async def _all(self, around: Surroundings) -> None:
        url = f"redis://127.0.0.1:{around.link.port}"
        async with pipeline(url, url) as stage, Reader(around.redis.url) as store:
            await until(lambda: stage.watcher.current() and whole(stage), 40)
            for name in FAULTS:
                self.outcomes[name] = await self._suffer(stage, store, around, name)
            await until(lambda: not self._missing(stage), WHOLE_S)
            self.missing = self._missing(stage)
            self.wrong = await wrong_minutes(stage, store)
            self.faults = stage.watcher.faults

    async def _suffer(self, stage: Pipeline, store: Reader, around: Surroundings, name: str) -> Outcome:
        begin, heal = FAULTS[name]
        ends, stage.lag.worked, stage.lag.slept = len(stage.watcher.ends), 0.0, 0.0
        await asyncio.to_thread(begin, around)
        await asyncio.sleep(STALE_S + SLACK_S)
        before = prices(stage)
        await asyncio.sleep(HOLD_S - STALE_S - SLACK_S)
        states, kept = {row.state for row in stage.watcher.rows.values()}, prices(stage) == before
        if name == "full":
            kept &= before == {symbol: row.price for symbol, row in (await store.board("krw")).rows.items()}
        await asyncio.to_thread(heal, around)
        waited = starved()
        back = await until(stage.watcher.current, 20)
        back = back and back - (starved() - waited)
        held = (stage.lag.worked, stage.lag.slept)
        await until(lambda: whole(stage), 10)
        return Outcome(states, kept, len(stage.watcher.ends) - ends, held, back, await parted(stage, store))

    def _missing(self, stage: Pipeline) -> int:
        now = clock.now().wall
        span = (ref_minute(now), minute_of(now - 15_000) - MINUTE)
        history = stage.collector.prices.history
        keys = [f"{quote.market.key}" for quote in stage.collector.prices.quotes]
        return sum(len(history.series(key).missing(*span)) for key in keys)


def prices(stage: Pipeline) -> dict[str, str | None]:
    return {symbol: row.price for symbol, row in stage.watcher.rows.items()}


def whole(stage: Pipeline) -> bool:
    return all(row.change_pct is not None for row in stage.watcher.rows.values())


async def until(condition: Callable[[], object], seconds: float) -> float | None:
    """How long it took, None when it did not come."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            return None
        await asyncio.sleep(0.02)
    return time.monotonic() - started


async def parted(stage: Pipeline, store: Reader) -> dict[str, Any]:
    """Trading stops; then Redis, the snapshot and the stream must say the same."""
    stage.rest()

    async def differing() -> dict[str, Any]:
        try:
            written = (await store.board("krw")).rows
        except FAILURES as error:  # a connection from before the fault
            return {"redis": [error]}
        body = orjson.loads(await asyncio.to_thread(fetched, f"{stage.url}/v1/snapshot/krw"))
        told = {row["symbol"]: row for row in body["rows"]}
        found = {}
        for symbol, row in stage.watcher.rows.items():
            three = [
                (row.price, row.ts, row.change_pct),
                (told[symbol]["price"], told[symbol]["ts"], told[symbol]["change_pct"]),
                (written[symbol].price, written[symbol].ts, written[symbol].change_pct),
            ]
            if len(set(three)) > 1:
                found[symbol] = three
        return found

    differ = await differing()
    for _ in range(40):
        if not differ:
            break
        await asyncio.sleep(0.1)
        differ = await differing()
    stage.go_on()
    return differ


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return bytes(answer.read())


async def wrong_minutes(stage: Pipeline, store: Reader) -> list[str]:
    """Every minute of the last day in Redis, against what was traded."""
    now, wrong = clock.now().wall, []
    for quote in stage.collector.prices.quotes:
        coin = stage.world.coins[quote.market.exchange][quote.market.symbol]
        for minute, sample in await store.samples(quote.market.key, now):
            expected = close_before(coin, minute)
            if minute < minute_of(now - 30_000) and unpack(sample) != expected:
                wrong.append(f"{quote.market.key} at {minute}: {sample}, not {expected}")
    return wrong


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    made = Play(tmp_path_factory.mktemp("redis"))
    asyncio.run(made.perform())
    return made


pytestmark = pytest.mark.timeout(240)
every = pytest.mark.parametrize("name", FAULTS)


@every
def test_meanwhile_the_reader_keeps_the_last_prices_marked_stale(play: Play, name: str) -> None:
    """Seen failing with a `Node._watch` that never calls `silence`: the rows stayed live."""
    seen = play.outcomes[name]
    assert (seen.states, seen.kept, seen.ends) == ({"stale"}, True, 0)


@every
def test_the_event_loop_is_never_held(play: Play, name: str) -> None:
    """Seen failing with 0.06 s of work, and with 0.11 s of blocking, after each failed batch."""
    worked, slept = play.outcomes[name].held
    assert worked < HELD_S
    assert slept < SLEPT_S


@every
def test_five_seconds_after_its_return_every_row_is_current(play: Play, name: str) -> None:
    """Seen failing with a collector that asks for the lease again each twenty seconds."""
    back = play.outcomes[name].back_s
    assert back is not None
    assert back < BACK_S


@every
def test_redis_the_snapshot_and_the_stream_say_the_same(play: Play, name: str) -> None:
    """Seen failing with a server that does not read the boards again after a gap."""
    assert play.outcomes[name].parted == {}


def test_the_24_hours_of_samples_are_whole_again_and_right(play: Play) -> None:
    """Seen failing without `Outbox.everything`: Redis had only the minutes since its death."""
    assert play.missing == 0
    assert play.wrong == []


def test_no_reader_saw_a_wrong_percent_or_an_older_price(play: Play) -> None:
    """Seen failing with a percent measured from another price than `ref`."""
    assert play.faults == []
