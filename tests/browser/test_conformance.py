"""What every client must do, one test for both of ours: `ticker.client` and `connect()` of widget.js.

`Client` says what a client shows and decides; whoever writes a third one adds a class here.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.browser.speaker import Speaker
from ticker.client import Feed, follow
from ticker.errors import TickerError
from ticker.model import Row

DEADLINE_S = 10.0
SLACK_S = 3.0
"""The widget looks at its clock once a second."""
SYMBOLS = ["BTC", "ETH"]
pytestmark = pytest.mark.asyncio(loop_scope="session")


class Client(Protocol):
    """A client that follows BTC and ETH of the board `article`."""

    jitter: float
    """The random number it draws, from 0 to 1."""

    async def rows(self) -> dict[str, tuple[str | None, str | None, str]]:
        """By symbol: price, percent, name."""

    async def trusts(self) -> bool:
        """Whether it calls its prices live."""

    async def gave_up(self) -> bool:
        """Whether it will not come back."""

    async def silence(self) -> None:
        """Let as much time pass as a server may be silent."""

    async def waits(self, count: int) -> list[float]:
        """How many seconds it let pass, or has decided to, after each `bye` and each loss before it dialled again."""


class Python:
    """`ticker.client`; what it decides is read in its log."""

    jitter = 0.003

    def __init__(self, url: str, silence_s: float, log: pytest.LogCaptureFixture) -> None:
        self._url, self._silence_s, self._log = url, silence_s, log
        self._feed = Feed()
        self._task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        changes = follow(
            self._url, "article", SYMBOLS, jitter=lambda: self.jitter, silence_s=self._silence_s, interval_ms=200
        )
        async for self._feed, _ in changes:
            pass

    async def rows(self) -> dict[str, tuple[str | None, str | None, str]]:
        return {s: (row.price, row.change_pct, row.name) for s, row in self._feed.rows.items()}

    async def trusts(self) -> bool:
        return any(row.state == "live" for row in self._feed.rows.values())

    async def gave_up(self) -> bool:
        return self._task.done() and isinstance(self._task.exception(), TickerError)

    async def silence(self) -> None:
        await asyncio.sleep(self._silence_s)

    async def waits(self, count: int) -> list[float]:
        def told() -> list[float]:
            texts = [record.getMessage() for record in self._log.records if record.name == "ticker.client"]
            return [float(text.rpartition("again in ")[2].removesuffix(" s")) for text in texts]

        await until(lambda: len(told()) >= count)
        return told()

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


WATCH = """
Math.random = () => 0.3;
window.lost = [];
window.dials = [];
window.WebSocket = class extends WebSocket {
  constructor(url) {
    super(url);
    dials.push(performance.now());
    this.addEventListener('message', ({ data }) => {
      if (data.includes('"bye"')) this.left = lost.push(performance.now());
    });
    this.addEventListener('close', () => this.left || lost.push(performance.now()));
  }
};
"""
CONNECT = """
<!doctype html><script type="module">
import { connect } from '/widget.js';
connect({ board: 'article', symbols: ['BTC', 'ETH'], interval: 200 }, (feed) => { window.feed = feed; });
</script>
"""
ROWS = "() => Object.fromEntries([...(window.feed?.rows ?? [])].map(([s, r]) => [s, [r.price, r.change_pct, r.name]]))"
AWAY = "() => lost.map((at, i) => (dials[i + 1] - at) / 1000).filter((seconds) => seconds >= 0)"


class Widget:
    """`connect()` in a browser whose clock is ours."""

    jitter = 0.3

    def __init__(self, page: Page) -> None:
        self._page = page

    async def start(self, speaker: Speaker) -> None:
        speaker.pages["/page"] = CONNECT
        await self._page.clock.install()
        await self._page.add_init_script(WATCH)
        await self._page.goto(f"{speaker.url}/page")

    async def rows(self) -> dict[str, tuple[str | None, str | None, str]]:
        return {symbol: tuple(row) for symbol, row in (await self._page.evaluate(ROWS)).items()}

    async def trusts(self) -> bool:
        return bool(await self._page.evaluate("window.feed?.status == 'live' && !feed.stale"))

    async def gave_up(self) -> bool:
        refused, before = await self._page.evaluate("[window.feed?.status == 'refused', dials.length]")
        await self._page.clock.run_for(120_000 if refused else 1_000)
        return bool(refused and await self._page.evaluate("dials.length") == before)

    async def silence(self) -> None:
        await self._page.clock.run_for(32_000)

    async def waits(self, count: int) -> list[float]:
        async def away() -> bool:
            await self._page.clock.run_for(500)
            return len(await self._page.evaluate(AWAY)) >= count

        await until(away)
        return [float(seconds) for seconds in await self._page.evaluate(AWAY)]

    async def stop(self) -> None:
        await self._page.close()


async def until(condition: Callable[[], Any]) -> None:
    """Poll a condition, plain or asynchronous, with a deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            met = condition()
            if await met if isinstance(met, Awaitable) else met:
                return
            await asyncio.sleep(0.01)


