"""What a process has more of at the end of a soak than at its beginning."""

import statistics
from typing import Final

MOST_MB: Final = 1.0
"""How much memory may grow in an hour."""
ARENA_MB: Final = 1.0
"""By so much memory grows at once: what has grown less in a short run is no evidence, for or against."""
KEPT: Final = ("files", "tasks")
FEW: Final = 2


def grown(samples: list[dict[str, float]]) -> list[str]:
    """What has grown by more than it may, in words."""
    told = [f"{more:.0f} more {key}" for key in KEPT if (more := risen(samples, key)) > FEW]
    if (memory := growth(samples)) > (limit := max(ARENA_MB, MOST_MB * between(samples))):
        told.append(f"grown by {memory:.2f} MB, more than {limit:.2f}")
    return told


def decided(samples: list[dict[str, float]]) -> bool:
    """Whether the run was long enough to tell growth from a step of the allocator."""
    return MOST_MB * between(samples) >= ARENA_MB


def record(samples: list[dict[str, float]]) -> dict[str, float | bool]:
    """What grew, as it is written down."""
    return {
        "rss_mb": round(growth(samples), 2),
        "in_hours": round(between(samples), 2),
        "long_enough": decided(samples),
        "files": risen(samples, "files"),
        "tasks": risen(samples, "tasks"),
    }


def thirds(samples: list[dict[str, float]], key: str) -> tuple[list[float], list[float]]:
    """The values of the first third, and of the last."""
    values = [one[key] for one in samples]
    third = max(1, len(values) // 3)
    return values[:third], values[-third:]


def between(samples: list[dict[str, float]]) -> float:
    """Hours from the middle of the first third to the middle of the last."""
    first, last = thirds(samples, "at")
    return (statistics.median(last) - statistics.median(first)) / 3600


def growth(samples: list[dict[str, float]]) -> float:
    """MB by which memory is larger in the last third than in the first, by their medians."""
    first, last = thirds(samples, "rss_kb")
    return (statistics.median(last) - statistics.median(first)) / 1024


def risen(samples: list[dict[str, float]], key: str) -> float:
    """By how much both the least and the most have risen: a collector has few at times and many at others."""
    first, last = thirds(samples, key)
    return min(min(last) - min(first), max(last) - max(first))
