"""The sidebar of the real program: readable without scripts, moving with them, back after a restart."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.program import Program

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def prices(page: Page) -> list[str]:
    return [text.strip() for text in await page.locator("table tbody tr").all_inner_texts()]


async def moved(page: Page, before: list[str]) -> bool:
    deadline = asyncio.get_running_loop().time() + 25
    while asyncio.get_running_loop().time() < deadline:
        if (now := await prices(page)) and now != before:
            return True
        await asyncio.sleep(0.1)
    return False


async def test_the_articles_rows_are_readable_with_scripts_off(browser: Browser, frozen: Program) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{frozen.url}/embed/article")
    rows = await prices(page)
    assert len(rows) == 23
    assert rows[0].split() == ["비트코인", "57,895,000", "+3.79%"]
    assert rows[1].split() == ["이더리움", "1,914,000", "+5.8%"]
    text = await page.inner_text("body")
    assert "* 24시간 변동률 기준 · 빗썸 시세" in text
    assert "투자 판단의 책임은 이용자에게 있습니다." in text
    await context.close()


async def test_the_sidebar_moves_and_survives_a_restart_of_the_server(tab: Page, tmp_path: Path) -> None:
    with Program(tmp_path, "demo") as program:
        await asyncio.to_thread(program.ready)
        await tab.goto(f"{program.url}/embed/krw")
        first = await prices(tab)
        assert len(first) == 20
        assert await moved(tab, first)
        assert await asyncio.to_thread(program.stop) == 0
        program.start()
        await asyncio.to_thread(program.ready)
        assert await moved(tab, await prices(tab))


async def test_a_snippet_of_the_gallery_reserves_the_height_its_preview_has(tab: Page, frozen: Program) -> None:
    """It once kept the height from before the first paint: 150 px for 23 coins."""
    await tab.goto(f"{frozen.url}/?lang=ko")
    for limit, rows in (("", 23), ("7", 7)):
        if limit:
            await tab.get_by_label("최대 개수").fill(limit)
        await expect(tab.locator("#preview tr[data-symbol]")).to_have_count(rows)
        height = await tab.locator("#preview > *").evaluate("el => Math.ceil(el.getBoundingClientRect().height)")
        assert height > 30 * rows
        await expect(tab.locator("#element")).to_contain_text(f"min-height:{height}px")
        await expect(tab.locator("#iframe")).to_contain_text('title="실시간 암호화폐 시세"')
