"""Every snippet of the gallery, copied and loaded as it is: from the program behind nginx under a path prefix."""

import asyncio
import re
import urllib.request
from collections.abc import Callable, Iterator
from html import unescape

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.nginx import NGINX, Nginx
from tests.browser.test_sidebar import ROWS, until
from tests.program import Program

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

Host = Callable[[str], str]


def fetched(address: str) -> str:
    """What an including server puts into its page."""
    with urllib.request.urlopen(address, timeout=5) as answer:
        return str(answer.read().decode("ascii"))


def php(snippet: str) -> str:
    (address,) = re.findall(r"file_get_contents\('([^']+)'", snippet)
    return fetched(address)


def esi(snippet: str) -> str:
    (address,) = re.findall(r'<esi:include src="([^"]+)"', snippet)
    return fetched(unescape(address))


SNIPPETS: dict[str, tuple[str, Host]] = {
    "element": ("element", str),
    "pinned": ("pinned", str),
    "iframe": ("iframe", str),
    "php": ("php", php),
    "esi": ("esi", esi),
    "ssi": ("ssi", str),  # nginx itself puts this one in
}


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory, frozen: Program, proxy_port: int) -> Iterator[Nginx]:
    if NGINX is None:
        pytest.skip("nginx is missing: apt-get install nginx-light")
    with Nginx(tmp_path_factory.mktemp("nginx"), proxy_port, frozen.port) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def copied(browser: Browser, nginx: Nginx) -> dict[str, str]:
    """Every snippet as the gallery writes it after two choices."""
    page = await browser.new_page()
    await page.goto(f"{nginx.url}/?lang=ko")
    await expect(page.locator("#preview").locator(ROWS)).to_have_count(23)
    await page.get_by_label("최대 개수").fill("7")
    await page.get_by_label("바탕").select_option("dark")
    await expect(page.locator("#preview").locator(ROWS)).to_have_count(7)
    found = {key: await page.locator(f"#{key}").inner_text() for key, _ in SNIPPETS.values()}
    await page.close()
    return found


@pytest.mark.parametrize(
    ("locale", "title", "limit"), [("ko-KR", "시세판 만들기", "최대 개수"), ("en-GB", "Make a price board", "At most")]
)
async def test_the_gallery_speaks_the_browsers_language_and_fits_a_telephone(
    browser: Browser, frozen: Program, locale: str, title: str, limit: str
) -> None:
    tab = await browser.new_page(locale=locale, viewport={"width": 320, "height": 800})
    await tab.goto(f"http://127.0.0.1:{frozen.port}/")
    await expect(tab.get_by_role("heading", level=1)).to_have_text(title)
    await expect(tab.locator("#preview").locator(ROWS)).to_have_count(23)
    await tab.get_by_label(limit).fill("0")  # none that the server would take: no part of a snippet
    await expect(tab.locator("#iframe")).to_contain_text(f"lang={locale[:2]}")
    await expect(tab.locator("#iframe")).not_to_contain_text("limit")
    assert await tab.evaluate("document.documentElement.scrollWidth") == 320
    await tab.get_by_role("link", name="English" if locale == "ko-KR" else "한국어").click()
    await expect(tab.get_by_role("heading", level=1)).not_to_have_text(title)
    await tab.close()


@pytest.mark.parametrize(
    ("language", "field", "typed", "said", "kept"),
    [
        ("ko", "종목", "foo, btc 비트코인", "이 시세판에 없어 코드에서 뺐습니다: FOO, 비트코인", "&symbols=BTC&"),
        ("en", "Coins", "FOO", "Not on this board, so left out of the code: FOO", None),
        ("ko", "종목 링크", "/coin/{symbol}", "https:// 주소가 아니거나 빈칸, 따옴표가 있어 코드에서 뺐습니다.", None),
        ("en", "Coin links", "https://a.test/{symbol}?q='x'", "No https:// address without spaces and quotes", None),
        ("en", "Coin links", "https://a.test/{symbol}", "", "&link=https%3A%2F%2Fa.test%2F%7Bsymbol%7D&"),
        ("ko", "최대 개수", "1e2", "1에서 1000까지의 정수가 아니어서 코드에서 뺐습니다.", None),
        ("en", "At most", "1000", "", "&limit=1000&"),
    ],
)
async def test_a_snippet_holds_only_what_the_server_takes_and_the_field_says_what_is_left_out(
    tab: Page, frozen: Program, language: str, field: str, typed: str, said: str, kept: str | None
) -> None:
    """Seen failing with FOO in the code, and a link dropped in silence."""
    await tab.goto(f"http://127.0.0.1:{frozen.port}/?lang={language}")
    await tab.get_by_label("갱신 간격" if language == "ko" else "Interval").select_option("500")
    await tab.get_by_label(field, exact=True).fill(typed)
    hint = tab.locator("form > output:not(:empty)")
    if said:
        await expect(hint).to_contain_text(said)
        await expect(tab.get_by_label(field, exact=True)).to_have_attribute("aria-invalid", "true")
    await expect(hint).to_have_count(1 if said else 0)
    (source,) = re.findall(r'src="(\S+/embed/\S+)"', await tab.locator("#iframe").inner_text())
    query = unescape(source).partition("?")[2]
    assert query == f"lang={language}{kept or '&'}interval=500&theme=light"
    assert frozen.status(f"/embed/article?{query}") == 200


@pytest.mark.parametrize("name", SNIPPETS)
async def test_a_snippet_works_as_it_is_copied(tab: Page, nginx: Nginx, copied: dict[str, str], name: str) -> None:
    key, host = SNIPPETS[name]
    snippet = copied[key]
    assert nginx.url in snippet or name == "ssi"
    sockets: list[str] = []
    tab.on("websocket", lambda socket: sockets.append(socket.url))
    content = await asyncio.to_thread(host, snippet)
    await tab.goto(nginx.page(name, f'<!doctype html><html lang="ko"><meta charset="utf-8">{content}'))
    shown = tab.frame_locator("iframe") if key == "iframe" else tab
    await expect(shown.locator(ROWS)).to_have_count(7)
    await expect(shown.locator(ROWS).first).to_have_text("비트코인57,895,000+3.79%")
    await expect(shown.locator(".ct")).to_have_attribute("data-theme", "dark")
    await expect(shown.locator(".ct-pause")).to_be_visible()
    assert await shown.locator("table").evaluate("table => getComputedStyle(table).borderCollapse") == "collapse"
    await until(lambda: any(address.startswith(nginx.url.replace("http", "ws") + "/v1/stream/") for address in sockets))
    await expect(shown.locator(".ct-banner")).to_be_empty()
