"""What one connection tells of its exchange's clock."""

from ticker.link import NOBODY, Link
from ticker.model import Instant

T = 1_790_000_000_000


def dated(link: Link, ms: int, lead: int) -> None:
    now = Instant(T + ms, 1_000_000 + ms)
    link.dated(now.wall + lead, now)


def test_the_least_delayed_tick_tells_how_the_clocks_differ() -> None:
    link = Link(15_000, 15_000)
    assert link.clock_offset is None
    for ms, lead in ((0, -900), (100, -40), (200, -86_400_000)):
        dated(link, ms, lead)
    assert link.clock_offset == -40


def test_a_minute_later_the_last_minutes_tick_counts_still_and_then_no_more() -> None:
    link = Link(15_000, 15_000)
    dated(link, 0, 3000)
    dated(link, 61_000, -50)
    assert link.clock_offset == 3000
    dated(link, 122_000, -60)
    assert link.clock_offset == -50
    dated(link, 183_000, -60)
    assert link.clock_offset == -60


def test_a_link_is_open_from_its_first_epoch_until_it_is_cut() -> None:
    link = Link(15_000, 15_000)
    assert not link.open
    link.epoch = 12
    assert link.open
    link.epoch = NOBODY
    assert not link.open
