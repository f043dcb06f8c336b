"""axe in every form, theme and colour set, Lighthouse and html-validate on the page of 23 rows."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.browser.conftest import CHROMIUM, browser  # noqa: F401 - a fixture
from tests.browser.speaker import Speaker
from tests.web.conftest import npm, program

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("form", ["list", "strip", "card"])
async def test_axe_finds_nothing(browser: Browser, speaker: Speaker, axe: str, form: str, scheme: Any) -> None:  # noqa: F811
    context = await browser.new_context(viewport={"width": 320, "height": 1000}, color_scheme=scheme, bypass_csp=True)
    page = await context.new_page()
    found = []
    speaker.state.notice = "공지"
    states = [{"state": "stale"}, {"state": "held"}, {"state": "closed", "reason": "delisted"}]
    changes: dict[str, Any] = dict(zip(["BTC", "ETH", "XRP"], states, strict=True))
    await speaker.push(**changes)
    for theme in ("inherit", "auto", "light", "dark"):
        for colors in ("ko", "en", "safe"):
            look = f"form={form}&theme={theme}&colors={colors}"
            await page.goto(
                f"{speaker.url}/embed/article?{look}&columns=price,percent,change,source&link=https://a.test/"
            )
            await page.locator(".ct-pause").wait_for()
            if theme == "inherit":
                # As on a host page; without a background of its own axe takes white.
                paper, ink = ("#fff", "#111") if scheme == "light" else ("#17181c", "#eee")
                await page.add_style_tag(content=f"html, .ct-page {{ background: {paper} !important; color: {ink} }}")
            await page.evaluate(axe)
            result = await page.evaluate("axe.run(document)")
            found += [(look, fault["id"], fault["nodes"][0]["html"]) for fault in result["violations"]]
    await context.close()
    assert found == []


async def test_lighthouse_gives_full_marks(speaker: Speaker) -> None:
    tool = npm("lighthouse") / "cli" / "index.js"
    categories = "performance,accessibility,best-practices"
    command = [program("node", "nodejs"), str(tool), f"{speaker.url}/embed/article", "--quiet", "--output=json"]
    command += [f"--only-categories={categories}", "--chrome-flags=--headless=new --no-sandbox"]
    run = await asyncio.to_thread(
        subprocess.run,
        command,
        check=False,
        capture_output=True,
        timeout=200,
        env={"CHROME_PATH": CHROMIUM, "PATH": "/usr/bin:/bin"},
    )
    assert run.stdout, run.stderr[-500:]
    report = json.loads(run.stdout)
    assert {name: round(100 * part["score"]) for name, part in report["categories"].items()} == dict.fromkeys(
        categories.split(","), 100
    ), [(name, audit["score"]) for name, audit in report["audits"].items() if audit["score"] not in {None, 1}]


@pytest.mark.parametrize("form", ["list", "strip", "card"])
async def test_the_markup_is_valid(speaker: Speaker, tmp_path: Path, form: str) -> None:
    from ticker.sidebar.look import look_of  # noqa: PLC0415 - beside its use

    tool = npm("html-validate") / "bin" / "html-validate.mjs"
    rules = {"extends": ["html-validate:standard"], "rules": {"doctype-style": "off"}, "elements": ["html5"]}
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps({"root": True} | rules))
    (tmp_path / "page.html").write_text(speaker.embed(look=look_of({"form": form})), encoding="utf-8")
    command = [program("node", "nodejs"), str(tool), "page.html"]
    run = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
