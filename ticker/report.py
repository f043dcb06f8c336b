"""What the collector tells of itself, on its way through Redis to `/v1/status`: the values only."""

from typing import Literal, TypeAlias

from msgspec import Struct, field

from ticker.model import Count, Name, PriceText, Symbol, Time, Word

Kind: TypeAlias = Literal["reconnect", "source", "hold"]


class SourceReport(Struct):
    """How one exchange is doing."""

    state: Word = "down"
    last_tick_ts: Time | None = None
    ticks: Count = 0
    """Prices accepted since the collector started."""
    reconnects: Count = 0
    """Connections lost, or not opened, since the collector started."""
    silent_markets: list[Word] = field(default_factory=list)
    """`EOS/KRW`: subscribed for a minute on a connection that delivers, and nothing came of it; 20 at most."""


class Incident(Struct):
    """Something an editor may have noticed; what does not belong to its kind is None."""

    ts: Time
    kind: Kind
    source: Name
    """reconnect: whose connection was lost; source: who was shown before; hold: whose price it was."""
    last_ts: Time | None = None
    """When it happened the last time (`times` > 1), or when it was over."""
    times: Count = 1
    board: Name | None = None
    symbols: list[Symbol] = field(default_factory=list)
    to: Name | None = None
    """Who is shown since."""
    price: PriceText | None = None
    last_good: PriceText | None = None
    outcome: Word | None = None


class Leg(Struct):
    """One price a premium is made of."""

    price: PriceText
    source: Name
    ts: Time


class Legs(Struct):
    """What the premiums of a board are made of."""

    rate: Leg | None = None
    """A dollar coin in the board's currency."""
    abroad: dict[Symbol, Leg | None] = field(default_factory=dict)


class Report(Struct):
    """Everything the collector tells once a second."""

    sources: dict[Name, SourceReport] = field(default_factory=dict)
    premium: dict[str, Legs] = field(default_factory=dict)
    """By board."""
    incidents: list[Incident] = field(default_factory=list)
    """Reconnects and changes of source, newest first."""
