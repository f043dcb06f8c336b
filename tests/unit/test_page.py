"""The sidebar as HTML, by its values."""

import gzip
import re
from html import unescape
from typing import Any

import msgspec
import pytest

from tests.browser.speaker import NOON, article_board, article_rows
from tests.conftest import make_board
from ticker.model import Board, BoardState, Language, Row
from ticker.sidebar import page
from ticker.sidebar.gallery import gallery
from ticker.sidebar.gallery_words import GALLERY_WORDS
from ticker.sidebar.look import Look, NotALook, look_of
from ticker.sidebar.presentation import presentation
from ticker.sidebar.style import RELEASED, SHEET, STATIC, STYLE, filled, source_hash, squeeze
from ticker.sidebar.words import WORDS

AT = 1_795_398_127_000  # 2026-11-23 10:42:07 in Seoul
TITLES = {"ko": "실시간 암호화폐 시세", "en": "Live crypto prices"}


def board(*symbols: str, **changes: Any) -> Board:
    made = make_board(*(symbols or ("BTC", "ETH")))
    fields = {name: getattr(made, name) for name in made.__struct_fields__} | {"title": TITLES} | changes
    return Board(**fields)


def day(number: int) -> str:
    """A day of November in which no line breaks."""
    return f"2026-11-{number}".replace("-", "\u2011")


def live(symbol: str, price: str, **changes: Any) -> Row:
    fields: dict[str, Any] = {"change_pct": "3.79", "source": "alpha", "ts": AT, "state": "live"} | changes
    return Row(symbol=symbol, price=price, **fields)


def embedded(rows: list[Row], of: Board | None = None, lang: Language = "ko", **options: Any) -> str:
    of = of or board(*(row.symbol for row in rows))
    state = BoardState(rows={row.symbol: row for row in rows}, **options.pop("state", {}))
    return page.embed(of, state, lang, public_url="https://x.test/p", **options)


def texts(html: str, tag: str = "tr") -> list[list[str]]:
    """The rows' cells as text."""
    found = re.findall(rf"<{tag}\b[^>]*data-symbol.*?</{tag}>", html)
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.split(r"</(?:th|td|span)>", row)[:-1]] for row in found
    ]


def note(html: str, name: str = "footnote") -> str:
    found = re.search(rf'<p class="ct-{name}">(.*?)</p>', html)
    return unescape(re.sub(r"<span.*", "", found[1])) if found else ""


@pytest.mark.parametrize(
    ("row", "digits", "cells"),
    [
        (live("BTC", "57895000"), "trim", ["BTC", "57,895,000", "+3.79%"]),
        (live("ETH", "1914000", change_pct="5.8"), "trim", ["ETH", "1,914,000", "+5.8%"]),
        (live("ETH", "1914000", change_pct="5.8"), 2, ["ETH", "1,914,000", "+5.80%"]),
        (live("XRP", "529", decimals=1, change_pct="-0.38"), 2, ["XRP", "529.0", "-0.38%"]),
        (live("SHIB", "0.00001234", decimals=8, change_pct="0"), 2, ["SHIB", "0.00001234", "0.00%"]),
        (live("SHIB", "0.00001234", decimals=8, change_pct=None), 2, ["SHIB", "0.00001234", "—"]),
        (Row(symbol="ADA"), 2, ["ADA 수신 대기", "—", "—"]),
        (live("A", "1", state="stale"), 2, ["A 지연", "1", "+3.79%"]),
        (live("A", "1", state="held"), 2, ["A 확인 중", "1", "+3.79%"]),
        (live("A", "1", state="closed", reason="suspended"), 2, ["A 거래 정지", "1", "+3.79%"]),
        (live("A", "1", state="closed", reason="delisted"), 2, ["A 거래지원 종료", "1", "+3.79%"]),
    ],
)
def test_a_row_reads_like_the_article(row: Row, digits: Any, cells: list[str]) -> None:
    assert texts(embedded([row], board(row.symbol, percent_digits=digits))) == [cells]


