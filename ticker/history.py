"""Pure: one price per market and minute for the last day, digit for digit, and the price 24 hours ago.

Three rules:
1. A sample is the last price of its minute. A silent minute repeats the one before it: that is knowledge, not a guess.
2. A minute nobody watched is unknown (0) until minute candles fill it. Unknown is never carried over.
3. It is kept as `sample.pack` makes it: digit for digit.
"""

import itertools
from array import array
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Final

from ticker.model import DAY, MINUTE
from ticker.sample import is_known, pack

LENGTH: Final = 1560
"""Minutes kept: 24 hours, and two more so that a clock set an hour back, or ahead and back, finds its reference."""
MOST: Final = 5000
"""Samples in one batch: more would hold the event loop, and Redis too."""


def minute_of(ms: int) -> int:
    """The start of the minute a time lies in."""
    return ms - ms % MINUTE


def ref_minute(now: int) -> int:
    """The start of the last minute that had ended by 24 hours before now; its end is `ref_ts`."""
    return minute_of(now - DAY) - MINUTE


class Series:
    """The samples of one market in a ring over the last `LENGTH` minutes."""

    __slots__ = ("_newest", "_samples")

    def __init__(self) -> None:
        self._samples = array("q", bytes(8 * LENGTH))
        self._newest = 0

    def get(self, minute: int) -> int:
        """The sample of a minute; 0 when unknown."""
        if not self._newest - LENGTH * MINUTE < minute <= self._newest:
            return 0
        return self._samples[minute // MINUTE % LENGTH]

    def last(self) -> int:
        """The newest known sample; 0 when there is none."""
        if not self._newest:
            return 0
        minutes = range(self._newest, self._newest - LENGTH * MINUTE, -MINUTE)
        return next((sample for minute in minutes if (sample := self.get(minute))), 0)

    def put(self, minute: int, sample: int) -> bool:
        """Write the sample of a minute; False when it stands there already or the minute is too old to keep."""
        place = minute // MINUTE % LENGTH
        if minute != self._newest:
            if minute <= self._newest - LENGTH * MINUTE or self.get(minute) == sample:
                return False
            self._forget_until(minute)
        elif self._samples[place] == sample:
            return False
        self._samples[place] = sample
        return True

    def _forget_until(self, minute: int) -> None:
        """Empty the places of the minutes between the newest one and this one, which still hold yesterday's."""
        gap = (minute - self._newest) // MINUTE
        if gap >= LENGTH:
            self._forget()
        else:
            for step in range(1, gap + 1):
                self._samples[(self._newest // MINUTE + step) % LENGTH] = 0
        self._newest = max(self._newest, minute)

    def _forget(self) -> None:
        self._samples = array("q", bytes(8 * LENGTH))

    def fill(self, candles: list[tuple[int, Decimal]], until: int) -> Iterator[tuple[int, int]]:
        """Write candles (minute, close) into unknown minutes, each repeated until the next, the last one until `until`.

        Yields what was written as (minute, sample).
        """
        ordered = sorted(candles)
        ends = [*(minute for minute, _ in ordered[1:]), until]
        for (start, price), end in zip(ordered, ends, strict=False):
            sample = pack(price)
            for minute in range(max(start, until - LENGTH * MINUTE), end, MINUTE):
                if not self.get(minute) and self.put(minute, sample):
                    yield minute, sample

    def merge(self, first: int, samples: Iterable[int]) -> None:
        """Write the samples of one minute after another from `first` on; where they do not know, ours stay."""
        samples = list(samples)
        self._forget_until(max(self._newest, first + (len(samples) - 1) * MINUTE))
        known = max(0, (self._newest - first) // MINUTE + 1 - LENGTH)
        for place, sample in enumerate(samples[known:], first // MINUTE + known):
            if sample:
                self._samples[place % LENGTH] = sample

    def rewind(self, minute: int) -> Iterator[int]:
        """What is known of later minutes is forgotten; yields them, unless they are all that is kept.

        Those end in Redis, as its keys live, before their time comes.
        """
        if self._newest - minute >= LENGTH * MINUTE:
            self._forget()
        else:
            for later in range(self._newest, minute, -MINUTE):
                if self.get(later):
                    yield later
                self._samples[later // MINUTE % LENGTH] = 0
        self._newest = min(self._newest, minute)

    def known(self) -> Iterator[tuple[int, int]]:
        """Every known minute and its sample, oldest first."""
        for minute in range(self._newest - (LENGTH - 1) * MINUTE, self._newest + MINUTE, MINUTE):
            if sample := self.get(minute):
                yield minute, sample

    def missing(self, first: int, last: int) -> list[int]:
        """The unknown minutes from `first` to `last`, both included."""
        return [minute for minute in range(first, last + MINUTE, MINUTE) if not self.get(minute)]


class History:
    """The series of every market, and which samples Redis has not seen yet."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}
        self._heard: dict[tuple[str, int], Decimal | None] = {}
        """(market key, minute) -> its latest price, not packed yet: only the last one of a minute counts."""
        self.slots: dict[str, int] = {}
        """Market key -> its place in the packed minutes of Redis; given once, kept for good."""
        self._pending: dict[tuple[int, int], int] = {}
        """(minute, slot) -> sample to write."""
        self._again: Iterator[tuple[tuple[int, int], int]] = iter(())
        """What else is to be written, since Redis has lost it; made on the way."""
        self.gaps: dict[str, int] = {}
        """Market key -> the first minute that was forgotten, for whoever fills it: taken out by them."""

    def open(self, key: str) -> None:
        """A market's series is made and given a slot when it is new."""
        if key not in self.slots:
            self.slots[key] = self._free_slot()
        self._series.setdefault(key, Series())

    def _free_slot(self) -> int:
        """Behind all others, never one that was left out of Redis: somebody's samples may lie there."""
        return max(self.slots.values(), default=-1) + 1

    def put(self, key: str, minute: int, price: Decimal | None) -> None:
        """The last price of a minute, so far; None: it is unknown."""
        self._heard[key, minute] = price

    def series(self, key: str) -> Series:
        """The samples of a market."""
        self._settle()
        return self._series[key]

    def take(self, most: int = MOST) -> dict[tuple[int, int], int]:
        """What Redis has not seen, as (minute, slot) -> sample, and not more of it than it takes at once.

        From here on the caller answers for it; when it is `most`, there may be more.
        """
        self._settle()
        taken = dict(islice(self._pending.items(), most))
        self._pending = dict(islice(self._pending.items(), most, None))
        for place, sample in islice(self._again, most - len(taken)):
            taken.setdefault(place, sample)
        return taken

    def give_back(self, taken: dict[tuple[int, int], int]) -> None:
        """These could not be written: they are pending again, unless newer ones are."""
        self._pending = taken | self._pending

    def _settle(self) -> None:
        heard, self._heard = self._heard, {}
        for (key, minute), price in heard.items():
            sample = 0 if price is None else pack(price)
            if self._series[key].put(minute, sample):
                self._pending[minute, self.slots[key]] = sample

    def fill(self, key: str, candles: list[tuple[int, Decimal]], until: int) -> int:
        """Fill unknown minutes of a market from candles; how many were filled."""
        filled = dict(self.series(key).fill(candles, until))
        self._pending |= {(minute, self.slots[key]): sample for minute, sample in filled.items()}
        return len(filled)

    def adopt(self, slots: dict[str, int]) -> None:
        """The places that Redis gives to markets are ours from now on; those it does not know come behind them."""
        self._settle()
        market = {slot: key for key, slot in self.slots.items()}
        self.slots, before = dict(slots), self.slots
        for key in before:
            self.slots.setdefault(key, self._free_slot())
        self._pending = {(minute, self.slots[market[slot]]): s for (minute, slot), s in self._pending.items()}

    def surrender(self) -> None:
        """Somebody else has written since: what is pending here is no newer than what lies in Redis."""
        self._settle()
        self._pending.clear()
        self._again = iter(())

    def load(self, key: str, first: int, samples: Iterable[int]) -> None:
        """Read what Redis knows of a market, minute after minute from `first` on.

        What is pending here is newer; what is known only here is to be written. What is no price is unknown.
        """
        slot, series = self.slots[key], self._series.setdefault(key, Series())
        places = ((first + number * MINUTE, slot) for number in itertools.count())
        pairs = zip(places, samples, strict=False)
        read = [sample if is_known(sample) and place not in self._pending else 0 for place, sample in pairs]
        there = {first + number * MINUTE for number, sample in enumerate(read) if sample}
        here = {(minute, slot): sample for minute, sample in series.known() if minute not in there}
        if len(self._pending) + len(here) > MOST:
            self.rewrite()
        else:
            self._pending = here | self._pending
        series.merge(first, read)

    def rewind(self, minute: int) -> None:
        """The clock was set back to this minute: later ones are unknown."""
        for key in self._series:
            self.forget(key, minute + MINUTE)

    def forget(self, key: str, minute: int) -> None:
        """Of this minute and all later ones nothing is known of a market: nobody watched it."""
        self.gaps[key] = min(minute, self.gaps.get(key, minute))
        for later in self.series(key).rewind(minute - MINUTE):
            self._pending[later, self.slots[key]] = 0

    def rewrite(self) -> None:
        """Everything is to be written again: Redis has lost it."""
        self._settle()
        self._again = (
            ((minute, self.slots[key]), sample)
            for key, series in list(self._series.items())  # more markets may come while it is written
            for minute, sample in series.known()
        )
