"""What goes wrong again and again: said at once, after a minute, then every ten minutes with how often; and its end."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

SOON_S: Final = 60.0
SELDOM_S: Final = 600.0


@dataclass(slots=True)
class _Kind:
    """One kind of failure: when it was last told of, how often it came since, and when to tell of it again."""

    told: float = -math.inf
    times: int = 0
    wait: float = SOON_S


class Complaints:
    """One loop's complaints; each kind is told of by itself."""

    def __init__(self, log: logging.Logger, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._what = what
        self._clock = clock
        self._kinds: dict[str, _Kind] = {}
        self._open = False

    def failed(self, said: str, kind: str = "") -> None:
        """It went wrong, and will be tried again; `kind` where the words differ each time."""
        now, known = self._clock(), self._kinds.setdefault(kind or said, _Kind())
        known.times += 1
        past = now - known.told
        if past < known.wait:
            return
        again = known.times > 1
        self._log.warning("%s: %s%s", self._what, said, f", {known.times} times in {past:.0f} s" if again else "")
        self._kinds[kind or said] = _Kind(now, wait=SELDOM_S if again else SOON_S)
        self._open = True

    def well(self) -> None:
        """It went well; what is wrong anew is told of within a minute."""
        if self._open:
            self._log.info("%s: well again", self._what)
            self._open = False
            for known in self._kinds.values():
                known.wait = SOON_S