def test_the_direction_is_a_class_and_zero_has_none() -> None:
    html = embedded([live("A", "1"), live("B", "1", change_pct="-0.01"), live("C", "1", change_pct="0")])
    assert re.findall(r'<tr(?: class="([\w-]+)")? data-symbol="(\w)"', html) == [
        ("ct-up", "A"),
        ("ct-down", "B"),
        ("", "C"),
    ]


@pytest.mark.parametrize(
    ("lang", "sources", "zone", "footnote"),
    [
        ("ko", ["alpha", "beta"], "Asia/Seoul", "alpha 시세(별도 표기 종목은 beta) · 2026.11.23 10:42:07 기준"),
        ("ko", ["alpha", "alpha"], "Asia/Seoul", "alpha 시세 · 2026.11.23 10:42:07 기준"),
        ("ko", ["beta", "beta"], "Asia/Seoul", "beta 시세 · 2026.11.23 10:42:07 기준"),
        ("ko", ["alpha", "alpha"], "UTC", "alpha 시세 · 2026.11.23 01:42:07\xa0UTC 기준"),
        ("en", ["alpha", "beta"], "Asia/Seoul", f"alpha prices (marked: beta) · as of {day(23)} 10:42:07 KST"),
        ("en", ["alpha", "alpha"], "America/New_York", f"alpha prices · as of {day(22)} 20:42:07\xa0GMT-5"),
    ],
)
def test_the_footnote_names_sources_and_the_datas_time_on_the_boards_clock(
    lang: Language, sources: list[str], zone: str, footnote: str
) -> None:
    rows = [live("BTC", "1", source=sources[0]), live("ETH", "1", source=sources[1], ts=AT - 5000)]
    basis = {"ko": "* 24시간 변동률 기준", "en": "* 24-hour change"}[lang]
    assert note(embedded(rows, board(timezone=zone), lang)) == f"{basis} · {footnote}"


@pytest.mark.parametrize(
    ("ts", "clock"),
    [
        (1_793_512_799_000, "01:59:59\xa0GMT-4"),  # 2026-11-01 05:59:59 UTC: the last second of summer
        (1_793_512_800_000, "01:00:00\xa0GMT-5"),
    ],
)
def test_a_clock_put_back_tells_each_hour_of_the_two_by_its_offset(ts: int, clock: str) -> None:
    """Seen failing with the offset of another season."""
    html = embedded([live("BTC", "1", ts=ts)], board("BTC", timezone="America/New_York"), "en", state={"ts": ts})
    assert note(html).endswith(clock)


def test_rows_of_another_source_are_marked_with_its_name() -> None:
    html = embedded([live("BTC", "1"), live("ETH", "2", source="beta")])
    assert [cells[0] for cells in texts(html)] == ["BTC", "ETH beta"]


def test_the_publishers_own_notes_keep_the_time() -> None:
    own = board("BTC", footnote={"ko": "우리 각주"}, disclaimer={"ko": "우리 안내"})
    html = embedded([live("BTC", "1")], own)
    assert note(html) == "우리 각주 · 2026.11.23 10:42:07 기준"
    assert note(html, "disclaimer") == "우리 안내"
    assert note(embedded([live("BTC", "1")], own, "en"), "disclaimer") == WORDS["en"].disclaimer


def test_nothing_known_yet_still_shows_every_name_and_both_notes() -> None:
    html = embedded([], board("BTC", "ETH"))
    assert [cells[1:] for cells in texts(html)] == [["—", "—"], ["—", "—"]]
    assert note(html) == "* 24시간 변동률 기준 · alpha 시세"
    assert note(html, "disclaimer") == (
        "시세는 참고용이며 지연·오류가 있을 수 있습니다. 투자 판단의 책임은 이용자에게 있습니다."
    )


