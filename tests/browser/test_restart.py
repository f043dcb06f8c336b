"""A sidebar in Chromium while its server is restarted and another one stands by."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.house import House, metric, restart
from tests.program import until

GAP_MS = 3000
LOOK = """
const banner = document.querySelector('.ct-banner');
window.gap = 0;
window.troubles = [];
window.heard = performance.now();
new MutationObserver(() => {
  const now = performance.now();
  gap = Math.max(gap, now - heard);
  heard = now;
  if (banner.textContent) troubles.push(banner.textContent);
  for (const row of document.querySelectorAll('[data-state]')) troubles.push(row.outerHTML);
}).observe(document.querySelector('.ct'), { subtree: true, childList: true, characterData: true, attributes: true });
"""
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


async def test_a_reader_of_a_sidebar_notices_nothing_of_a_restart(tab: Page, tmp_path: Path) -> None:
    """Seen failing with a server that closes with its `bye`, and with a script that leaves at it."""
    sockets: list[str] = []
    tab.on("websocket", lambda socket: sockets.append(socket.url))
    with contextlib.ExitStack() as stack:
        house = House(tmp_path, stack)
        house.start("collect")
        servers = [house.start("serve", server__drain_s="20") for _ in range(2)]
        door = house.door(servers[0])
        for server in servers:
            await asyncio.to_thread(server.ready)
            await asyncio.to_thread(until, lambda server=server: live(server.rows("krw")), server)
        await tab.goto(f"http://127.0.0.1:{door.port}/embed/krw?interval=200")
        await asyncio.to_thread(until, lambda: metric(servers[0], "ticker_push_clients ") == 1, servers[0])
        await tab.evaluate(LOOK)
        await asyncio.to_thread(restart, servers[0], servers[1], door)
        assert metric(servers[1], "ticker_push_clients ") == 1
        assert await tab.evaluate("Math.max(gap, performance.now() - heard)") < GAP_MS
        assert await tab.evaluate("troubles") == []
        assert len(sockets) == 2


def live(rows: dict[str, dict[str, str]]) -> bool:
    return all(row["state"] == "live" for row in rows.values())
