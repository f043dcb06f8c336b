"""The hub with readers made of paper, written to over real sockets: whatever happens in whatever order, each ends up
seeing how things are.
"""

import asyncio
import socket
from collections.abc import Callable, Collection, Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import make_board
from ticker.model import LANGUAGES, BoardState, Language, Row
from ticker.serve import wire
from ticker.serve.audience import Busy
from ticker.serve.group import Key
from ticker.serve.hub import Hub
from ticker.serve.message import PLAIN, Message
from ticker.settings import Server

BOARDS = {name: make_board("A", "B", "C", name=name, sources=("upbit",)) for name in ("krw", "usdt")}
SYMBOLS = ("A", "B", "C")


LONG = 126
OPEN: list[socket.socket] = []


def close_all() -> None:
    while OPEN:
        OPEN.pop().close()


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    yield
    close_all()


class Paper:
    """A reader that keeps the rules of the contract, and checks that the hub does. A slow one's socket is full."""

    def __init__(self, hub: Hub, key: Key, language: Language = "ko") -> None:
        self.hub, self.key, self.language, self.seq, self.form = hub, key, language, 0, PLAIN
        self.rows_: dict[str, dict[str, Any]] | None = None
        self.heard_: list[str] = []
        self.closed: int | None = None
        self.slow = False
        self._number = self._junk = 0
        self._data = self._rest = b""
        self._board = ""
        self._ours, self._theirs = socket.socketpair()
        OPEN.extend((self._ours, self._theirs))
        for end in (self._ours, self._theirs):
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.fd = self._ours.fileno()
        hub.join(self, key)

    @property
    def heard(self) -> list[str]:
        """The types of what it was told."""
        self._read()
        return self.heard_

    @property
    def rows(self) -> dict[str, dict[str, Any]] | None:
        """The rows as it knows them."""
        self._read()
        return self.rows_

    def be_slow(self) -> None:
        self._read()
        self.slow = True
        while (filled := self._offer(bytes(1 << 12))) is not None:
            self._junk += filled

    def be_quick(self) -> None:
        self.slow = False
        self._read()
        self.poke()

    def _offer(self, data: bytes) -> int | None:
        try:
            return self._ours.send(data)
        except BlockingIOError:
            return None

    def _read(self) -> None:
        while not self.slow:
            try:
                self._data += self._theirs.recv(1 << 20)
            except BlockingIOError:
                break
        cut = min(self._junk, len(self._data))
        self._data, self._junk = self._data[cut:], self._junk - cut
        while len(self._data) > 3 and len(self._data) >= (end := self._end()):
            self._take(orjson.loads(self._data[4 if self._data[1] == LONG else 2 : end]))
            self._data = self._data[end:]

    def _end(self) -> int:
        """Where the frame at hand ends."""
        small = self._data[1]
        return 4 + int.from_bytes(self._data[2:4], "big") if small == LONG else 2 + small

    def _take(self, told: dict[str, Any]) -> None:
        if told["type"] == "snapshot":
            self._board = told["board"]
            self.rows_ = {row["symbol"]: row for row in told["rows"]}
        else:
            assert (told["board"], told["seq"]) == (self._board, self._number + 1)
            assert self.rows_ is not None
            for row in told.get("rows", ()):
                self.rows_[row["symbol"]].update(row)
        self._number = told["seq"]
        self.heard_.append(told["type"])

    def send(self, message: Message) -> None:
        data = message.form(self.form)
        written = self._offer(data) or 0
        if written < len(data):
            self.keep(data[written:])

    def keep(self, rest: bytes) -> None:
        assert not self._rest, "a message was written behind a cut one"
        self._rest = rest
        self.hub.fell_behind(self)

    def poke(self) -> None:
        if not self.slow and self._rest:
            self._data, self._rest = self._data + self._rest, b""
            self._read()
            self.hub.caught_up(self)

    def close(self, code: int, reason: str) -> None:
        self.closed = code

    def abort(self) -> None:
        raise AssertionError("its socket is whole")


def row(symbol: str, price: str, **more: Any) -> Row:
    return Row(symbol=symbol, price=price, source="upbit", ts=1, received_ts=1, **{"state": "live"} | more)


