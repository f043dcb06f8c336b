"""Clocks that jump, days that end, and machines in other time zones."""

import asyncio
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests.pipeline import pipeline
from tests.program import Program, until
from tests.redis_server import RedisServer
from tests.stage import Stage, board
from tests.watcher import Watcher
from ticker import clock
from ticker.history import LENGTH, minute_of, ref_minute
from ticker.model import DAY, MINUTE, Instant
from ticker.sample import unpack_minute
from ticker.store.connection import raw

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
SYMBOLS = ("BTC", "ETH", "XRP", "ADA", "LINK")
GAP_S = 4.0
LEAD_MS = 15_000
SOON_S = 4.0
CORRECTED_S = 20.0
"""The board has 34 coins, and an exchange is asked some eight times a second."""
KEPT_MS = LENGTH * MINUTE
FINE = ("BTC", "ETH", "XRP")
"""Their price steps are small beside their prices."""
pytestmark = pytest.mark.timeout(120)


class Machine:
    """A program whose wall clock a test sets; the steady clock is left alone, as on a real machine."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "offset"
        self.set("+0")
        self.environment = {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, offset: str) -> None:
        self._file.write_text(offset, encoding="ascii")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed (apt-get install libfaketime)")
@pytest.mark.parametrize("jump", ["+3600", "-3600"])
def test_a_wall_clock_that_jumps_an_hour_moves_no_timer_and_no_state(
    stack: ExitStack, tmp_path: Path, jump: str
) -> None:
    """Seen failing with the age of data measured by the wall clock: rows were stale until their next trade.

    And with the history asked for from where it had been filled to: set back, no row had a percent for that hour.
    """
    redis = RedisServer(tmp_path)
    stack.callback(redis.end)
    stage = stack.enter_context(Stage("upbit", "bithumb"))
    settings = stage.settings({"krw": board("KRW", SYMBOLS, "upbit", "bithumb")})
    machine, programs = Machine(tmp_path), []
    for command in ("collect", "serve"):
        program = Program(tmp_path, command, redis__url=redis.url, **settings)
        program.environment |= machine.environment
        programs.append(stack.enter_context(program))
    collector, server = programs
    watcher = Watcher(server.url, "krw", stage.world.coins)
    stage.background.start(watcher.run())
    until(watcher.current, collector, 40)
    until(lambda: all(row.change_pct is not None for row in watcher.rows.values()), collector, 30)
    watcher.aside |= {"ts"}  # of a clock set back, the times it gave before lie ahead
    watcher.start_over()
    watcher.ends.clear()
    dials, fence = len(stage.venues["upbit"].dials), redis.admin.get("ticker:v1:fence")
    machine.set(jump)
    jumped = time.monotonic()
    until(lambda: abs(told_at(server) - time.time() - float(jump)) < 60, server)
    until(lambda: measured(watcher, float(jump)), server, SOON_S)
    until(lambda: time.monotonic() - jumped > 6, server)
    assert {row.state for row in watcher.rows.values()} == {"live"}
    assert measured(watcher, float(jump))
    assert [entry for entries in watcher.states.values() for entry in entries if entry[0] > jumped] == []
    assert (len(stage.venues["upbit"].dials), redis.admin.get("ticker:v1:fence")) == (dials, fence)
    assert (watcher.ends, watcher.faults) == ([], [])
    assert watcher.gap < GAP_S
    machine.set("+0")
    until(lambda: abs(told_at(server) - time.time()) < 60, server)
    until(lambda: measured(watcher, 0), server, SOON_S)
    until(watcher.current, server)
    assert (watcher.ends, watcher.faults) == ([], [])


def test_what_came_before_a_machine_slept_is_old_when_it_wakes() -> None:
    """Seen failing with CLOCK_MONOTONIC, which stands still meanwhile: for 15 s more, rows of yesterday were live.

    A machine of its own that has slept for a day: the two clocks differ by that much.
    """
    slept = f"unshare --time --boottime {DAY // 1000} --fork {sys.executable}"
    code = "import time; from ticker import clock; print(clock.now().mono - time.monotonic_ns() // 1_000_000)"
    told = subprocess.run([*slept.split(), "-c", code], capture_output=True, text=True, check=False)
    if told.stderr.startswith("unshare:"):
        pytest.skip(told.stderr.strip())
    assert int(told.stdout) >= DAY


@pytest.mark.parametrize("ahead_s", [26 * 3600, 365 * 86_400])
async def test_after_a_machines_wrong_date_is_corrected_everything_is_right_within_seconds(
    tmp_path: Path, ahead_s: int
) -> None:
    """Seen failing without `rewind`: samples of the right time were too old to keep, and no row had a percent.

    Seen failing with keys in Redis that live until 26 hours after their minute: for a year.
    """
    redis, ahead = RedisServer(tmp_path), [ahead_s * 1000]

    def wrong() -> Instant:
        return Instant(time.time_ns() // 1_000_000 + ahead[0], time.monotonic_ns() // 1_000_000)

    try:
        async with pipeline(redis.url, redis.url, wrong, clock.now) as stage:
            watcher = stage.watcher
            await waited(lambda: watcher.rows and all(row.change_pct is not None for row in watcher.rows.values()))
            fence = int(redis.admin.get("ticker:v1:fence") or 0)
            ahead[0] = 0
            await waited(lambda: measured(watcher, 0) and watcher.current(), CORRECTED_S)
            watcher.faults.clear()  # what was shown of the wrong date
            await waited(lambda: sampled(redis, time.time_ns() // 1_000_000))
            assert watcher.faults == []
            assert int(redis.admin.get("ticker:v1:fence") or 0) == fence
            assert all(0 < redis.admin.pttl(key) <= KEPT_MS for key in redis.admin.scan_iter("ticker:v1:minute:*"))
    finally:
        redis.end()


def sampled(redis: RedisServer, now: int) -> bool:
    """Redis has a sample of every market for this minute."""
    packed = unpack_minute(raw(redis.admin.get(f"ticker:v1:minute:{minute_of(now)}") or b""))
    return bool(packed) and all(packed)


def measured(watcher: Watcher, ahead_s: float) -> bool:
    """Every row has a percent, from the minute that counts for a clock that is so much ahead."""
    counts = ref_minute(round((time.time() + ahead_s) * 1000)) + MINUTE
    return all(row.change_pct and row.basis == "history" and row.ref_ts == counts for row in watcher.rows.values())


def told_at(server: Program) -> float:
    """What time the server believes it is."""
    with urllib.request.urlopen(f"{server.url}/v1/boards", timeout=5) as answer:
        return parsedate_to_datetime(answer.headers["Date"]).timestamp()


MOMENTS = ("2026-03-01T00:00:00Z", "2026-03-02T09:00:00+09:00", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z")
"""Midnight in UTC, 09:00 in Korea where exchanges begin their day, the leap day and the day after."""


async def test_a_day_that_ends_changes_no_percent_but_by_its_price(tmp_path: Path) -> None:
    """Seen failing with a reference from the first minute of the day in UTC."""
    redis = [RedisServer(tmp_path) for _ in MOMENTS]
    try:
        await asyncio.gather(*(live_through(moment, one.url) for moment, one in zip(MOMENTS, redis, strict=True)))
    finally:
        for one in redis:
            one.end()


async def live_through(moment: str, url: str) -> None:
    """From some seconds before it until every reference has moved on."""
    at = round(datetime.fromisoformat(moment).timestamp() * 1000)
    ahead = at - LEAD_MS - time.time_ns() // 1_000_000

    def clock() -> Instant:
        return Instant(time.time_ns() // 1_000_000 + ahead, time.monotonic_ns() // 1_000_000)

    async with pipeline(url, url, clock) as stage:
        watcher = stage.watcher
        await waited(lambda: watcher.rows and all(row.change_pct is not None for row in watcher.rows.values()))
        watcher.start_over()
        before = {symbol: float(row.change_pct or 0) for symbol, row in watcher.rows.items()}
        await waited(lambda: all((row.ref_ts or 0) >= at - DAY for row in watcher.rows.values()))
        await waited(lambda: clock().wall > at + 5_000)
        assert watcher.faults == []
        assert {row.state for row in watcher.rows.values()} == {"live"}
        after = {symbol: float(watcher.rows[symbol].change_pct or 99) for symbol in FINE}
        assert all(abs(after[symbol] - before[symbol]) < 1 for symbol in FINE)
        assert watcher.gap < GAP_S


MEASURED = re.compile(rb'\d+ ms\b|"lag_ms":\d+|"heartbeat_age_ms":\d+|\A{"v":1,"ts":\d+')
"""What each server takes for itself, by the ms."""


async def waited(condition: Callable[[], object], deadline_s: float = 60) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110 - what is waited for is no event
            await asyncio.sleep(0.05)


def test_the_machines_time_zone_changes_no_output(stack: ExitStack, tmp_path: Path) -> None:
    """Seen failing with times of this machine in the page's footnote, and on the status page."""
    redis = RedisServer(tmp_path)
    stack.callback(redis.end)
    stage = stack.enter_context(Stage("upbit", "bithumb"))
    settings = stage.settings({"krw": board("KRW", SYMBOLS, "bithumb", "upbit")})
    collector = Program(tmp_path, "collect", redis__url=redis.url, **settings)
    collector.environment["TZ"] = "America/St_Johns"
    stack.enter_context(collector)
    servers = []
    for zone in ("UTC", "Asia/Seoul", "America/St_Johns"):
        server = Program(tmp_path, "serve", redis__url=redis.url, server__public_url="https://example.com", **settings)
        server.environment["TZ"] = zone
        servers.append(stack.enter_context(server).ready())
    watcher = Watcher(servers[0].url, "krw", stage.world.coins)
    stage.background.start(watcher.run())
    until(lambda: watcher.current() and all(row.change_pct for row in watcher.rows.values()), collector, 40)
    assert watcher.faults == []  # bithumb tells Korean times: prices and references are right all the same
    stage.do(stage.venues["bithumb"].drop())
    until(lambda: all(server.json("/v1/status")["incidents"] for server in servers), collector)
    until(watcher.current, collector)
    collector.stop()
    pages = ("/", "/embed/krw", "/fragment/krw", "/status?lang=ko", "/status?lang=en")
    for path in (*pages, "/v1/snapshot/krw", "/v1/history/krw/BTC", "/v1/boards", "/v1/status"):
        until(lambda at=path: len({MEASURED.sub(b"", server.get(at)) for server in servers}) == 1, servers[0])
