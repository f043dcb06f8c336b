"""The status page as an editor sees it: without scripts, narrow and wide, in both languages."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.server import Node, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def node() -> AsyncIterator[Node]:
    async with serving() as made:
        yield made


@pytest.mark.parametrize(("width", "language", "verdict"), [(320, "ko", "장애"), (900, "en", "Outage")])
async def test_the_page_is_readable_and_breaks_no_policy(
    browser: Browser, node: Node, width: int, language: str, verdict: str
) -> None:
    context = await browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=False)
    page = await context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    await page.goto(f"{node.url}/status?lang={language}")
    assert (await page.locator(".verdict b").inner_text()).strip() == verdict
    assert await page.locator("section").count() == 5
    body = await page.locator("main").bounding_box()
    assert body is not None
    assert body["width"] <= width
    tables = [
        await table.evaluate("t => t.scrollWidth - t.clientWidth") for table in await page.locator(".scroll").all()
    ]
    assert max(tables) <= 0
    # A dot stands beside its word; seen failing with the dot above it, in a column as narrow as these words.
    words = page.locator(".state").filter(has_text=re.compile(r"^\S+$"))
    assert await words.count() > 0
    assert {len(await word.evaluate("w => [...w.getClientRects()]")) for word in await words.all()} == {1}
    font = await page.locator("body").evaluate("b => getComputedStyle(b).wordBreak")
    assert font == "keep-all"  # the one <style> was let through by its hash
    assert [text for text in said if "Content Security" in text] == []
    await context.close()
