"""axe and html-validate on the status page."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser

from tests.browser.conftest import browser  # noqa: F401 - a fixture
from tests.server import serving
from tests.web.conftest import npm, program

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["ko", "en"])
async def test_axe_finds_nothing(browser: Browser, axe: str, language: str, scheme: Any) -> None:  # noqa: F811
    context = await browser.new_context(viewport={"width": 360, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = await context.new_page()
    async with serving() as node:
        await page.goto(f"{node.url}/status?lang={language}&refresh=off")
        await page.evaluate(axe)
        result = await page.evaluate("axe.run(document)")
    await context.close()
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in result["violations"]] == []


async def test_the_page_is_valid_html(tmp_path: Path) -> None:
    tool = npm("html-validate") / "bin" / "html-validate.mjs"
    async with (
        serving() as node,
        aiohttp.ClientSession() as session,
        session.get(f"{node.url}/status?refresh=off") as answer,
    ):
        (tmp_path / "status.html").write_text(await answer.text(), encoding="utf-8")
    rules = {"extends": ["html-validate:standard"], "rules": {"doctype-style": "off"}, "elements": ["html5"]}
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps({"root": True} | rules), encoding="utf-8")
    command = [program("node", "nodejs"), str(tool), "status.html"]
    run = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
