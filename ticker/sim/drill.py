"""I/O: a board that goes through everything a client must bear, step by step: `ticker demo --drill`.

Its rows are put into the hub by hand; groups, numbers, sockets and event streams are the server's own.
"""

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from ticker import money
from ticker.model import DAY, MINUTE, Board, BoardState, Instant, Row
from ticker.names import name
from ticker.serve import wire
from ticker.serve.hub import Hub
from ticker.serve.reader import Reader

STEP_S: Final = 4.0
LONG_S: Final = 15.0
"""Longer than the server goes without a heartbeat, and than a client stays away at first."""
RETRY_MS: Final = 1000
LIVE: Final = {"state": "live", "reason": None}
PRICES: Final = {
    symbol: {"price": price, "decimals": decimals, "source": "upbit"} | LIVE
    for symbol, price, decimals in (
        ("BTC", "57895000", 0),
        ("ETH", "1914000", 0),
        ("XRP", "529", 1),
        ("EOS", "4309", 0),
        ("SHIB", "0.0213", 4),
    )
}
BOARD: Final = Board(
    name="drill",
    quote="KRW",
    symbols=tuple(PRICES),
    sources=("upbit", "bithumb"),
    title={"ko": "연습용 시세", "en": "Drill"},
    names={symbol: name(symbol) for symbol in PRICES},
    simulated=True,
)
Change: TypeAlias = Mapping[str, Any]
"""Fields of a row."""


class Stage:
    """The board as it stands, and those who watch it."""

    def __init__(self, hub: Hub, clock: Callable[[], Instant]) -> None:
        self._hub = hub
        self._clock = clock
        self._leaving: list[Reader] = []
        self.begin()

    def begin(self) -> None:
        """A board of which nothing was known before."""
        self._hub.boards.pop(BOARD.name, None)
        self._hub.replace(BOARD.name, BoardState(1, self._clock().wall, {symbol: Row(symbol) for symbol in PRICES}))

    def trade(self, **changes: Change) -> None:
        """New prices, by symbol, and what changes with them."""
        now = self._clock().wall
        self.mark(**{symbol: {"ts": now, "received_ts": now, **fields} for symbol, fields in changes.items()})

    def mark(self, **changes: Change) -> None:
        """Changes without a trade: an old price keeps its time."""
        shown = self._hub.boards[BOARD.name]
        rows = [changed(shown.rows[symbol], fields) for symbol, fields in changes.items()]
        self._hub.update(BOARD.name, shown.revision + 1, self._clock().wall, rows)

    def refer(self) -> None:
        """The prices of a day ago, and the percents that follow."""
        minute = self._clock().wall // MINUTE * MINUTE - DAY
        known = {"BTC": "55780000", "ETH": "1809000", "XRP": "531"}
        self.mark(**{symbol: {"ref": ref, "ref_ts": minute, "basis": "history"} for symbol, ref in known.items()})

    def decide(self, **decision: Any) -> None:
        """What an editor does with `ticker board`."""
        shown = self._hub.boards[BOARD.name]
        now = self._clock().wall
        self._hub.replace(BOARD.name, msgspec.structs.replace(shown, revision=shown.revision + 1, ts=now, **decision))

    def lose(self, **changes: Change) -> None:
        """New prices in a message that reaches nobody."""
        for group in self._hub.groups_of(BOARD.name):
            for chunk in group.chunks:
                chunk.seq += 1
        self.trade(**changes)

    def farewell(self) -> None:
        """Send everybody away, and serve them until they are elsewhere."""
        self._leaving = self._readers()
        for reader in self._leaving:
            reader.say(wire.bye("restart", RETRY_MS))

    def close_the_rest(self) -> None:
        """Close those who were sent away and are here still, and nobody who came since."""
        for reader in self._leaving:
            reader.close(1012, "restart")

    def close(self, code: int, reason: str, retry_ms: int | None = None) -> None:
        """End every connection, announced where a real server would announce it."""
        for reader in self._readers():
            if retry_ms is not None:
                reader.say(wire.bye(reason, retry_ms))
            reader.close(code, reason)

    def _readers(self) -> list[Reader]:
        members = (member for member in self._hub.members() if member.key.board == BOARD.name)
        return [member for member in members if isinstance(member, Reader)]


