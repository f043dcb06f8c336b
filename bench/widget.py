"""What the sidebar costs a page: bytes, requests, layout shift, scripting per update, heap after 10,000 updates.

    make bench-widget

Chromium only. Bytes and counts are the same on every machine, times belong to this one. Written to
bench/results/widget.json; docs/widget.md sets the figures beside the peers'.
"""

import asyncio
import gzip
import json
from pathlib import Path
from statistics import median
from typing import Any

from playwright.async_api import Browser, CDPSession, Page, async_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.speaker import NOON, Speaker, article_rows
from ticker.sidebar.style import RELEASED, SCRIPT, SHEET, STATIC

RESULTS = Path(__file__).parent / "results" / "widget.json"
UPDATES = 10_000
WATCH = """
window.shifts = 0; window.long = 0;
new PerformanceObserver(list => list.getEntries().forEach(entry => shifts += entry.value))
  .observe({type: 'layout-shift', buffered: true});
new PerformanceObserver(list => long += list.getEntries().length).observe({type: 'longtask', buffered: true});
"""
PRICES = {symbol: row.price or "" for symbol, row in article_rows().items()}
Figures = dict[str, float | int | str]


async def main() -> None:
    speaker = Speaker()
    await speaker.start()
    figures = sizes(speaker)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, "--js-flags=--expose-gc"])
        figures |= await measured(browser, speaker)
        figures["browser"] = browser.version
        await browser.close()
    await speaker.stop()
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    for name, value in figures.items():
        print(f"{name}: {value}")


def zipped(data: bytes) -> int:
    return len(gzip.compress(data, 9, mtime=0))


def sizes(speaker: Speaker) -> Figures:
    if RELEASED is None:
        raise SystemExit("static/widget.js is newer than every release: make release-widget first")
    return {
        "released_js_gzip_bytes": zipped((STATIC / "released" / RELEASED[0]).read_bytes()),
        "sheet_gzip_bytes": zipped(SHEET.encode()),
        "source_js_gzip_bytes": zipped(SCRIPT.read_bytes()),
        "page_of_23_rows_html_and_css_gzip_bytes": zipped(speaker.embed().encode()),
    }


async def measured(browser: Browser, speaker: Speaker) -> Figures:
    context = await browser.new_context(viewport={"width": 320, "height": 1000})
    await context.add_init_script(WATCH)
    tab = await context.new_page()
    sockets: list[str] = []
    tab.on("websocket", lambda socket: sockets.append(socket.url))
    await tab.goto(f"{speaker.url}/embed/article?interval=1000")
    session = await context.new_cdp_session(tab)
    # The thread's own time: other work on the machine does not count.
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})
    await tab.wait_for_timeout(1500)
    figures: Figures = {
        "requests": sum(not path.startswith("/v1/stream") for path in speaker.asked),
        "sockets": len(sockets),
        "scripting_ms_per_update_of_23_rows_at_4x": await scripting(tab, session, speaker),
    }
    figures["layout_shift_after_20_updates"] = round(await tab.evaluate("shifts"), 4)
    figures["long_tasks_after_20_updates"] = await tab.evaluate("long")
    start = await heap(session)
    for turn in range(UPDATES):
        await everything(speaker, turn)
    await tab.wait_for_timeout(2500)
    figures["heap_growth_kib_after_10000_updates"] = round((await heap(session) - start) / 1024)
    await context.close()
    return figures


async def scripting(tab: Page, session: CDPSession, speaker: Speaker) -> float:
    """Milliseconds of script per update, the median of 20, at a quarter of this machine's speed."""
    await session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    spent = []
    for turn in range(20):
        before = await metric(session, "ScriptDuration")
        await everything(speaker, turn)
        await tab.wait_for_timeout(1050)
        spent.append(await metric(session, "ScriptDuration") - before)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    return round(median(spent) * 1000, 2)


async def everything(speaker: Speaker, turn: int) -> None:
    """Every row moves, each price within its own number of digits."""
    changes: dict[str, Any] = {
        symbol: {
            "price": price[0] + str(turn * 7 + i)[-1] + price[2:],
            "change_pct": f"{(turn + i) % 9 - 4}.{turn % 9 + 1}",
            "ts": NOON + turn,
        }
        for i, (symbol, price) in enumerate(PRICES.items())
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
