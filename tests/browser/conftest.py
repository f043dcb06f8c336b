"""One Chromium for the ring, and servers a test may break."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.browser.speaker import Speaker
from tests.program import Program, free_port, until

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def proxy_port() -> int:
    """Where an nginx may stand before the frozen program, which knows itself by that address."""
    return free_port()


@pytest.fixture(scope="session")
def frozen(tmp_path_factory: pytest.TempPathFactory, proxy_port: int) -> Iterator[Program]:
    """The real program with the article's rows, their percents known."""
    address = f"http://127.0.0.1:{proxy_port}/quotes"
    with Program(tmp_path_factory.mktemp("frozen"), "demo", "--frozen", server__public_url=address) as program:
        program.ready()
        until(lambda: all(row["change_pct"] for row in program.rows("article").values()), program)
        yield program


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=FLAGS, ignore_default_args=["--disable-back-forward-cache"]
        )
        yield found
        await found.close()


@pytest_asyncio.fixture(loop_scope="session")
async def speaker() -> AsyncIterator[Speaker]:
    """A server of our own that says what the test wants it to say."""
    made = Speaker()
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    made = await browser.new_context(viewport={"width": 320, "height": 1000})
    # A retry waits a random part of ten seconds; tests wait the shortest.
    await made.add_init_script("Math.random = () => 0.02")
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="session")
async def tab(context: BrowserContext) -> AsyncIterator[Page]:
    """A page on which no script may fail and no policy may be broken."""
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security" in said.text else None)
    yield page
    assert errors == []


@pytest.fixture
def base(speaker: Speaker) -> str:
    """Where the sidebar is served; the same tests can be aimed at `ticker demo --frozen`."""
    return speaker.url