Make = Callable[..., Awaitable[Client]]


@pytest_asyncio.fixture(loop_scope="session", params=["python", "widget"])
async def make(
    request: pytest.FixtureRequest, browser: Browser, speaker: Speaker, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[Make]:
    made: list[Python | Widget] = []
    caplog.set_level(logging.WARNING, "ticker.client")

    async def make(silence_s: float = 30.0) -> Client:
        client: Python | Widget
        if request.param == "python":
            client = Python(speaker.url, silence_s, caplog)
        else:
            client = Widget(await browser.new_page())
            await client.start(speaker)
        made.append(client)
        return client

    yield make
    for client in made:
        await client.stop()


async def shows(client: Client, **expected: tuple[str | None, str | None]) -> None:
    async def met() -> bool:
        rows = await client.rows()
        return all(symbol in rows and rows[symbol][:2] == told for symbol, told in expected.items())

    await until(met)
    assert await client.trusts()


async def follows(speaker: Speaker, client: Client, price: str) -> None:
    """It is here and takes what comes."""
    await until(lambda: len(speaker.clients) == 1)
    await speaker.push(BTC={"price": price})
    await shows(client, BTC=(price, "3.79"))


async def test_a_snapshot_of_the_symbols_it_wants_then_updates_merged_into_it(make: Make, speaker: Speaker) -> None:
    client = await make()
    await shows(client, BTC=("57895000", "3.79"), ETH=("1914000", "5.8"))
    assert any(
        "/v1/stream/article?" in path and "symbols=BTC%2CETH" in path.replace(",", "%2C") for path in speaker.asked
    )
    speaker.seq += 1
    row = {"symbol": "BTC", "price": "57900000", "added_later": {"by": "a newer server"}}
    await speaker.say({"type": "update", "board": "article", "seq": speaker.seq, "ts": 1, "rows": [row]})
    await shows(client, BTC=("57900000", "3.79"), ETH=("1914000", "5.8"))
    assert (await client.rows())["BTC"][2] == "비트코인"


async def test_an_explicit_null_is_now_unknown_and_an_absent_field_is_unchanged(make: Make, speaker: Speaker) -> None:
    client = await make()
    await shows(client, ETH=("1914000", "5.8"))
    await speaker.push(ETH={"change_pct": None})
    await shows(client, ETH=("1914000", None))


async def test_what_it_does_not_know_is_ignored(make: Make, speaker: Speaker) -> None:
    client = await make()
    await shows(client, BTC=("57895000", "3.79"))
    await speaker.say({"type": "advertisement", "rows": [{"symbol": "BTC", "price": "1"}], "seq": 9})
    await follows(speaker, client, "57900000")
    assert speaker.said == []


async def test_a_heartbeat_carries_a_number_like_an_update(make: Make, speaker: Speaker) -> None:
    client = await make()
    await shows(client, BTC=("57895000", "3.79"))
    speaker.seq += 1
    await speaker.say({"type": "heartbeat", "board": "article", "seq": speaker.seq, "ts": 1})
    await follows(speaker, client, "57900000")
    assert speaker.said == []


@pytest.mark.parametrize("kind", ["update", "heartbeat"])
async def test_after_a_gap_it_asks_for_everything(make: Make, speaker: Speaker, kind: str) -> None:
    """The message with ETH's price is lost; who overlooks the gap shows the old one for ever."""
    client = await make()
    await shows(client, ETH=("1914000", "5.8"))
    speaker.state.rows["ETH"] = changed(speaker.state.rows["ETH"], price="1900000")
    if kind == "update":
        await speaker.push(1, BTC={"price": "57900000"})
    else:
        speaker.seq += 2
        await speaker.say({"type": "heartbeat", "board": "article", "seq": speaker.seq, "ts": 1})
    await shows(client, ETH=("1900000", "5.8"))
    await follows(speaker, client, "57910000")
    assert speaker.said == [{"op": "snapshot"}]
    assert speaker.opened["stream"] == 1


def changed(row: Row, **fields: Any) -> Row:
    return msgspec.structs.replace(row, **fields)


BYE = {"type": "bye", "reason": "restart", "retry_ms": 1500}


async def test_a_bye_is_obeyed_and_its_pause_comes_on_top(make: Make, speaker: Speaker) -> None:
    client = await make()
    await shows(client, BTC=("57895000", "3.79"))
    await speaker.say(BYE)
    assert 1.2 + 10 * client.jitter <= (await client.waits(1))[0] <= 1.5 + 10 * client.jitter + SLACK_S
    await follows(speaker, client, "57900000")


async def test_who_said_goodbye_serves_until_another_one_delivers(make: Make, speaker: Speaker) -> None:
    """Fails when a client leaves at the `bye`, when the one before stays open, or when both count."""
    client = await make()
    await shows(client, BTC=("57895000", "3.79"))
    before = list(speaker.clients)
    await speaker.say(BYE)
    await follows(speaker, client, "57890000")
    assert list(speaker.clients) == before
    assert await client.trusts()
    await client.waits(1)
    await until(lambda: len(speaker.clients) == 1 and list(speaker.clients) != before)
    await follows(speaker, client, "57900000")
    assert await client.trusts()
    assert (speaker.opened["stream"], speaker.said) == (2, [])


async def test_a_refused_successor_is_tried_again_while_the_one_before_serves(make: Make, speaker: Speaker) -> None:
    """Fails when a refusal ends the line that serves, or is the last attempt."""
    client = await make()
    await shows(client, BTC=("57895000", "3.79"))
    before = list(speaker.clients)
    speaker.busy = True
    await speaker.say(BYE)
    assert 20 * client.jitter - 0.01 <= (await client.waits(2))[1] <= 20 * client.jitter + SLACK_S
    await follows(speaker, client, "57890000")
    assert list(speaker.clients) == before
    speaker.busy = False

    async def moved() -> bool:
        await client.waits(2)  # which lets time pass
        return len(speaker.clients) == 1 and list(speaker.clients) != before

    await until(moved)
    await follows(speaker, client, "57900000")


async def test_when_the_one_before_closes_first_the_dial_that_is_due_stands(make: Make, speaker: Speaker) -> None:
    """Fails when the close begins another wait, or a second dial."""
    client = await make()
    await shows(client, BTC=("57895000", "3.79"))
    await speaker.say(BYE)
    await speaker.close(1012)
    assert 1.2 + 10 * client.jitter <= (await client.waits(1))[0] <= 1.5 + 10 * client.jitter + SLACK_S
    await follows(speaker, client, "57900000")
    assert speaker.opened["stream"] == 2


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 1013, 4008, 4999])
async def test_it_comes_back_after(make: Make, speaker: Speaker, code: int) -> None:
    client = await make()
    await shows(client, BTC=("57895000", "3.79"))
    await speaker.close(code)
    assert 10 * client.jitter - 0.01 <= (await client.waits(1))[0] <= 10 * client.jitter + SLACK_S
    await follows(speaker, client, "57900000")


