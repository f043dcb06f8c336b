"""The hub with readers made of paper: whatever happens in whatever order, each ends up seeing how things are."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import make_board
from ticker.model import LANGUAGES, BoardState, Language, Row
from ticker.serve import wire
from ticker.serve.group import Key
from ticker.serve.hub import Busy, Hub
from ticker.serve.message import Message
from ticker.settings import Server

BOARDS = {name: make_board("A", "B", "C", name=name, sources=("upbit",)) for name in ("krw", "usdt")}
SYMBOLS = ("A", "B", "C")


class Paper:
    """A reader that keeps the rules of the contract, and checks that the hub does."""

    def __init__(self, hub: Hub, key: Key, language: Language = "ko") -> None:
        self.hub, self.key, self.language, self.seq = hub, key, language, 0
        self.rows: dict[str, dict[str, Any]] | None = None
        self.heard: list[str] = []
        self.closed: int | None = None
        self.slow = self.missed = False
        self._number = 0
        hub.join(self, key)

    def send(self, message: Message) -> None:
        if self.slow:
            self.missed = True
            self.hub.fell_behind(self)
            return
        told = orjson.loads(message.payload)
        assert told["board"] == self.key.board
        if told["type"] == "snapshot":
            self.rows = {row["symbol"]: row for row in told["rows"]}
        else:
            assert told["seq"] == self._number + 1
            assert self.rows is not None
            for row in told.get("rows", ()):
                self.rows[row["symbol"]].update(row)
        self._number = told["seq"]
        self.heard.append(told["type"])

    def poke(self) -> None:
        if not self.slow:
            self.hub.caught_up(self)
            if self.missed:
                self.missed = False
                self.hub.resync(self)

    def close(self, code: int, reason: str) -> None:
        self.closed = code


def row(symbol: str, price: str, **more: Any) -> Row:
    return Row(symbol=symbol, price=price, source="upbit", ts=1, received_ts=1, **{"state": "live"} | more)


def made(**server: Any) -> Hub:
    hub = Hub(BOARDS, Server(**{"flush_ms": 0} | server))
    for name in BOARDS:
        hub.replace(name, BoardState(1, 1, {"A": row("A", "1")}))
    return hub


def view(hub: Hub, reader: Paper) -> dict[str, dict[str, Any]]:
    board = BOARDS[reader.key.board]
    rows = wire.rows(board, hub.boards[board.name], reader.language, reader.key.symbols)
    return {r["symbol"]: r for r in rows}


# -- whatever happens --------------------------------------------------------------------------------------------------

boards = st.sampled_from(sorted(BOARDS))
choices = st.none() | st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=2)
who = st.integers(0, 5)
actions = st.one_of(
    st.tuples(st.just("say"), boards, st.sampled_from(SYMBOLS), st.sampled_from("123")),
    st.tuples(st.just("join"), boards, choices, st.sampled_from(["ko", "en"])),
    st.tuples(st.just("move"), who, boards, choices),
    st.tuples(st.sampled_from(["leave", "slow", "quick", "resync"]), who),
    st.tuples(st.just("hide"), boards, st.sampled_from(SYMBOLS)),
    st.tuples(st.sampled_from(["notice", "reread", "lose"]), boards),
    st.tuples(st.just("silence"), st.booleans()),
)


class Play:
    """Carries out a list of actions while the hub flushes."""

    def __init__(self) -> None:
        self.hub = made()
        self.hub.chunk = 1
        self.readers: list[Paper] = []
        self.revision = 1

    async def act(self, steps: list[tuple[Any, ...]]) -> None:
        for step in steps:
            await asyncio.sleep(0)
            if step[0] in {"leave", "slow", "quick", "resync", "move"}:
                self._with_reader(*step)
            else:
                getattr(self, step[0])(*step[1:])

    def _with_reader(self, what: str, number: int, *rest: Any) -> None:
        if not self.readers:
            return
        reader = self.readers[number % len(self.readers)]
        if what == "leave":
            self.hub.leave(reader)
            self.readers.remove(reader)
        elif what == "move":
            board, symbols = rest
            self.hub.move(reader, self.hub.key(board, symbols, None))
        elif what == "resync":
            self.hub.resync(reader)
        else:
            reader.slow = what == "slow"
            reader.poke()

    def say(self, board: str, symbol: str, price: str) -> None:
        self.revision += 1
        self.hub.update(board, self.revision, self.revision, [row(symbol, price)])

    def join(self, board: str, symbols: Iterable[str] | None, language: Language) -> None:
        self.readers.append(Paper(self.hub, self.hub.key(board, symbols, None), language))

    def hide(self, board: str, symbol: str) -> None:
        self._replace(board, hidden=self.hub.boards[board].hidden ^ {symbol})

    def notice(self, board: str) -> None:
        self._replace(board, notice=str(self.revision))

    def reread(self, board: str) -> None:
        self._replace(board, rows={s: row(s, "9") for s in SYMBOLS})

    def lose(self, board: str) -> None:
        self._replace(board, rows={})

    def silence(self, silent: bool) -> None:
        self.hub.silence(silent)

    def _replace(self, board: str, **changes: Any) -> None:
        now = self.hub.boards[board]
        kept = {"rows": dict(now.rows), "notice": now.notice, "hidden": now.hidden}
        self.revision += 1
        self.hub.replace(board, BoardState(self.revision, self.revision, **kept | changes))

    async def check(self) -> None:
        for reader in self.readers:
            reader.slow = False
            reader.poke()
        for _ in range(3):
            await self.hub._flush_due()
        for reader in self.readers:
            assert reader.rows == view(self.hub, reader)
            assert reader.heard[0] == "snapshot"
        assert self.hub.groups == len({reader.key for reader in self.readers})


async def played(rounds: list[list[tuple[Any, ...]]]) -> None:
    play = Play()
    for language in LANGUAGES:
        play.join("krw", None, language)
        play.join("krw", ("A", "B"), language)
    for steps in rounds:
        await asyncio.gather(play.hub._flush_due(), play.act(steps))  # the hub yields after every reader
    await play.check()


@settings(deadline=None, max_examples=100)
@given(st.lists(st.lists(actions, max_size=6), max_size=6))
def test_every_reader_sees_how_things_are(rounds: list[list[tuple[Any, ...]]]) -> None:
    asyncio.run(played(rounds))


async def during_a_flush(hub: Hub, what: Callable[[], None]) -> None:
    """Do something when the first reader has its message and the second has not."""
    hub.chunk = 1
    hub.update("krw", 2, 2, [row("A", "2")])

    async def act() -> None:
        what()

    await asyncio.gather(hub._flush_due(), act())


async def test_who_moves_during_a_flush_hears_nothing_more_of_the_old_group() -> None:
    hub = made()
    first, mover = (Paper(hub, hub.key("krw", None, None)) for _ in range(2))
    await during_a_flush(hub, lambda: hub.move(mover, hub.key("krw", ("B",), None)))
    assert (first.heard, mover.heard) == (["snapshot", "update"], ["snapshot", "snapshot"])
    assert mover.rows == view(hub, mover)


async def test_who_asks_for_a_snapshot_during_a_flush_has_the_update_in_it() -> None:
    hub = made()
    first, asker = (Paper(hub, hub.key("krw", None, None)) for _ in range(2))
    await during_a_flush(hub, lambda: hub.resync(asker))
    assert (first.heard, asker.heard) == (["snapshot", "update"], ["snapshot", "snapshot"])
    assert asker.rows == view(hub, asker)


# -- one thing at a time -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "rounded"),
    [(None, 20), (0, 20), (1, 200), (200, 200), (201, 500), (1000, 1000), (2001, 5000), (9999, 10000), (10**6, 30000)],
)
def test_intervals_round_up(wanted: int | None, rounded: int) -> None:
    assert made(flush_ms=20).key("krw", None, wanted).interval_ms == rounded


def test_an_interval_is_never_shorter_than_the_servers_own() -> None:
    assert made(flush_ms=700).key("krw", None, 500).interval_ms == 700


def test_wishes_for_the_same_share_a_group() -> None:
    hub = made()
    assert hub.key("krw", ("B", "A"), None) == hub.key("krw", ["A", "B", "A"], 0)
    assert hub.key("krw", SYMBOLS, None) == hub.key("krw", None, None)


async def test_past_the_most_groups_only_whole_boards_have_room() -> None:
    hub = made()
    hub.most_groups = 1
    first = Paper(hub, hub.key("krw", ("A",), None))
    Paper(hub, hub.key("krw", ("A",), None))
    with pytest.raises(Busy):
        Paper(hub, hub.key("krw", ("B",), None))
    Paper(hub, hub.key("krw", None, None))
    hub.leave(first)
    assert hub.groups == 2


async def test_a_flush_begins_with_another_reader_each_time() -> None:
    hub, order = made(), []
    hub.chunk = 1
    readers = [Paper(hub, hub.key("krw", None, None)) for _ in range(3)]
    for reader in readers:
        reader.send = lambda _message, reader=reader: order.append(readers.index(reader))  # type: ignore[method-assign,misc]
    for price in "234":
        hub.update("krw", 2, 2, [row("A", price)])
        await hub._flush_due()
    assert order == [0, 1, 2, 1, 2, 0, 2, 0, 1]


async def test_the_slow_are_closed_after_their_time_and_not_before() -> None:
    hub = made(slow_after_s=5)
    slow, quick = (Paper(hub, hub.key("krw", None, None)) for _ in range(2))
    slow.slow = quick.slow = True
    hub.update("krw", 2, 2, [row("A", "2")])
    await hub._flush_due()
    since = hub._behind[slow]
    quick.slow = False
    await hub._look_around(since + 5)
    assert (slow.closed, quick.closed, quick.heard) == (None, None, ["snapshot", "snapshot"])
    await hub._look_around(since + 5.1)
    assert (slow.closed, hub.counts["slow"]) == (4008, 1)


async def test_a_heartbeat_comes_when_nothing_else_did() -> None:
    hub = made()
    reader = Paper(hub, hub.key("krw", None, None))
    spoke = hub._groups[reader.key].spoke_at
    await hub._look_around(spoke + 9.9)
    assert reader.heard == ["snapshot"]
    await hub._look_around(spoke + 10)
    await hub._look_around(spoke + 19.9)
    await hub._look_around(spoke + 20)
    assert reader.heard == ["snapshot", "heartbeat", "heartbeat"]


def test_a_node_is_ready_when_every_board_was_read() -> None:
    hub = Hub(BOARDS, Server())
    hub.replace("krw", BoardState())
    assert not hub.ready
    hub.replace("usdt", BoardState())
    assert hub.ready
