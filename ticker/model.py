"""The values of the domain: frozen, compared by content, without behaviour.

Prices are `Decimal` inside and decimal text on every wire (see `money`). Times are integer milliseconds
since the Unix epoch in UTC. `None` always means unknown, never zero.
"""

import re
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, field

SYMBOL: Final = re.compile(r"[A-Z0-9]{1,12}")
"""What a symbol looks like; use `fullmatch`."""

MINUTE: Final = 60_000
DAY: Final = 86_400_000

Symbol: TypeAlias = Annotated[str, Meta(pattern=rf"\A{SYMBOL.pattern}\Z")]
PriceText: TypeAlias = Annotated[str, Meta(pattern=r"\A(?=0*[1-9]|0*\.0{0,14}[1-9])[0-9]{1,16}(\.[0-9]{1,60})?\Z")]
"""Never zero, and within what `money.price` takes: whatever is reckoned from two of them has an answer."""
PercentText: TypeAlias = Annotated[str, Meta(pattern=r"\A-?[0-9]{1,50}(\.[0-9]{1,60})?\Z")]
"""As long as the percent of the greatest price over the least ones."""
MOST_DECIMALS: Final = 60
Name: TypeAlias = Annotated[str, Meta(pattern=r"\A[a-z0-9_-]{1,32}\Z")]
"""Of an exchange or a board."""
Word: TypeAlias = Annotated[str, Meta(max_length=40)]
Time: TypeAlias = Annotated[int, Meta(ge=0, le=4_102_444_800_000)]
"""Milliseconds since the epoch, until the year 2100."""
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]
"""A number that JSON carries everywhere."""

State: TypeAlias = Literal["live", "stale", "held", "closed", "pending"]
Basis: TypeAlias = Literal["history", "exchange"]
Language: TypeAlias = Literal["ko", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("ko", "en")


class Instant(Struct, frozen=True, gc=False):
    """One moment on two clocks: ages and timers use `mono`, everything shown uses `wall`."""

    wall: int
    """Milliseconds since the Unix epoch; may jump when the machine's clock is set."""
    mono: int
    """Milliseconds of a clock that never jumps."""


class Market(Struct, frozen=True):
    """One pair on one exchange."""

    exchange: str
    symbol: str
    quote: str
    code: str
    """The exchange's own name of the pair, for example `KRW-BTC`."""
    tick_size: str | None = None
    """The smallest price step where the market list tells it; else the exchange's table by price decides."""
    suspended: bool = False
    """Trading has stopped, for a while or, when `delisted`, for good."""
    delisted: bool = False
    listed: str | None = None
    """The symbol the exchange uses, where a rename makes it differ from ours."""

    @property
    def key(self) -> str:
        """`upbit:BTC/KRW`: the market's name in Redis, logs and `ticker verify`."""
        return f"{self.exchange}:{self.symbol}/{self.quote}"


class Tick(Struct, frozen=True, gc=False):
    """One price of one market, as a frame told it."""

    symbol: str
    quote: str
    price: Decimal
    ts: int | None = None
    """The trade's time as the venue gives it, else the frame's own; None when the frame has neither."""


class Reply(Struct, frozen=True):
    """The exchange expects this text back on the same connection."""

    text: str


class Refused(Struct, frozen=True):
    """The exchange refused what we asked for; the connection is of no use, or part of it is not."""

    reason: str


class Goodbye(Struct, frozen=True):
    """The exchange announced that it will close: open the next connection, then leave this one."""

    reason: str


class Suspension(Struct, frozen=True, gc=False):
    """The exchange says that trading of a market has stopped (`suspended`; for good: `delisted`) or goes on."""

    symbol: str
    quote: str
    suspended: bool
    delisted: bool = False


Event: TypeAlias = Tick | Reply | Refused | Goodbye | Suspension
"""What one received frame can mean; acks, heartbeats and foreign channels mean nothing at all."""


class Row(Struct, frozen=True, gc=False):
    """What a reader sees of one symbol; the object of CONTRACT section 3 without `name`, which depends on the language.

    What its types say is checked where rows come from outside: from Redis, and from a server.
    The field order is the wire's. `premium_pct` is left out unless the board asks for it.
    """

    symbol: Symbol
    price: PriceText | None = None
    decimals: Annotated[int, Meta(ge=0, le=MOST_DECIMALS)] = 0
    change_pct: PercentText | None = None
    ref: PriceText | None = None
    ref_ts: Time | None = None
    basis: Basis | None = None
    source: Name | None = None
    ts: Time | None = None
    received_ts: Time | None = None
    state: State = "pending"
    reason: Word | None = None
    premium_pct: PercentText | UnsetType | None = UNSET


class Held(Struct):
    """One price that was not believed at once, as `/v1/holds` tells it."""

    ts: Time
    source: Name
    symbol: Symbol
    price: PriceText
    last_good: PriceText
    released_ts: Time | None = None
    outcome: Word | None = None
    """confirmed (by another exchange), repeated, rejected (the price came back), accepted (by an editor)."""
    quote: Symbol | None = None
    """The currency; None in a record of a release that did not keep it."""


class BoardState(Struct):
    """A board as it stands in Redis: its rows by symbol, and what an editor decided about it."""

    revision: int = 0
    """Grows with every change of a row or of the board; `seq` of the JSON snapshot."""
    ts: int = 0
    """When it last changed."""
    rows: dict[str, Row] = field(default_factory=dict)
    notice: str | None = None
    frozen: bool = False
    hidden: frozenset[str] = frozenset()


class Board(Struct, frozen=True):
    """A named, ordered list of symbols in one quote with ordered sources, as configured."""

    name: str
    quote: str
    symbols: tuple[str, ...]
    sources: tuple[str, ...]
    title: dict[str, str]
    names: dict[str, dict[str, str]]
    """Symbol -> language -> name, complete: every symbol has a name in every language."""
    percent_digits: int | Literal["trim"] = 2
    timezone: str = "Asia/Seoul"
    footnote: dict[str, str] | None = None
    """By language, replaces the built-in footnote; None composes it from the sources and the data's time."""
    disclaimer: dict[str, str] | None = None
    premium: tuple[str, ...] = ()
    """The exchanges whose USDT prices the premium is measured against; empty: no premium."""
    simulated: bool = False
    """The prices come from simulated exchanges: every page must say so plainly."""
