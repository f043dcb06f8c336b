"""What a server node tells an operator."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import get_args

from prometheus_client.core import Metric
from prometheus_client.registry import Collector as Source

from ticker.metrics.families import counter, gauge
from ticker.model import Instant, State
from ticker.serve.door import Door
from ticker.serve.node import Node
from ticker.serve.timing import DELAY_SECONDS, FLUSH_SECONDS


class ServerMetrics(Source):
    """One server node's figures."""

    def __init__(self, door: Door, clock: Callable[[], Instant], node: Node | None = None) -> None:
        self._door = door
        self._clock = clock
        self._node = node

    def collect(self) -> Iterable[Metric]:
        """Readers, what they were sent, snapshots, the way from Redis, and each board."""
        yield from self._push()
        yield from FLUSH_SECONDS.collect()
        yield from DELAY_SECONDS.collect()
        yield from self._snapshots()
        yield from self._boards()
        if self._node is not None:
            yield from self._redis(self._node)

    def _push(self) -> Iterable[Metric]:
        hub, lobby = self._door.hub, self._door.lobby
        most = min(hub.server.max_clients, self._door.room.polite)
        yield gauge("ticker_push_clients", "Websocket and event-stream readers.", (), [((), lobby.clients)])
        yield gauge("ticker_push_client_limit", "As many readers as this node takes.", (), [((), most)])
        yield gauge("ticker_push_groups", "Different subscriptions.", (), [((), hub.groups)])
        yield gauge(
            "ticker_push_viewers",
            "Readers by the page they are on: an allowed origin, own, null (a sandboxed iframe), none, or other.",
            ("origin",),
            [((origin,), number) for origin, number in sorted(lobby.origins.items()) if number],
        )
        for name, text, number in (
            ("ticker_push_deliveries", "Messages handed to readers by flushes.", hub.counts["deliveries"]),
            ("ticker_push_bytes", "Bytes handed to readers.", hub.counts["bytes"]),
            ("ticker_push_slow_closes", "Readers closed because they could not keep up.", hub.counts["slow"]),
            ("ticker_push_silent_closes", "Readers closed because they answered no ping.", lobby.counts["silent"]),
        ):
            yield counter(name, text, (), [((), number)])
        yield counter(
            "ticker_connections_refused",
            "Connections refused because this process may have no more files open.",
            (),
            [((), self._door.refused)],
        )
        outcomes = sorted({"entered", *lobby.counts} - {"silent"})
        yield counter(
            "ticker_push_handshakes",
            "Readers let in (entered), and refused by the code of the refusal.",
            ("outcome",),
            [((outcome,), lobby.counts[outcome]) for outcome in outcomes],
        )

    def _snapshots(self) -> Iterable[Metric]:
        counts = self._door.snapshots.counts
        yield counter(
            "ticker_snapshot_answers",
            "Snapshots answered, and how many of them the reader had already (304).",
            ("status",),
            [((status,), counts[status]) for status in ("200", "304")],
        )
        yield counter(
            "ticker_snapshot_made",
            "Snapshots encoded: a board's change, or a choice of symbols; other answers are from prepared bytes.",
            (),
            [((), counts["made"])],
        )

    def _boards(self) -> Iterable[Metric]:
        now, hub = self._clock().wall, self._door.hub
        boards = {name: state for name, state in hub.boards.items() if name in hub.configured}
        newest = {
            name: max((row.received_ts or 0 for row in state.rows.values()), default=0)
            for name, state in boards.items()
        }
        yield gauge(
            "ticker_board_price_age_seconds",
            "Age of a board's newest price.",
            ("board",),
            [((name,), (now - ts) / 1000) for name, ts in newest.items() if ts],
        )
        found = Counter((name, row.state) for name, state in boards.items() for row in state.rows.values())
        yield gauge(
            "ticker_board_rows",
            "Rows of a board by state.",
            ("board", "state"),
            [((name, state), found[name, state]) for name in boards for state in get_args(State)],
        )
        frozen = [((name,), state.frozen) for name, state in boards.items()]
        yield gauge("ticker_board_frozen", "1 while an editor holds a board still.", ("board",), frozen)

    def _redis(self, node: Node) -> Iterable[Metric]:
        yield counter("ticker_redis_read_errors", "Reads that Redis did not answer.", (), [((), node.read_errors)])
        ages = (
            (
                "ticker_redis_lag_seconds",
                "From the collector's writing to the arrival here, of the last batch.",
                node.lag,
            ),
            ("ticker_collector_heartbeat_age_seconds", "Since the collector was last heard here.", node.heartbeat_age),
        )
        for name, text, age in ages:
            yield gauge(name, text, (), [((), age / 1000)] if age is not None else [])
