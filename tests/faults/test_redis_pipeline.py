"""What happens to Redis, one thing after another, under one pipeline that is looked at from inside."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.network import Background, Link
from tests.pipeline import HELD_S, STALE_S, Pipeline, delayed, eventually, parted, pipeline, whole
from tests.redis_server import RedisServer
from tests.stage import close_before
from ticker import clock
from ticker.history import minute_of, ref_minute
from ticker.model import MINUTE
from ticker.sample import unpack
from ticker.store import Reader

HOLD_S = {"paused": 30.0}
SHORT_S = 8.0
"""How long the others are held."""
BACK_S = 5.0
SLACK_S = 2.5
WHOLE_S = 90.0
QUIET = "XRP"
"""It trades while Redis is away, and not again until all has been compared: no later trade repairs what was missed."""
WORDS = b'{"fence":0,"ts":1,"boards":{},"more":"%s"}' % (b"x" * 200_000)
"""The last words of a collector that was replaced long ago: servers read them and go on."""
MOST = 300


class Surroundings:
    """Redis and the ways to it: whatever is done to them is done in another thread."""

    def __init__(self, folder: Path, background: Background) -> None:
        self.redis = RedisServer(folder)
        self._background = background
        self.links: list[Link] = [background.run(Link(self.redis.port).open()) for _ in range(2)]
        """The collector's, and the server's."""

    def freeze(self) -> None:
        for link in self.links:
            self._background.run(link.freeze())

    def thaw(self) -> None:
        for link in self.links:
            self._background.run(link.thaw())

    def forget(self) -> None:
        for link in self.links:
            self._background.run(link.forget())

    def set(self, name: str, value: str) -> None:
        self.redis.admin.config_set(name, value)

    def refuse(self) -> None:
        """Another password, and everybody has to say it."""
        self.set("requirepass", "another")
        for kind in ("normal", "pubsub"):
            self.redis.admin.client_kill_filter(_type=kind, skipme=True)

    def swamp(self) -> None:
        """The server does not read what Redis tells it, until Redis has enough."""
        self.set("client-output-buffer-limit", "pubsub 1mb 0 0")
        self._background.run(self.links[1].freeze())
        for _ in range(MOST):
            self.redis.admin.publish("ticker:v1:updates", WORDS)
            if not self.redis.admin.client_list(_type="pubsub"):
                return
        raise AssertionError("nobody was cut")

    def end(self) -> None:
        for link in self.links:
            self._background.run(link.close())
        self.redis.end()


Act = Callable[[Surroundings], object]
FAULTS: dict[str, tuple[Act, Act]] = {
    "killed and back empty": (lambda around: around.redis.kill(), lambda around: around.redis.start()),
    "paused": (lambda around: around.redis.pause(), lambda around: around.redis.resume()),
    "link frozen for good": (Surroundings.freeze, Surroundings.forget),
    "link frozen for a while": (Surroundings.freeze, Surroundings.thaw),
    "full": (lambda around: around.set("maxmemory", "1mb"), lambda around: around.set("maxmemory", "0")),
    "refusing": (Surroundings.refuse, lambda around: around.set("requirepass", "")),
    "read-only": (
        lambda around: around.redis.admin.replicaof("127.0.0.1", "1"),
        lambda around: around.redis.admin.replicaof("NO", "ONE"),
    ),
    "subscriber cut": (Surroundings.swamp, Surroundings.thaw),
}
"""How each begins and ends."""


class Outcome(NamedTuple):
    """What was seen of one fault."""

    states: set[str]
    kept: bool
    """The reader had the last prices all along."""
    ends: int
    held_s: float
    """The longest turn of the event loop."""
    back_s: float | None
    """Without the time in which the machine had no core for collector and server."""
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
        ways = [f"redis://127.0.0.1:{link.port}" for link in around.links]
        async with pipeline(ways[0], ways[1]) as stage, Reader(around.redis.url) as store:
            await eventually(lambda: stage.watcher.current() and whole(stage), 40)
            for name in FAULTS:
                self.outcomes[name] = await self._suffer(stage, store, around, name)
            await eventually(lambda: not self._missing(stage), WHOLE_S)
            self.missing = self._missing(stage)
            self.wrong = await wrong_minutes(stage, store)
            self.faults = stage.watcher.faults

    async def _suffer(self, stage: Pipeline, store: Reader, around: Surroundings, name: str) -> Outcome:
        begin, heal = FAULTS[name]
        ends = len(stage.watcher.ends)
        stage.lag.start_over()
        await asyncio.to_thread(begin, around)
        await asyncio.sleep(STALE_S + SLACK_S)
        before = prices(stage)
        await asyncio.sleep(HOLD_S.get(name, SHORT_S) - STALE_S - SLACK_S)
        states, kept = {row.state for row in stage.watcher.rows.values()}, prices(stage) == before
        if name == "full":
            kept &= before == {symbol: row.price for symbol, row in (await store.board("krw")).rows.items()}
        stage.rest(QUIET)
        await asyncio.to_thread(heal, around)
        waited = delayed()
        back = await eventually(stage.watcher.current, 20)
        back = back and back - (delayed() - waited)
        held = stage.lag.held()
        await eventually(lambda: whole(stage), 10)
        return Outcome(states, kept, len(stage.watcher.ends) - ends, held, back, await parted(stage, store))

    def _missing(self, stage: Pipeline) -> int:
        now = clock.now().wall
        span = (ref_minute(now), minute_of(now - 15_000) - MINUTE)
        history = stage.collector.prices.history
        keys = [f"{quote.market.key}" for quote in stage.collector.prices.quotes]
        return sum(len(history.series(key).missing(*span)) for key in keys)


def prices(stage: Pipeline) -> dict[str, str | None]:
    return {symbol: row.price for symbol, row in stage.watcher.rows.items()}


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
    """Seen failing with 0.06 s of work, and with `time.sleep(0.08)`, after each failed batch and lost subscription."""
    assert play.outcomes[name].held_s < HELD_S


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
