"""Pure: one connection's life as seen from the prices it brings, which are fresh while it delivers.

An `epoch` counts the gaps of a link: within one epoch nothing was missed, so a silent market keeps its price and its
minutes stay known.
"""

from typing import Final

from ticker.model import MINUTE, Instant

NOBODY: Final = -2
"""The epoch of a link while it is cut; no quote has it."""
RETURN_AFTER: Final = 60_000
"""A better source must have been good for this long before a row returns to it."""


class Link:
    """One connection of an exchange: when it last delivered, and since when it has delivered without a pause."""

    __slots__ = (
        "_lead",
        "_lead_at",
        "_led",
        "cut_at",
        "epoch",
        "good_since",
        "last_data",
        "last_wall",
        "patience",
        "silence",
    )

    def __init__(self, silence: int, patience: int) -> None:
        self.epoch = 0
        """When the unbroken stretch of data began that it carries, ms of the steady clock."""
        self.silence = silence
        """The longest silence of an open connection that is normal, ms."""
        self.patience = patience
        """How long a cut one may still count as fresh, ms."""
        self.cut_at: int | None = None
        """Since when it is cut, ms of the steady clock."""
        self.last_data: int | None = None
        self.last_wall = 0
        self.good_since: int | None = None
        self._lead: int | None = None
        self._led: int | None = None
        self._lead_at = 0

    def dated(self, ts: int, now: Instant) -> None:
        """A tick that came just now carries this time of the exchange."""
        lead = ts - now.wall
        if now.mono - self._lead_at >= MINUTE:
            self._led, self._lead, self._lead_at = self._lead, lead, now.mono
        elif self._lead is None or lead > self._lead:
            self._lead = lead

    def undated(self) -> None:
        """Our clock was set: what was told of it counts no more."""
        self._lead = self._led = None

    @property
    def open(self) -> bool:
        """A socket is open, whether it delivers or not."""
        return self.epoch not in {0, NOBODY}

    @property
    def clock_offset(self) -> int | None:
        """ms by which the exchange's clock is ahead of ours, less the way here, by the least delayed tick of a minute.

        None: no tick carried a time yet.
        """
        return max((lead for lead in (self._lead, self._led) if lead is not None), default=None)

    def delivered(self, now: Instant) -> None:
        """Application data arrived."""
        if self.last_data is None:
            self.good_since = now.mono - RETURN_AFTER  # nothing was ever wrong with it: no waiting
        elif now.mono - self.last_data > self.silence:
            self.good_since = now.mono
        self.last_data, self.last_wall, self.cut_at = now.mono, now.wall, None

    def restored(self, at: int, now: Instant) -> None:
        """The last collector had data from it then: before this machine was started where that is below zero."""
        self.last_data = at if self.last_data is None else max(self.last_data, at)
        self.good_since = min(at, now.mono - RETURN_AFTER, now.mono if self.good_since is None else self.good_since)

    def fresh(self, now: Instant) -> bool:
        """It delivered within the silence that is normal for it, and has not been cut for long."""
        if self.last_data is None or now.mono - self.last_data > self.silence:
            return False
        return self.cut_at is None or now.mono - self.cut_at <= self.patience

    @property
    def fresh_until(self) -> int:
        """The last moment at which it is fresh if nothing comes any more, ms of the steady clock."""
        silent = (self.last_data or 0) + self.silence
        return silent if self.cut_at is None else min(silent, self.cut_at + self.patience)

    def settled(self, now: Instant) -> bool:
        """It has been good for long enough to return to."""
        return self.good_since is not None and now.mono - self.good_since >= RETURN_AFTER
