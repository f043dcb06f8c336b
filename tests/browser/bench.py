"""What the sidebar costs a page, printed: bytes, scripting per update at a quarter of the speed, heap after 10,000.

Run by hand: `python -m tests.browser.bench`. Not a test: times belong to the machine.
"""

import asyncio
import gzip
import sys
from typing import Any

from playwright.async_api import Browser, CDPSession, async_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.speaker import NOON, Speaker

UPDATES = 10_000


async def main() -> None:
    speaker = Speaker()
    await speaker.start()
    page = speaker.embed()
    say(f"page with 23 rows: {len(gzip.compress(page.encode(), 9))} bytes gzip")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, "--js-flags=--expose-gc"])
        await measure(browser, speaker)
        await browser.close()
    await speaker.stop()


async def measure(browser: Browser, speaker: Speaker) -> None:
    tab = await browser.new_page(viewport={"width": 320, "height": 1000})
    await tab.goto(f"{speaker.url}/embed/article?interval=1000")
    session = await tab.context.new_cdp_session(tab)
    await session.send("Performance.enable")
    await tab.wait_for_timeout(1500)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    before = await metric(session, "ScriptDuration")
    for turn in range(20):
        await everything(speaker, turn)
        await tab.wait_for_timeout(1050)
    after = await metric(session, "ScriptDuration")
    say(f"scripting per update of 23 rows, CPU throttled 4x: {(after - before) / 20 * 1000:.2f} ms")
    await session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    start = await heap(session)
    for turn in range(UPDATES):
        await everything(speaker, turn)
    await tab.wait_for_timeout(2500)
    say(f"heap growth after {UPDATES} updates: {(await heap(session) - start) / 1024:.0f} kB")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


async def everything(speaker: Speaker, turn: int) -> None:
    changes: dict[str, Any] = {
        symbol: {"price": str(1000 + (turn * 7 + i) % 900), "change_pct": f"{(turn + i) % 9 - 4}.5", "ts": NOON + turn}
        for i, symbol in enumerate(speaker.state.rows)
    }
    await speaker.push(**changes)


async def heap(session: CDPSession) -> float:
    await session.send("HeapProfiler.collectGarbage")
    return await metric(session, "JSHeapUsedSize")


async def metric(session: CDPSession, name: str) -> float:
    found = await session.send("Performance.getMetrics")
    return float(next(entry["value"] for entry in found["metrics"] if entry["name"] == name))


if __name__ == "__main__":
    asyncio.run(main())
