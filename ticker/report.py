"""What the collector tells of itself, on its way through Redis to `/v1/status`: the values only."""

from typing import Any, Literal, TypeAlias

from msgspec import Struct, field

Kind: TypeAlias = Literal["reconnect", "source", "hold"]


class SourceReport(Struct):
    """How one exchange is doing."""

    state: str = "down"
    last_tick_ts: int | None = None
    ticks: int = 0
    """Prices accepted since the collector started."""
    reconnects: int = 0
    """Connections lost, or not opened, since the collector started."""


class Incident(Struct):
    """Something an editor may have noticed; what does not belong to its kind is None."""

    ts: int
    kind: Kind
    source: str
    """reconnect: whose connection was lost; source: who was shown before; hold: whose price it was."""
    last_ts: int | None = None
    """When it happened the last time (`times` > 1), or when it was over."""
    times: int = 1
    board: str | None = None
    symbols: list[str] = field(default_factory=list)
    to: str | None = None
    """Who is shown since."""
    price: str | None = None
    last_good: str | None = None
    outcome: str | None = None


class Report(Struct):
    """Everything the collector tells once a second."""

    sources: dict[str, SourceReport] = field(default_factory=dict)
    premium: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By board: the legs (`premium.Premium.legs`)."""
    incidents: list[Incident] = field(default_factory=list)
    """Reconnects and changes of source, newest first."""
