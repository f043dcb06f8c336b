"""Every form in light and dark at 280, 320 and 400 px, as PNGs in docs/screenshots/, from `ticker demo`.

The list and the strip show the article's frozen rows; the card a coin that moved in the last 24 hours.

Run by hand after a change of the sidebar's look, and look at them: `python -m bench.screenshots`.
"""

import asyncio
import struct
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.program import Program

FOLDER = Path(__file__).parent.parent / "docs" / "screenshots"
FORMS = {"list": "", "strip": "", "card": "&symbols=ETH"}
WIDTHS = (280, 320, 400)
MOST_BYTES = 40_000


async def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    await shots(("list", "strip"), "demo", "--frozen")
    await shots(("card",), "demo")


async def shots(forms: Iterable[str], *command: str) -> None:
    with tempfile.TemporaryDirectory() as folder, Program(Path(folder), *command) as program:
        await asyncio.to_thread(program.ready)
        while any(row["change_pct"] is None for row in program.rows("article").values()):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, "--disable-lcd-text"])
            for form in forms:
                for theme in ("light", "dark"):
                    for width in WIDTHS:
                        address = f"{program.url}/embed/article?form={form}&theme={theme}{FORMS[form]}"
                        save(f"{form}-{theme}-{width}.png", smaller(await shoot(browser, address, width)))
            await browser.close()


async def shoot(browser: Browser, address: str, width: int) -> bytes:
    """The page as a reader at rest sees it, prices and controls included."""
    tab = await browser.new_page(viewport={"width": width, "height": 100}, reduced_motion="reduce")
    await tab.goto(address)
    await tab.locator(".ct-pause").wait_for()
    if "form=card" in address:
        await tab.locator("svg path").last.wait_for()
    await tab.wait_for_timeout(300)
    png = await tab.screenshot(full_page=True)
    await tab.close()
    return png


def save(name: str, png: bytes) -> None:
    (FOLDER / name).write_bytes(png)
    print(f"{name}: {len(png)} bytes{' (too large)' if len(png) > MOST_BYTES else ''}")


def smaller(png: bytes) -> bytes:
    """The same picture with a palette of its 256 commonest colours, near enough for text and flat areas."""
    chunks = list(read_chunks(png))
    width, height, _, colour = struct.unpack(">IIBB", chunks[0][1][:10])
    step = {2: 3, 6: 4}[colour]
    lines = unfiltered(zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT")), width * step, step)
    pixels = [[bytes(line[x : x + 3]) for x in range(0, len(line), step)] for line in lines]
    colours = [colour for colour, _ in Counter(pixel for line in pixels for pixel in line).most_common(256)]
    place = {colour: index for index, colour in enumerate(colours)}

    def index(pixel: bytes) -> int:
        if pixel not in place:
            near = min(colours, key=lambda known: sum((a - b) ** 2 for a, b in zip(known, pixel, strict=True)))
            place[pixel] = place[near]
        return place[pixel]

    body = zlib.compress(b"".join(b"\0" + bytes(map(index, line)) for line in pixels), 9)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = [(b"IHDR", header), (b"PLTE", b"".join(colours)), (b"IDAT", body), (b"IEND", b"")]
    return png[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def read_chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12


def unfiltered(raw: bytes, stride: int, step: int) -> Iterator[bytearray]:
    """PNG's five line filters undone (RFC 2083, section 6)."""
    above = bytearray(stride)
    for start in range(0, len(raw), stride + 1):
        kind, line = raw[start], bytearray(raw[start + 1 : start + 1 + stride])
        for i in range(stride):
            left, up, corner = (line[i - step], above[i], above[i - step]) if i >= step else (0, above[i], 0)
            guess = left + up - corner
            nearest = min((left, up, corner), key=lambda value, guess=guess: abs(guess - value))  # type: ignore[misc]
            line[i] = line[i] + (0, left, up, (left + up) // 2, nearest)[kind] & 0xFF
        yield line
        above = line


if __name__ == "__main__":
    asyncio.run(main())
