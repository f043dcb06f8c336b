"""What a soak calls grown: a megabyte an hour, a file or a task, whatever comes and goes meanwhile."""

import random

import pytest

from bench.soak_growth import decided, grown


def run(hours: float, mb_per_hour: float = 0, **per_hour: float) -> list[dict[str, float]]:
    """A sample every ten seconds, each a bit off."""
    chance, samples = random.Random(1), []
    for second in range(0, round(hours * 3600), 10):
        past, noise = second / 3600, chance.uniform(-0.2, 0.2)
        counts = {key: 20 + chance.choice([0, 0, 10]) + int(past * per_hour.get(key, 0)) for key in ("files", "tasks")}
        samples.append({"at": 1000.0 + second, "rss_kb": 1024 * (70 + past * mb_per_hour + noise), **counts})
    return samples


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (run(2), []),
        (run(2, 0.9), []),
        (run(2, 1.15), ["grown by 1.53 MB, more than 1.33"]),
        (run(0.5, 2.5), []),  # less than an arena: see below
        (run(0.5, 3.5), ["grown by 1.14 MB, more than 1.00"]),
        (run(2, files=1), []),
        (run(2, files=3), ["4 more files"]),
        (run(2, tasks=3), ["4 more tasks"]),
    ],
)
def test_more_than_a_megabyte_an_hour_is_growth_and_so_is_every_file(
    samples: list[dict[str, float]], said: list[str]
) -> None:
    """Seen failing with the limit of a whole run between thirds that lie two thirds of it apart."""
    assert grown(samples) == said


def test_half_an_hour_proves_nothing_about_memory_that_has_grown_less_than_an_arena() -> None:
    assert not decided(run(0.5))
    assert decided(run(2))
