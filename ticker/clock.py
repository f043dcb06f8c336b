"""I/O: the one place that reads the clocks."""

import time

from ticker.model import Instant


def now() -> Instant:
    """This moment on the wall clock and on the clock that never jumps, both in ms."""
    return Instant(time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000)
