"""The host pages of `examples/`, loaded as they are but for the server's address and the board's name."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.speaker import Speaker
from tests.browser.test_sidebar import ROWS, host, row
from ticker.model import BoardState, Row
from ticker.settings import Settings, boards

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXAMPLES = Path(__file__).parents[2] / "examples"


PAGES = {path.stem: path.read_bytes() for path in sorted(EXAMPLES.glob("*.html"))}


@pytest.mark.parametrize("name", PAGES)
async def test_a_host_page_shows_the_board_and_it_moves(tab: Page, speaker: Speaker, name: str) -> None:
    address = f"127.0.0.1:{speaker.port}".encode()
    page = PAGES[name].replace(b"127.0.0.1:8080", address).replace(b"krw", b"article")
    speaker.headers = {"Content-Type": "text/html"}
    await host(tab, speaker, page)
    await expect(tab.locator(ROWS)).to_have_count(23)
    await speaker.push(BTC={"price": "57900000"})
    await expect(tab.locator(row("BTC"))).to_contain_text("57,900,000")
    assert await tab.inner_text("h1") == "기사 제목"
    assert (
        await tab.locator("crypto-ticker td").first.evaluate("cell => getComputedStyle(cell).borderTopWidth") == "0px"
    )
    assert await tab.locator(row("BTC")).evaluate("row => row.offsetHeight") < 60
    assert await tab.evaluate("document.compatMode") == ("BackCompat" if name == "quirks" else "CSS1Compat")
    assert await tab.evaluate("document.characterSet") == ("EUC-KR" if name == "euc-kr" else "UTF-8")
    assert await tab.locator("article crypto-ticker").count() == 0


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if b"min-height" in page])
@pytest.mark.parametrize("width", [320, 640])
async def test_a_page_keeps_the_height_that_its_board_needs_before_the_first_price(
    tab: Page, name: str, width: int
) -> None:
    """Seen failing with 760 px kept, where the board took up to 857."""
    board = boards(Settings())["krw"]
    rows = {symbol: Row(symbol=symbol, state="pending") for symbol in board.symbols}
    speaker = Speaker(board)
    speaker.state = BoardState(revision=1, ts=speaker.state.ts, rows=rows)
    await speaker.start()
    try:
        page = PAGES[name].replace(b"127.0.0.1:8080", f"127.0.0.1:{speaker.port}".encode())
        speaker.headers = {"Content-Type": "text/html"}
        await tab.set_viewport_size({"width": width, "height": 1000})
        await host(tab, speaker, page)
        await expect(tab.locator(ROWS)).to_have_count(20)
        (kept,) = re.findall(rb"min-height:(\d+)px", page)
        assert f"min-height:{kept.decode()}px" in (EXAMPLES.parent / "docs/embedding.md").read_text(encoding="utf-8")
        assert await tab.locator("crypto-ticker").evaluate("element => element.offsetHeight") == int(kept)
        assert await tab.evaluate("document.documentElement.scrollWidth") == width
    finally:
        await speaker.stop()


async def test_the_frame_of_the_plain_page_fits_its_content(tab: Page, speaker: Speaker) -> None:
    text = PAGES["plain"].decode()
    page = text.replace("127.0.0.1:8080", f"127.0.0.1:{speaker.port}").replace("krw", "article")
    await host(tab, speaker, page.replace('height="890"', 'height="100"').replace('loading="lazy"', ""))
    frame = tab.frame_locator("iframe")
    await expect(frame.locator(ROWS)).to_have_count(23)
    await expect(tab.locator("iframe")).not_to_have_attribute("height", "100")


async def test_a_frame_that_was_there_before_the_pages_script_is_fitted_all_the_same(
    tab: Page, speaker: Speaker
) -> None:
    """Seen failing when a frame told its height only when that changed: a script that came later never heard of it."""
    frame = f'<iframe src="{speaker.url}/embed/article" height="100" sandbox="allow-scripts"></iframe>'
    await host(tab, speaker, f"<!doctype html>{frame}")
    await expect(tab.frame_locator("iframe").locator(".ct-pause")).to_be_visible()
    await tab.wait_for_timeout(300)
    await tab.add_script_tag(url=f"{speaker.url}/widget.js", type="module")
    await expect(tab.locator("iframe")).not_to_have_attribute("height", "100")
