"""What a collector tells an operator."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector as Source

from ticker.collect.collector import Collector
from ticker.collect.outbox import BATCH_ROWS, BATCH_SECONDS
from ticker.metrics.families import counter, gauge
from ticker.model import Instant

ACCEPTED: Final = ("accepted", "held")
"""What may become of a tick that is not dropped."""
DROPS: Final = ("older", "unknown", "malformed", "refused", "error")


class CollectorMetrics(Source):
    """The collector's figures."""

    def __init__(self, collector: Collector, clock: Callable[[], Instant]) -> None:
        self._collector = collector
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        """Each exchange, each board's sources, what is held, and what Redis was given."""
        collector = self._collector
        yield from self._exchanges()
        yield from self._connections()
        yield from self._boards()
        yield from BATCH_ROWS.collect()
        yield from BATCH_SECONDS.collect()
        yield counter(
            "ticker_redis_write_errors",
            "Batches and claims that Redis did not take.",
            (),
            [((), collector.write_errors)],
        )
        yield gauge(
            "ticker_collector_active", "1 while this collector is the one that writes.", (), [((), collector.active)]
        )

    def _exchanges(self) -> Iterable[Metric]:
        counts, names = self._collector.counts, sorted(self._collector.prices.exchanges)
        one = ("exchange",)
        yield counter(
            "ticker_exchange_messages", "Frames received.", one, [((name,), counts[name, "messages"]) for name in names]
        )
        yield counter(
            "ticker_exchange_ticks",
            "Prices taken: accepted, or held until they are believed.",
            ("exchange", "outcome"),
            [((name, outcome), counts[name, outcome]) for name in names for outcome in ACCEPTED],
        )
        yield counter(
            "ticker_exchange_dropped",
            "Prices that were older than what is known or of a market no board shows; frames that were malformed, a"
            " refusal, or met a fault of this program.",
            ("exchange", "reason"),
            [((name, reason), counts[name, reason]) for name in names for reason in DROPS],
        )
        yield counter(
            "ticker_exchange_reconnects",
            "Connections that ended and left a gap, or could not be opened; each is dialled again.",
            one,
            [((name,), counts[name, "closed"]) for name in names],
        )

    def _connections(self) -> Iterable[Metric]:
        now, labels = self._clock(), ("exchange", "shard")
        links = sorted(self._collector.prices.quotes.links.items())
        yield gauge(
            "ticker_exchange_connected",
            "1 while a connection is open.",
            labels,
            [(at, link.open) for at, link in links],
        )
        yield gauge(
            "ticker_exchange_live",
            "1 while a connection delivers.",
            labels,
            [(at, link.fresh(now)) for at, link in links],
        )
        yield gauge(
            "ticker_exchange_data_age_seconds",
            "Time since a connection's last data.",
            labels,
            [(at, (now.mono - link.last_data) / 1000) for at, link in links if link.last_data is not None],
        )
        yield gauge(
            "ticker_exchange_clock_offset_seconds",
            "How far an exchange's clock is ahead of ours, less the way here, by its least delayed tick of a minute.",
            labels,
            [(at, link.clock_offset / 1000) for at, link in links if link.clock_offset is not None],
        )

    def _boards(self) -> Iterable[Metric]:
        now, prices = self._clock(), self._collector.prices
        states = self._collector.standing.states(prices, now)
        found = Counter(
            (name, states[source])
            for name, board in prices.boards.items()
            for source in board.sources
            if source in states
        )
        yield gauge(
            "ticker_board_sources",
            "Exchanges of a board by state, as the active collector sees them.",
            ("board", "state"),
            [((name, state), found[name, state]) for name in prices.boards for state in ("live", "stale", "down")],
        )
        held = [(quote.market, quote.held) for quote in prices.quotes if quote.held is not None]
        yield gauge(
            "ticker_hold_age_seconds",
            "How long a price has waited to be believed; absent while none does.",
            ("exchange", "symbol", "quote"),
            [((market.exchange, market.symbol, market.quote), (now.wall - hold.ts) / 1000) for market, hold in held],
        )
