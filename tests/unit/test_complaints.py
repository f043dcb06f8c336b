"""A failure that lasts is told of now and then, and its end once."""

import logging

import pytest

from ticker.complaints import Complaints


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Told:
    """Complaints under a clock, and what they logged."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        self.clock, self._caplog = Clock(), caplog
        self.complaints = Complaints(logging.getLogger("test"), "upbit", self.clock)

    def failing(self, first: int, last: int, every: int = 10) -> list[tuple[int, str]]:
        """Fail at these seconds; when something was told, and what."""
        found = []
        for second in range(first, last + 1, every):
            self.clock.now = second
            self.complaints.failed("no way", "OSError")
            found += [(second, text) for text in self.said()]
        return found

    def said(self) -> list[str]:
        texts = [record.getMessage() for record in self._caplog.records]
        self._caplog.clear()
        return texts


def test_a_failure_that_lasts_is_told_at_once_after_a_minute_and_every_ten(caplog: pytest.LogCaptureFixture) -> None:
    """Seen failing with a line each minute."""
    assert Told(caplog).failing(0, 1300) == [
        (0, "upbit: no way"),
        (60, "upbit: no way, 6 times in 60 s"),
        (660, "upbit: no way, 60 times in 600 s"),
        (1260, "upbit: no way, 60 times in 600 s"),
    ]


def test_the_end_is_told_once_and_a_new_beginning_within_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    told = Told(caplog)
    told.failing(0, 100)
    told.complaints.well()
    told.complaints.well()
    assert told.said() == ["upbit: well again"]
    assert told.failing(110, 130) == [(120, "upbit: no way, 6 times in 60 s")]
    told.complaints.well()
    assert told.said() == ["upbit: well again"]
    assert told.failing(5000, 5010) == [(5000, "upbit: no way, 2 times in 4880 s")]


def test_another_kind_of_failure_is_told_at_once(caplog: pytest.LogCaptureFixture) -> None:
    told = Told(caplog)
    told.failing(0, 20)
    told.complaints.failed("HTTP 503 at the handshake")
    assert told.said() == ["upbit: HTTP 503 at the handshake"]
    assert told.failing(30, 50) == []