def test_order_is_the_boards_and_hidden_and_unasked_rows_are_left_out() -> None:
    rows = [live("A", "1"), live("B", "2"), live("C", "3"), live("D", "4")]
    html = embedded(rows, board("D", "C", "B", "A"), symbols=["A", "B", "C"], state={"hidden": frozenset({"B"})})
    assert [cells[0] for cells in texts(html)] == ["C", "A"]
    assert 'symbols="C,B,A"' in html


def test_notices_come_first_and_say_that_prices_are_simulated() -> None:
    html = embedded([live("BTC", "1")], board("BTC", simulated=True), state={"notice": "<점검>", "frozen": True})
    said = "모의 시세입니다. 실제 거래 가격이 아닙니다. 시세 갱신을 잠시 멈췄습니다. <점검>"
    assert note(html, "notice") == said
    assert html.index("ct-notice") < html.index("<thead>")


def test_other_columns() -> None:
    rows = [
        live("BTC", "57895000", ref="55780000", premium_pct="1.5"),
        live("ETH", "529", decimals=1, ref="530.1", ts=AT - 86_400_000, source=None),
    ]
    look = look_of({"columns": "change,source,time,premium,price"})
    assert texts(embedded(rows, look=look)) == [
        ["BTC", "+2,115,000", "alpha", "10:42:07", "+1.50%", "57,895,000"],
        ["ETH", "-1.1", "—", "11.22 10:42:07", "—", "529.0"],
    ]


def test_forms_are_a_table_a_list_and_a_card() -> None:
    rows = [live("BTC", "57895000", ref="55780000"), live("ETH", "1")]
    assert texts(embedded(rows, look=Look(form="strip")), "li") == [
        ["BTC", "57,895,000", "+3.79%"],
        ["ETH", "1", "+3.79%"],
    ]
    card = embedded(rows, look=Look(form="card"))
    assert texts(card, "div") == [["BTC", "57,895,000원", "+3.79%", "+2,115,000", ""]]
    assert "<caption>" in embedded(rows)
    assert "57,895,000 KRW" in embedded(rows, lang="en", look=Look(form="card"))


def test_english() -> None:
    html = embedded([live("BTC", "1", state="stale")], lang="en")
    assert re.findall(r'<th scope="col">(.*?)</th>', html) == ["Coin", "Price (KRW)", "Change"]
    assert '<html lang="en">' in html
    assert '<h1 class="ct-title">Live crypto prices</h1>' in html
    assert texts(html)[0][0] == "BTC delayed"


def test_whatever_is_configured_is_escaped() -> None:
    evil = '"><script>alert(1)</script>&'
    rude = board(
        "BTC",
        title={"ko": evil, "en": evil},
        names={"BTC": {"ko": evil, "en": evil}},
        footnote={"ko": evil},
        disclaimer={"ko": evil},
    )
    html = embedded([live("BTC", "1", source=evil)], rude, state={"notice": evil}, look=Look(link=f"https://x/{evil}"))
    assert "<script>alert" not in html
    assert html.count("<script") == 1
    ours = page.fragment(rude, BoardState(notice=evil), "ko", public_url=evil, assets=True)
    assert "<script>alert" not in ours


def test_a_fragment_is_ascii_and_loads_nothing_unless_asked() -> None:
    state = BoardState(rows={"BTC": live("BTC", "57895000")})
    bare = page.fragment(board("BTC"), state, "ko", public_url="https://x.test/p")
    assert bare.isascii()
    assert bare.startswith("<aside data-nosnippet><crypto-ticker ")
    assert "<script" not in bare
    assert "<style" not in bare
    assert "<link" not in bare
    assert unescape(bare).count("실시간 암호화폐 시세") == 1
    assert 'server="https://x.test/p"' in bare
    full = page.fragment(board("BTC"), state, "ko", public_url="https://x.test/p", assets=True)
    assert '<script type="module" src="https://x.test/p/widget.js"></script>' in full
    assert '<link rel="stylesheet" href="https://x.test/p/widget.css">' in full


