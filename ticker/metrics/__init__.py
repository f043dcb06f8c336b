"""I/O: what an operator watches, in Prometheus' form; read from the living objects whenever somebody asks.

`docs/monitoring.md` tells what each is good for.
"""

import asyncio

from prometheus_client import CollectorRegistry, Gauge, Info, ProcessCollector, disable_created_metrics
from prometheus_client.registry import Collector as Source

from ticker import __version__
from ticker.metrics.collector import CollectorMetrics as CollectorMetrics
from ticker.metrics.server import ServerMetrics as ServerMetrics


def registry(*parts: Source) -> CollectorRegistry:
    """What `/metrics` tells: these, this process, and which version it runs."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's own switch has no types
    made = CollectorRegistry()
    for part in parts:
        made.register(part)
    ProcessCollector(namespace="ticker", registry=made)
    tasks = Gauge("ticker_process_tasks", "Tasks of the event loop.", registry=made)
    tasks.set_function(lambda: len(asyncio.all_tasks()))
    Info("ticker_build", "The version that runs.", registry=made).info({"version": __version__})
    return made
