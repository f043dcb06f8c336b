"""I/O: what an operator watches, in Prometheus' form; read from the living objects whenever somebody asks."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector as Source

from ticker.collect.collector import Collector
from ticker.model import Instant
from ticker.serve.door import Door


class CollectorMetrics(Source):
    """The collector's figures."""

    def __init__(self, collector: Collector, clock: Callable[[], Instant]) -> None:
        self._collector = collector
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        """Per exchange: links, ticks by outcome, connections, the age of its data; and what is held and written."""
        events = CounterMetricFamily(
            "ticker_exchange_events", "What came of an exchange's frames.", labels=["exchange", "event"]
        )
        for (exchange, event), count in sorted(self._collector.counts.items()):
            events.add_metric([exchange, event], count)
        yield events
        yield from self._links()
        held = GaugeMetricFamily("ticker_held_prices", "Prices that wait to be believed.")
        held.add_metric([], sum(quote.held is not None for quote in self._collector.prices.quotes))
        yield held
        batches = CounterMetricFamily("ticker_redis_batches", "Batches by how writing them ended.", labels=["outcome"])
        for outcome, count in sorted(self._collector.batches.items()):
            batches.add_metric([outcome], count)
        yield batches

    def _links(self) -> Iterable[Metric]:
        now = self._clock()
        fresh = GaugeMetricFamily(
            "ticker_exchange_live", "1 while a connection delivers.", labels=["exchange", "shard"]
        )
        age = GaugeMetricFamily(
            "ticker_exchange_data_age_seconds", "Time since its last data.", labels=["exchange", "shard"]
        )
        for (exchange, shard), link in sorted(self._collector.prices.quotes.links.items()):
            fresh.add_metric([exchange, str(shard)], link.fresh(now))
            if link.last_data is not None:
                age.add_metric([exchange, str(shard)], (now.mono - link.last_data) / 1000)
        yield fresh
        yield age


class ServerMetrics(Source):
    """One server node's figures."""

    def __init__(self, door: Door, clock: Callable[[], Instant]) -> None:
        self._door = door
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        """Readers, groups, deliveries, slow ones sent away, snapshots; and how old each board's newest price is."""
        hub, lobby = self._door.hub, self._door.lobby
        gauges = {
            "ticker_push_clients": ("Websocket and event-stream readers.", lobby.clients),
            "ticker_push_client_limit": ("As many readers as this node takes.", hub.server.max_clients),
            "ticker_push_groups": ("Different subscriptions.", hub.groups),
        }
        for name, (text, value) in gauges.items():
            gauge = GaugeMetricFamily(name, text)
            gauge.add_metric([], value)
            yield gauge
        counters = {
            "ticker_push_deliveries": ("Messages handed to readers.", hub.counts["deliveries"]),
            "ticker_push_slow_closes": ("Readers closed because they could not keep up.", hub.counts["slow"]),
            "ticker_push_handshakes": ("Readers let in.", lobby.counts["entered"]),
            "ticker_snapshot_answers": ("Snapshots answered from prepared bytes.", self._door.counts["snapshots"]),
        }
        for name, (text, value) in counters.items():
            counter = CounterMetricFamily(name, text)
            counter.add_metric([], value)
            yield counter
        yield from self._boards()

    def _boards(self) -> Iterable[Metric]:
        now = self._clock().wall
        age = GaugeMetricFamily("ticker_board_price_age_seconds", "Age of a board's newest price.", labels=["board"])
        rows = GaugeMetricFamily("ticker_board_rows", "Rows of a board by state.", labels=["board", "state"])
        hub = self._door.hub
        for name, state in hub.boards.items():
            if name not in hub.configured:
                continue
            newest = max((row.received_ts or 0 for row in state.rows.values()), default=0)
            if newest:
                age.add_metric([name], (now - newest) / 1000)
            for kind in ("live", "stale", "held", "closed", "pending"):
                rows.add_metric([name, kind], sum(row.state == kind for row in state.rows.values()))
        yield age
        yield rows


def registry(*parts: Source) -> CollectorRegistry:
    """What `/metrics` tells."""
    made = CollectorRegistry()
    for part in parts:
        made.register(part)
    return made