def changed(row: Row, fields: Change) -> Row:
    """A row with other fields, and the percent that follows where a price or its reference is among them."""
    row = msgspec.structs.replace(row, **fields)
    if {"price", "ref"} & fields.keys() and row.price and row.ref:
        percent = money.percent(Decimal(row.price), Decimal(row.ref))
        row = msgspec.structs.replace(row, change_pct=money.plain(percent))
    return row


class Step(NamedTuple):
    """One thing that happens to the board."""

    told: str
    act: Callable[[Stage], None]
    seconds: float = STEP_S


OTHER: Final = {"price": "57921000", "source": "bithumb", "ref": "55810000"}
GONE: Final = {"state": "closed", "reason": "delisted"}
CALM: Final[Change] = {"notice": None, "frozen": False, "hidden": frozenset()}
STEPS: Final = (
    Step(
        "live: the first prices; change_pct is null, for nothing is known of a day ago", lambda on: on.trade(**PRICES)
    ),
    Step("change_pct, ref, ref_ts and basis of BTC, ETH and XRP; EOS and SHIB stay without", Stage.refer),
    Step("prices move; XRP is 529.1", lambda on: on.trade(BTC={"price": "57901000"}, XRP={"price": "529.1"})),
    Step(
        "change_pct of ETH is null again: null is news, an absent field is not",
        lambda on: on.mark(ETH={"change_pct": None}),
    ),
    Step("source: BTC comes from bithumb, with its own ref: that is no move", lambda on: on.trade(BTC=OTHER)),
    Step("stale: ETH's source is silent; price and time stay", lambda on: on.mark(ETH={"state": "stale"})),
    Step("held: XRP jumped and nobody confirms it; the last price stays", lambda on: on.mark(XRP={"state": "held"})),
    Step("closed, suspended: EOS", lambda on: on.mark(EOS={"state": "closed", "reason": "suspended"})),
    Step("closed, delisted: SHIB", lambda on: on.mark(SHIB=GONE)),
    Step("all are live again, reason is null", lambda on: on.mark(**dict.fromkeys(PRICES, LIVE))),
    Step("a notice: a snapshot with it", lambda on: on.decide(notice="거래소 점검 중")),
    Step("frozen: a snapshot, and no price moves", lambda on: on.decide(frozen=True)),
    Step("hidden: a snapshot without ETH", lambda on: on.decide(hidden=frozenset({"ETH"}))),
    Step("no notice, not frozen, ETH is back: a snapshot", lambda on: on.decide(**CALM)),
    Step("gap: the message with ETH = 1900000 reaches nobody", lambda on: on.lose(ETH={"price": "1900000"})),
    Step("the next number shows it: ask for a snapshot", lambda on: on.trade(BTC={"price": "57900000"})),
    Step("quiet: a heartbeat after 10 s", lambda _: None, LONG_S),
    Step("bye: dial again after retry_ms; this connection serves until the new one does", Stage.farewell, LONG_S),
    Step("close 1012 of whoever has not left", Stage.close_the_rest, LONG_S),
    Step("bye, close 1013, full: come back after retry_ms", lambda on: on.close(1013, "full", RETRY_MS), LONG_S),
    Step("close 4008, too slow: come back", lambda on: on.close(4008, "too slow"), LONG_S),
    Step("pending: a snapshot in which price, ref, ts and source are null", Stage.begin),
)


async def run(hub: Hub, clock: Callable[[], Instant], tell: Callable[[str], None], *, haste: float = 1.0) -> None:
    """Go through every step, again and again, telling each before it happens; `haste` shortens the pauses."""
    stage = Stage(hub, clock)
    while True:
        for number, step in enumerate(STEPS, 1):
            tell(f"drill {number}/{len(STEPS)}: {step.told}")
            step.act(stage)
            await asyncio.sleep(step.seconds / haste)
