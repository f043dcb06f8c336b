"""Pure: is this price believable? One guard per market: accept, hold, confirm.

1. A price within the market's bound of its last good one is accepted. The bound is learnt from the market's recent
   moves and is never below 10 %.
2. A price beyond it is held. Another fresh exchange confirms it when its own move since then agrees; other currencies
   count by their move in percent.
3. Where no other fresh exchange lists the coin, three ticks over two seconds confirm a move of less than x 2 or / 2.
   Anything beyond is never confirmed by repetition.
"""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from ticker.model import Instant

LEAST_BOUND: Final = Decimal("0.10")
MOST_BOUND: Final = Decimal("0.50")
LEARNING: Final = 3
"""A market may move this many times its greatest recent move at once."""
MEMORY: Final = 3_600_000
"""The greatest recent move counts half after this many ms."""
AGREEMENT: Final = Decimal("0.10")
TWICE: Final = Decimal(2)
REPEATS: Final = 3
REPEAT_MS: Final = 2_000
CALM: Final = (Decimal("0.92"), Decimal("1.08"))
"""Price over the last good one: between these nothing is suspicious, whatever the bound."""
QUIET: Final = (Decimal("0.97"), Decimal("1.03"))
"""Between these there is nothing to learn: three times the move is below the least bound."""
TRAIL: Final = 16
TRAIL_STEP: Final = 5_000

Outcome: TypeAlias = Literal["confirmed", "repeated", "rejected", "accepted"]


class Hold(Struct):
    """A price that waits to be believed."""

    price: Decimal
    since: Instant
    """When this level was first seen."""
    ticks: int = 1


class Guard:
    """What one market's prices may do."""

    __slots__ = ("_peak", "_peak_at", "_trail", "good", "hold")

    def __init__(self) -> None:
        self.good: Decimal | None = None
        """The last good price."""
        self.hold: Hold | None = None
        self._peak = Decimal(0)
        self._peak_at = 0
        self._trail: deque[tuple[int, Decimal]] = deque(maxlen=TRAIL)

    def suspicious(self, price: Decimal, mono: int) -> bool:
        """Whether the price lies beyond the bound of the last good one."""
        if self.good is None or CALM[0] < price / self.good < CALM[1]:
            return False
        return _move(price, self.good) > self.bound(mono)

    def bound(self, mono: int) -> Decimal:
        """The greatest move that is believed at once, as a fraction."""
        halves = (mono - self._peak_at) // MEMORY
        return min(MOST_BOUND, max(LEAST_BOUND, LEARNING * self._peak / 2**halves if halves < 32 else LEAST_BOUND))  # noqa: PLR2004

    def accept(self, price: Decimal, mono: int) -> None:
        """The price is good: learn from its move."""
        if self.good is not None and not QUIET[0] < price / self.good < QUIET[1]:
            move = min(_move(price, self.good), MOST_BOUND)
            if move * LEARNING >= self.bound(mono):
                self._peak, self._peak_at = move, mono
        self.good, self.hold = price, None
        if not self._trail or mono - self._trail[-1][0] >= TRAIL_STEP:
            self._trail.append((mono, price))

    def before(self, mono: int) -> Decimal | None:
        """The good price at a time in the last minute or so; None when the trail does not reach back."""
        return next((price for at, price in reversed(self._trail) if at <= mono), None)

    def oldest(self) -> Decimal | None:
        """The oldest good price in memory."""
        return self._trail[0][1] if self._trail else None

    def keep(self, price: Decimal, now: Instant) -> None:
        """Hold the price; a tick near the held level counts as its repetition, any other begins anew."""
        if self.hold is not None and _move(price, self.hold.price) <= LEAST_BOUND:
            self.hold.price = price
            self.hold.ticks += 1
        else:
            self.hold = Hold(price, now)

    def verdict(self, now: Instant, moves: Iterable[Decimal | None]) -> Outcome | None:
        """Whether the held price may be believed now, given how far each other fresh exchange has moved.

        A move is a ratio (0.7 for a fall of 30 %), None where that exchange has no opinion. None: keep holding.
        """
        if self.hold is None or self.good is None:
            return None
        ratio = self.hold.price / self.good
        others = list(moves)
        if any(other is not None and abs(ratio / other - 1) <= AGREEMENT for other in others):
            return "confirmed"
        repeated = self.hold.ticks >= REPEATS and now.mono - self.hold.since.mono >= REPEAT_MS
        if not others and repeated and 1 / TWICE < ratio < TWICE:
            return "repeated"
        return None


def _move(price: Decimal, before: Decimal) -> Decimal:
    """How far a price is from another, the same up and down: 110 and 100 / 1.1 are both 10 % from 100."""
    return max(price / before, before / price) - 1
