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
from tests.program import Program
from tests.web.conftest import npm, program

FORMS = ("list", "strip", "card")
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("form", FORMS)
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_in_elements_on_an_article(
    browser: Browser,  # noqa: F811 - the fixture
    speaker: Speaker,
    axe: str,
    scheme: Any,
) -> None:
    """Every form beside each other, each with its own tree, in the page's own colours."""
    forms = "".join(
        f'<aside aria-label="{f}"><crypto-ticker board="article" form="{f}"></crypto-ticker></aside>' for f in FORMS
    )
    paper = "<style>html { color-scheme: light dark; background: Canvas; color: CanvasText }</style>"
    script = '<script type="module" src="/widget.js"></script>'
    speaker.pages["/host"] = (
        ARTICLE.replace("HEAD", paper + script).replace("ELEMENT", forms).replace(" color: #222;", "")
    )
    context = await browser.new_context(color_scheme=scheme)
    page = await context.new_page()
    await page.goto(f"{speaker.url}/host")
    for form in range(len(FORMS)):
        await page.locator(".ct-pause").nth(form).wait_for()
    await page.evaluate(axe)
    result = await page.evaluate("axe.run(document)")
    await context.close()
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in result["violations"]] == []


CATEGORIES = "performance,accessibility,best-practices"
FULL = dict.fromkeys(CATEGORIES.split(","), 100)
ARTICLE = """<!doctype html><html lang="ko"><head><meta charset="utf-8"><title>기사</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="/favicon.svg">
<style>body { margin: 1rem; color: #222; font: 16px/1.7 NanumGothic, sans-serif }</style>HEAD</head>
<body><main><article><h1>기사 제목</h1>PARAGRAPHS</article></main>ELEMENT</body></html>""".replace(
    "PARAGRAPHS", "<p>기사 본문입니다. 시세판은 본문 밖에 둡니다.</p>" * 12
)


def lighthouse(url: str) -> tuple[dict[str, int], list[tuple[str, float]]]:
    """The three scores of a page, and every audit below full marks."""
    tool = npm("lighthouse") / "cli" / "index.js"
    command = [program("node", "nodejs"), str(tool), url, "--quiet", "--output=json"]
    command += [f"--only-categories={CATEGORIES}", "--chrome-flags=--headless=new --no-sandbox"]
    environment = {"CHROME_PATH": CHROMIUM, "PATH": "/usr/bin:/bin"}
    run = subprocess.run(command, check=False, capture_output=True, timeout=200, env=environment)
    assert run.stdout, run.stderr[-500:]
    report = json.loads(run.stdout)
    low = [(name, audit["score"]) for name, audit in report["audits"].items() if audit["score"] not in {None, 1}]
    return {name: round(100 * part["score"]) for name, part in report["categories"].items()}, low


async def test_lighthouse_gives_the_programs_page_full_marks(tmp_path: Path) -> None:
    with Program(tmp_path, "demo") as demo:
        await asyncio.to_thread(demo.ready)
        scores, low = await asyncio.to_thread(lighthouse, f"{demo.url}/embed/krw")
    assert scores == FULL, low


async def test_lighthouse_takes_no_point_from_an_article_with_the_element_beside_it(speaker: Speaker) -> None:
    script = '<script type="module" src="/widget.js"></script>'
    element = '<aside><crypto-ticker board="article" style="display:block;min-height:890px"></crypto-ticker></aside>'
    speaker.pages["/without"] = ARTICLE.replace("HEAD", "").replace("ELEMENT", "")
    speaker.pages["/with"] = ARTICLE.replace("HEAD", script).replace("ELEMENT", element)
    without, _ = await asyncio.to_thread(lighthouse, f"{speaker.url}/without")
    scores, low = await asyncio.to_thread(lighthouse, f"{speaker.url}/with")
    assert scores == without == FULL, low
    assert speaker.opened["stream"] > 0


@pytest.mark.parametrize("form", FORMS)
async def test_the_markup_is_valid(speaker: Speaker, tmp_path: Path, form: str) -> None:
    from ticker.sidebar.look import look_of  # noqa: PLC0415 - beside its use

    tool = npm("html-validate") / "bin" / "html-validate.mjs"
    rules = {"extends": ["html-validate:standard"], "rules": {"doctype-style": "off"}, "elements": ["html5"]}
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps({"root": True} | rules))
    (tmp_path / "page.html").write_text(speaker.embed(look=look_of({"form": form})), encoding="utf-8")
    command = [program("node", "nodejs"), str(tool), "page.html"]
    run = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
