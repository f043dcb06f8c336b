"""Pure: how long to wait before dialling again: 0.5 s, doubled to 20 s, any part of it by chance."""

from collections.abc import Callable
from typing import Final

FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 20.0


class Backoff:
    """How long to wait before dialling again."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._most = FIRST_WAIT_S

    def wait(self) -> float:
        """Seconds to wait now: anything up to the most, which doubles."""
        most, self._most = self._most, min(self._most * 2, LONGEST_WAIT_S)
        return most * self._jitter()

    def reset(self) -> None:
        """It went well for long enough."""
        self._most = FIRST_WAIT_S