def made(*, alone: bool = False, **server: Any) -> Hub:
    """A hub; each reader is written to alone, or those of a group together."""
    hub = Hub(BOARDS, Server(**{"flush_ms": 0} | server))
    hub.chunk = 1 if alone else hub.chunk
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
        self.hub = made(alone=True)
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
            (reader.be_slow if what == "slow" else reader.be_quick)()

    def say(self, board: str, symbol: str, price: str) -> None:
        self.revision += 1
        self.hub.update(board, self.revision, self.revision, [row(symbol, price)])

    def join(self, board: str, symbols: Collection[str] | None, language: Language) -> None:
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
            reader.be_quick()
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
    close_all()


@settings(max_examples=100)
@given(st.lists(st.lists(actions, max_size=6), max_size=6))
def test_every_reader_sees_how_things_are(rounds: list[list[tuple[Any, ...]]]) -> None:
    """Seen failing with a slow reader who takes part again without a snapshot, and with rows hidden without one."""
    asyncio.run(played(rounds))


async def during_a_flush(hub: Hub, what: Callable[[], None]) -> None:
    """Do something when the first reader has its message and the second has not."""
    hub.update("krw", 2, 2, [row("A", "2")])

    async def act() -> None:
        what()

    await asyncio.gather(hub._flush_due(), act())


async def test_who_moves_during_a_flush_hears_nothing_more_of_the_old_group() -> None:
    hub = made(alone=True)
    first, mover = (Paper(hub, hub.key("krw", None, None)) for _ in range(2))
    await during_a_flush(hub, lambda: hub.move(mover, hub.key("krw", ("B",), None)))
    assert (first.heard, mover.heard) == (["snapshot", "update"], ["snapshot", "snapshot"])
    assert mover.rows == view(hub, mover)


async def test_who_asks_for_a_snapshot_during_a_flush_has_the_update_in_it() -> None:
    hub = made(alone=True)
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


@pytest.mark.parametrize("price", ["2", "1"])
async def test_a_flush_of_many_groups_lets_others_have_their_turn(price: str) -> None:
    """Also when there is nothing to tell, for each price is what it was.

    Seen failing without the pauses between groups.
    """
    hub = made()
    for wish in (("A",), ("B", "A"), ("C", "A")):
        for interval in (None, 200, 500, 1000):
            Paper(hub, hub.key("krw", wish, interval))
    hub.update("krw", 2, 2, [row("A", "3"), row("A", price)])
    turns, flush = 0, asyncio.create_task(hub._flush_due())
    while not flush.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= hub.groups == 12


async def test_a_flush_begins_with_another_reader_each_time() -> None:
    hub, firsts = made(alone=True), []
    readers = [Paper(hub, hub.key("krw", None, None)) for _ in range(3)]
    for count, price in enumerate("234", 2):
        hub.update("krw", 2, 2, [row("A", price)])
        flush = asyncio.create_task(hub._flush_due())
        await asyncio.sleep(0)
        firsts += [at for at, reader in enumerate(readers) if len(reader.heard) == count]
        await flush
    assert firsts == [0, 1, 2]


async def test_the_slow_are_closed_after_their_time_and_not_before() -> None:
    hub = made(slow_after_s=5)
    slow, quick = (Paper(hub, hub.key("krw", None, None)) for _ in range(2))
    slow.be_slow()
    quick.be_slow()
    hub.update("krw", 2, 2, [row("A", "2")])
    await hub._flush_due()
    since = hub._behind[slow]
    quick.be_quick()
    await hub._look_around(since + 5)
    assert (slow.closed, quick.closed, quick.heard) == (None, None, ["snapshot", "update"])
    await hub._look_around(since + 5.1)
    assert (slow.closed, hub.counts["slow"]) == (4008, 1)


async def test_who_is_behind_stays_so_when_it_wants_something_else() -> None:
    hub = made()
    reader = Paper(hub, hub.key("krw", None, None))
    reader.be_slow()
    hub.update("krw", 2, 2, [row("A", "2")])
    await hub._flush_due()
    since = hub._behind[reader]
    hub.move(reader, hub.key("usdt", None, None))
    assert hub._behind[reader] == since
    reader.be_quick()
    assert reader.heard == ["snapshot", "update", "snapshot"]
    assert reader.rows == view(hub, reader)


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
