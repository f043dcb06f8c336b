"""The core of the sidebar in Firefox and WebKit: renders, adopts, updates, reconnects; under a strict policy too."""

import asyncio
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha384
from typing import Any

import pytest
import pytest_asyncio

from tests.browser.speaker import ASSETS, NOON, Speaker
from tests.web.conftest import program
from tests.web.firefox import Firefox

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]
pytestmark += [pytest.mark.filterwarnings("ignore:setting remote_server_addr:DeprecationWarning")]

Go = Callable[[str], Awaitable[None]]
Run = Callable[[str], Awaitable[Any]]
ROOT = "(document.querySelector('crypto-ticker').shadowRoot ?? document)"
COUNT = f"{ROOT}.querySelectorAll('[data-symbol]').length"
BTC = f"{ROOT}.querySelector('[data-symbol=BTC]')?.textContent ?? ''"
WEBKIT = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser"


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["firefox", "webkit"])
async def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Go, Run]]:
    if request.param == "firefox":
        path = program("firefox-esr", "firefox-esr")
        async with Firefox(path, tmp_path_factory.mktemp("profile")) as firefox:
            yield firefox.go, firefox.run
        return
    driver = webkit()
    try:

        async def go(url: str) -> None:
            await asyncio.to_thread(driver.get, url)

        async def run(expression: str) -> Any:
            return await asyncio.to_thread(driver.execute_script, f"return {expression}")

        yield go, run
    finally:
        driver.quit()


def webkit() -> Any:
    program("WebKitWebDriver", "webkit2gtk-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is missing: see make test-web")
    if not os.environ.get("DISPLAY"):
        pytest.skip("WebKit needs a display: apt-get install xvfb, then xvfb-run -a make test-web")
    os.environ["WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS"] = "1"
    options = webdriver.WebKitGTKOptions()
    options.binary_location = WEBKIT
    options.add_argument("--automation")
    service = webdriver.WebKitGTKService(executable_path=program("WebKitWebDriver", "webkit2gtk-driver"))
    return webdriver.WebKitGTK(options=options, service=service)


async def becomes(run: Run, expression: str, wanted: Any, seconds: float = 25) -> None:
    """Poll an expression until it has the value."""
    end = asyncio.get_running_loop().time() + seconds
    while (found := await run(expression)) != wanted:
        assert asyncio.get_running_loop().time() < end, found
        await asyncio.sleep(0.1)


async def test_rows_are_adopted_move_and_come_back_after_a_restart(engine: tuple[Go, Run], speaker: Speaker) -> None:
    go, run = engine
    await go(f"{speaker.url}/embed/article?interval=200")
    assert await run(COUNT) == 23
    await run("document.querySelector('[data-symbol=BTC]').setAttribute('data-mine', '1')")
    await becomes(run, "document.querySelector('.ct-pause')?.textContent ?? ''", "일시정지")
    while not speaker.clients:  # noqa: ASYNC110 - the browser is another process
        await asyncio.sleep(0.05)
    await speaker.push(BTC={"price": "57900000", "ts": NOON + 1000})
    await becomes(run, BTC, "비트코인57,900,000+3.79%")
    assert await run("document.querySelector('[data-symbol=BTC]').dataset.mine") == "1"
    await speaker.stop()
    await becomes(run, "document.querySelector('.ct-banner').textContent", "연결 끊김")
    await speaker.start()
    await becomes(run, "document.querySelector('.ct-banner').textContent", "", 50)
    await speaker.push(BTC={"price": "58000000", "ts": NOON + 2000})
    await becomes(run, BTC, "비트코인58,000,000+3.79%")


async def test_an_element_of_its_own_on_a_strict_page(engine: tuple[Go, Run], speaker: Speaker) -> None:
    go, run = engine
    digest = b64encode(sha384(ASSETS["widget.js"].body).digest()).decode()
    other = f"http://localhost:{speaker.port}"
    speaker.headers = {
        "Content-Security-Policy": f"default-src 'none'; script-src 'nonce-n' 'sha384-{digest}'; style-src 'none'; "
        f"connect-src {other} ws://localhost:{speaker.port}; require-trusted-types-for 'script'",
        "Cross-Origin-Embedder-Policy": "require-corp",
    }
    speaker.pages["/strict"] = (
        f'<!doctype html><html lang="ko"><script nonce="n" type="module" src="{other}/widget.js" '
        f'integrity="sha384-{digest}" crossorigin></script>'
        '<crypto-ticker board="article" interval="200"></crypto-ticker>'
    )
    await go(f"{speaker.url}/strict")
    await becomes(run, COUNT, 23)
    await becomes(run, f"getComputedStyle({ROOT}.querySelector('table')).borderCollapse", "collapse")
    await speaker.push(BTC={"price": "57900000"})
    await becomes(run, BTC, "비트코인57,900,000+3.79%")
