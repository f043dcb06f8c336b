"""How long pushing takes, for the operator."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import Histogram

from ticker.model import Row

FLUSH_SECONDS: Final = Histogram(
    "ticker_push_flush_seconds",
    "How long writing one message to all readers of a group took.",
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1),
    registry=None,
)
DELAY_SECONDS: Final = Histogram(
    "ticker_push_delay_seconds",
    "From a trade's time as its exchange tells it, or its arrival at the collector, until every reader was written to.",
    ("since",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=None,
)
SINCE_TRADE: Final = DELAY_SECONDS.labels("trade")
SINCE_ARRIVAL: Final = DELAY_SECONDS.labels("arrival")


def note_delays(rows: Iterable[Row], now: float) -> None:
    """Rows whose new price is out, at `now` in ms; a clock that is ahead of ours makes no negative delay."""
    for row in rows:
        SINCE_TRADE.observe(max(0.0, now - (row.ts or now)) / 1000)
        SINCE_ARRIVAL.observe(max(0.0, now - (row.received_ts or now)) / 1000)
