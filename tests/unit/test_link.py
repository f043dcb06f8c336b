"""What one connection tells of its exchange's clock."""

import math

from ticker.exchanges import EXCHANGES
from ticker.link import NOBODY, Link
from ticker.model import Instant
from ticker.quotes import Quotes

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


def test_a_silent_or_cut_link_is_fresh_until_its_time_is_up() -> None:
    """Seen failing with a cut that the normal silence excuses."""
    link = Link(60_000, 15_000)
    assert not link.fresh(Instant(T, 0))
    link.delivered(Instant(T, 5_000))
    assert link.fresh_until == 65_000
    link.cut_at = 7_000
    assert [link.fresh(Instant(T, mono)) for mono in (22_000, 22_001)] == [True, False]


def test_rows_are_looked_at_again_when_the_next_source_has_been_silent_for_too_long() -> None:
    """Seen failing with the latest end of all links, and with those that are stale already."""
    quotes = Quotes(EXCHANGES, 15)
    assert quotes.rest_s(Instant(T, 0)) == math.inf
    for shard, at in enumerate((1_000, 9_000, 12_000)):
        quotes.link("upbit", shard).delivered(Instant(T, at))
    assert quotes.rest_s(Instant(T, 20_000)) == 4.001
    assert quotes.rest_s(Instant(T, 24_001)) == 3.0
    assert quotes.rest_s(Instant(T, 27_001)) == math.inf


def test_a_link_is_open_from_its_first_epoch_until_it_is_cut() -> None:
    link = Link(15_000, 15_000)
    assert not link.open
    link.epoch = 12
    assert link.open
    link.epoch = NOBODY
    assert not link.open
