"""I/O: the one place that reads the clocks."""

import time
from typing import Final

from ticker.model import Instant

STEADY: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Never set, and counts a machine's sleep where the system can (Linux): prices from before it are old after it."""


def now() -> Instant:
    """This moment on the wall clock and on the clock that never jumps, both in ms."""
    return Instant(time.time_ns() // 1_000_000, time.clock_gettime_ns(STEADY) // 1_000_000)