async def test_who_said_too_much_stays_away_for_a_minute(make: Make, speaker: Speaker) -> None:
    client = await make()
    await shows(client, BTC=("57895000", "3.79"))
    await speaker.close(4029)
    assert 60 <= (await client.waits(1))[0] <= 60 + 10 * client.jitter + SLACK_S


@pytest.mark.parametrize("code", [1002, 1007, 1008, 1009])
async def test_it_does_not_come_back_after(make: Make, speaker: Speaker, code: int) -> None:
    client = await make()
    await shows(client, BTC=("57895000", "3.79"))
    await speaker.close(code)
    await until(client.gave_up)
    assert speaker.opened["stream"] == 1


async def test_a_board_that_does_not_exist_is_not_asked_for_again(make: Make, speaker: Speaker) -> None:
    speaker.closed_ways = {"stream", "events", "snapshot"}
    client = await make()
    await until(client.gave_up)


async def test_pauses_begin_anew_after_a_snapshot_and_double_without(make: Make, speaker: Speaker) -> None:
    client = await make()
    await shows(client, BTC=("57895000", "3.79"))
    await speaker.close(1012)
    await client.waits(1)
    await follows(speaker, client, "57900000")
    speaker.busy = True
    await speaker.close(1012)
    _, anew, doubled = (await client.waits(3))[:3]
    assert 10 * client.jitter - 0.01 <= anew <= 10 * client.jitter + SLACK_S
    assert 20 * client.jitter - 0.01 <= doubled <= 20 * client.jitter + SLACK_S


async def test_thirty_seconds_of_silence_are_a_dead_link_and_no_price_is_live(make: Make, speaker: Speaker) -> None:
    client = await make(0.5)
    await shows(client, BTC=("57895000", "3.79"))
    speaker.busy, speaker.closed_ways = True, {"events", "snapshot"}
    await client.silence()

    async def distrusts() -> bool:
        return not await client.trusts()

    await until(distrusts)
    assert (await client.rows())["BTC"][:2] == ("57895000", "3.79")