def test_the_page_has_one_style_that_its_hash_allows_and_one_script_from_its_own_server() -> None:
    html = embedded([live("BTC", "1")])
    assert [source_hash(css) for css in re.findall("<style>(.*?)</style>", html)] == [page.STYLE_HASH]
    assert re.findall("<script[^>]*>", html) == ['<script type="module" src="../widget.js">']
    assert " style=" not in html
    assert '<meta name="robots" content="noindex">' in html
    assert "data-nosnippet" in html


def test_a_look_takes_what_is_documented_and_ignores_the_rest() -> None:
    assert look_of({"columns": "percent,percent,price", "theme": "", "utm_source": "x"}) == Look(
        columns=("percent", "price")
    )
    assert look_of({"link": "https://a.test/{symbol}", "credit": "off", "theme": "dark", "limit": "5"}) == Look(
        link="https://a.test/{symbol}", credit=False, theme="dark", limit=5
    )


@pytest.mark.parametrize(("value", "linked"), [("1", True), ("0", False), ("", False), (None, False)])
def test_assets_are_linked_where_they_are_asked_for(value: str | None, linked: bool) -> None:
    """Seen failing with `assets=0` refused."""
    assert page.has_assets({} if value is None else {"assets": value}) is linked


def test_the_usual_may_be_said_of_every_option() -> None:
    """Seen failing with `credit=on` refused."""
    assert look_of({"credit": "on", "form": "list"}) == Look()


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"theme": "neon"}, "theme is inherit, auto, light or dark, not 'neon'"),
        ({"form": "x" * 90}, f"form is list, strip or card, not {'x' * 20!r}"),
        ({"colors": "red"}, "colors is ko, en or safe, not 'red'"),
        (
            {"columns": "price,,a"},
            "columns is price, percent, change, source, time, premium or sparkline, not 'a'",
        ),
        ({"credit": "yes"}, "credit is on or off, not 'yes'"),
        ({"limit": "0"}, "limit is a whole number from 1 to 1000, not '0'"),
        ({"interval": "\u0664\u0660\u0660"}, "interval is a whole number from 200 to 30000, not '\u0664\u0660\u0660'"),
        ({"interval": "45000"}, "interval is a whole number from 200 to 30000, not '45000'"),
        (
            {"link": "http://a.test/coins/{symbol}"},
            "link is an https:// address without spaces or quotes, not 'http://a.test/coins/{symbol}'",
        ),
        (
            {"link": "javascript:alert(1)"},
            "link is an https:// address without spaces or quotes, not 'javascript:alert(1)'",
        ),
    ],
)
def test_a_value_that_an_option_cannot_have_is_named_beside_those_it_can(query: dict[str, str], sentence: str) -> None:
    with pytest.raises(NotALook) as refused:
        look_of(query)
    assert str(refused.value) == sentence


def test_links_lead_each_name_to_its_own_page() -> None:
    html = embedded([live("BTC", "1")], look=Look(link="https://a.test/{symbol}"))
    assert '<a href="https://a.test/BTC" target="_blank" rel="noopener">BTC</a>' in html


def test_what_a_snapshot_needs_beside_the_contract() -> None:
    own = board("BTC", simulated=True, percent_digits="trim")
    state = BoardState(ts=AT, notice="Repairs", frozen=True)
    assert msgspec.to_builtins(presentation(own, state, "en")) == {
        "percent_digits": "trim",
        "timezone": "Asia/Seoul",
        "utc_offset_s": 32_400,
        "unit": "KRW",
        "notices": [
            "Simulated prices. These are not real market prices.",
            "Updates are paused for the moment.",
            "Repairs",
        ],
        "footnote": "* 24-hour change · {} prices",
        "others": " (marked: {})",
        "as_of": "as of {}\xa0KST",
        "disclaimer": WORDS["en"].disclaimer,
    }
    mine = presentation(board("BTC", footnote={"ko": "우리 각주"}), BoardState(ts=AT), "ko")
    assert (mine.footnote, mine.others, mine.as_of, mine.unit) == ("우리 각주", "", "{} 기준", "원")


