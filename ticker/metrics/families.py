"""Samples as families of Prometheus' text form."""

from collections.abc import Iterable
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

Sample: TypeAlias = tuple[tuple[object, ...], float]
"""The values of the labels, and the number."""


def gauge(name: str, text: str, labels: tuple[str, ...], samples: Iterable[Sample]) -> Metric:
    """A value that goes up and down, by labels."""
    return _filled(GaugeMetricFamily(name, text, labels=labels), samples)


def counter(name: str, text: str, labels: tuple[str, ...], samples: Iterable[Sample]) -> Metric:
    """A value that only grows, by labels; `_total` is added to its name."""
    return _filled(CounterMetricFamily(name, text, labels=labels), samples)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, samples: Iterable[Sample]) -> Metric:
    for values, number in samples:
        family.add_metric([str(value) for value in values], number)
    return family
