"""What a process has more of at the end of a soak than at its beginning."""

import statistics

MOST_MB = 1.0
"""How much memory may have grown: this an hour, and this at least, since one arena of the allocator is as large."""
KEPT = ("files", "tasks")
FEW = 5


def grown(samples: list[dict[str, float]]) -> list[str]:
    """What has grown by more than it may, in words."""
    told = [f"{more:.0f} more {key}" for key in KEPT if (more := risen(samples, key)) > FEW]
    if (memory := growth(samples)) > (limit := MOST_MB * max(1.0, hours(samples))):
        told.append(f"grown by {memory:.2f} MB, more than {limit:.2f}")
    return told


def slopes(samples: list[dict[str, float]]) -> dict[str, float]:
    """Growth an hour, for the record."""
    return {
        "rss_mb": round(slope(samples, "rss_kb") / 1024, 2),
        "rss_mb_from_the_first_third_to_the_last": round(growth(samples), 2),
        "files": round(slope(samples, "files"), 1),
        "tasks": round(slope(samples, "tasks"), 1),
    }


def hours(samples: list[dict[str, float]]) -> float:
    return (samples[-1]["at"] - samples[0]["at"]) / 3600


def thirds(samples: list[dict[str, float]], key: str) -> tuple[list[float], list[float]]:
    """The values of the first third, and of the last."""
    values = [one[key] for one in samples]
    third = max(1, len(values) // 3)
    return values[:third], values[-third:]


def growth(samples: list[dict[str, float]]) -> float:
    """MB by which memory is larger in the last third than in the first, by their medians."""
    first, last = thirds(samples, "rss_kb")
    return (statistics.median(last) - statistics.median(first)) / 1024


def risen(samples: list[dict[str, float]], key: str) -> float:
    """By how much both the least and the most have risen: a collector has few at times and many at others."""
    first, last = thirds(samples, key)
    return min(min(last) - min(first), max(last) - max(first))


def slope(samples: list[dict[str, float]], key: str) -> float:
    """Growth an hour, as a straight line through all samples."""
    if len(samples) < 3:
        return 0.0
    return statistics.linear_regression([s["at"] / 3600 for s in samples], [s[key] for s in samples]).slope