def test_the_script_carries_these_words() -> None:
    script = (STATIC / "widget.js").read_text(encoding="utf-8")
    assert script.isascii()
    assert filled(script) == script, "run: python -m ticker.sidebar.style"
    assert STYLE.startswith("crypto-ticker,:host{display:block}")


def test_what_is_released_is_made_from_todays_sources_and_small() -> None:
    assert RELEASED is not None, "run: make release-widget"
    body = (STATIC / "released" / RELEASED[0]).read_bytes()
    assert body.isascii()
    assert len(gzip.compress(body, 9, mtime=0)) <= 6_000
    (sheet,) = re.findall(rb"widget\.[0-9a-f]{12}\.css", body)
    assert (STATIC / "released" / sheet.decode()).read_text(encoding="utf-8") == SHEET


def test_the_page_of_the_articles_rows_is_small() -> None:
    rows = article_rows()
    html = page.embed(article_board(), BoardState(ts=NOON, rows=rows), "ko", public_url="https://quotes.example.com")
    assert len(gzip.compress(html.encode(), 9, mtime=0)) <= 3_000


def test_squeezing_a_sheet() -> None:
    css = '/* x */ .a > b,\n:host {\n  margin: 0 0.5em;\n  content: "\\25b2" / "";\n}\n'
    css += '.c[data-d="e"] { f: calc(1px + 2px) }'
    assert squeeze(css) == '.a>b,:host{margin:0 .5em;content:"\\25b2" / ""}.c[data-d=e]{f:calc(1px + 2px)}'


def test_the_gallery_builds_every_snippet_from_the_public_address() -> None:
    html = page.gallery({"krw": board("BTC")}, public_url="https://x.test/p", released=None)
    codes = [unescape(code) for code in re.findall('<code id="[a-z]+">(.*?)</code>', html, re.DOTALL)]
    assert codes[0].startswith(
        '<script type="module" src="https://x.test/p/widget.js"></script>\n<crypto-ticker board="krw"'
    )
    assert codes[1].startswith('<iframe src="https://x.test/p/embed/krw?lang=ko&theme=light" ')
    assert "'https://x.test/p/fragment/krw?lang=ko&assets=1'" in codes[2]
    assert 'src="https://x.test/p/fragment/krw?lang=ko&assets=1"' in codes[3]
    assert codes[4] == '<!--#include virtual="/p/fragment/krw?lang=ko&assets=1" -->'
    assert "{" not in "".join(codes).replace("['http'", "")


def test_the_gallery_speaks_both_languages_and_of_the_same_things() -> None:
    ko, en = GALLERY_WORDS["ko"], GALLERY_WORDS["en"]
    for part in ("choices", "options", "texts", "sections", "snippets"):
        assert list(getattr(ko, part)) == list(getattr(en, part)), part
    html = page.gallery({"krw": board("BTC")}, "en", public_url="https://x.test")
    assert html.startswith('<!doctype html><html lang="en">')
    assert re.findall("[가-힣]+", re.sub('lang="ko">한국어<|>한국어</option>', "", html)) == []
    assert unescape(html).count('src="https://x.test/embed/krw?lang=en&theme=light" title="Live crypto prices"') == 1


def test_the_gallery_pins_a_released_file() -> None:

    html = unescape(
        gallery({"krw": board("BTC")}, public_url="https://x.test", released=("widget.1a.js", "sha384-AAA"))
    )
    assert 'src="https://x.test/widget.1a.js" integrity="sha384-AAA" crossorigin="anonymous"' in html
