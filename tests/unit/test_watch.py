"""What `ticker watch` draws."""

import io
from typing import Any

import pytest
from rich.console import Console

from ticker.client import Feed
from ticker.tools.watch import Screen, age, picture

NOW = 1_790_000_000_000


def feed(*rows: dict[str, Any], **board: Any) -> Feed:
    made = Feed()
    made.take(
        {"type": "snapshot", "seq": 1, "board": "krw", "quote": "KRW", "title": "시세", "rows": list(rows)} | board
    )
    made.connected = True
    return made


def drawn(made: Feed, *, flashing: tuple[str, ...] = (), lang: str = "ko", color: str | None = None) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=color is not None, color_system="standard" if color else None)
    console.print(picture(made, NOW, lang, flashing))
    return [line.rstrip() for line in out.getvalue().splitlines()]


BTC = {
    "symbol": "BTC",
    "name": "비트코인",
    "price": "57895000",
    "change_pct": "3.8",
    "ts": NOW - 3000,
    "source": "bithumb",
    "state": "live",
}
EOS = {
    "symbol": "EOS",
    "price": "529",
    "decimals": 1,
    "change_pct": "-0.5",
    "ts": NOW - 7_200_000,
    "state": "closed",
    "reason": "suspended",
}


def test_every_row_has_its_price_percent_age_source_and_state() -> None:
    lines = drawn(feed(BTC, EOS, {"symbol": "NEW"}, sources={"bithumb": "빗썸"}, notice="점검", frozen=True))
    cells = [line.split() for line in lines]
    assert ["BTC", "비트코인", "57,895,000", "+3.80%", "3s", "빗썸", "live"] in cells
    assert ["EOS", "529.0", "-0.50%", "2h", "—", "suspended"] in cells
    assert ["NEW", "—", "—", "—", "—", "pending"] in cells
    assert lines[-2:] == ["점검", "frozen by an editor"]
    assert "시세 · krw" in lines[0]


def test_a_lost_connection_is_said() -> None:
    made = feed(BTC)
    made.connected = False
    assert "no connection" in drawn(made)[0]


@pytest.mark.parametrize(("lang", "rise", "fall"), [("ko", "31m", "34m"), ("en", "32m", "31m")])
def test_rise_and_fall_have_the_colours_of_the_language(lang: str, rise: str, fall: str) -> None:
    lines = drawn(feed(BTC, EOS), lang=lang, color="yes")
    assert any(rise + "+3.80%" in line for line in lines)
    assert any(fall + "-0.50%" in line for line in lines)


def test_a_price_flashes_when_it_moves_and_not_when_it_comes() -> None:
    made = feed(BTC)
    screen = Screen(made, "ko")
    screen.moved(made.rows.values(), NOW)
    assert screen.flashing(NOW) == set()
    row = {"symbol": "BTC", "price": "1", "change_pct": None, "ts": NOW}
    screen.moved(made.take({"type": "update", "seq": 2, "rows": [row]}), NOW)
    assert (screen.flashing(NOW + 799), screen.flashing(NOW + 800)) == ({"BTC"}, set())
    assert any("\x1b[7m" in line for line in drawn(made, flashing=("BTC",), color="yes"))


def test_a_strange_server_can_neither_break_the_table_nor_steer_the_terminal() -> None:
    strange = {"symbol": "BTC", "name": "[red]\x1b[2J", "price": "dear", "change_pct": "1e999999999"}
    long = {"symbol": "ETH", "price": "1", "decimals": 10**12}
    text = "\n".join(drawn(feed(strange, long, percent_digits="trim", sources=5, title=None, notice="\x1b]0;x\x07")))
    assert "[red]" in text
    assert "dear" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(("ms", "text"), [(-5, "0s"), (999, "0s"), (59_999, "59s"), (60_000, "1m"), (90_000_000, "1d")])
def test_ages(ms: int, text: str) -> None:
    assert age(ms) == text
