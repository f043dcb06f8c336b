"""Live prices in a Python program: install the wheel of a release, start `ticker demo`, then `python prices.py`."""  # noqa: INP001

import asyncio
import sys

from ticker.client import rows

URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"


async def main() -> None:
    """Print every row of three coins, and each again whenever it changes. Reconnecting is the client's business."""
    async for row in rows(URL, "krw", ["BTC", "ETH", "XRP"]):
        if row.state == "live":
            print(f"{row.name} {row.price} ({row.change_pct or '—'} %) {row.source}", flush=True)  # noqa: T201
        else:
            print(f"{row.name} {row.price or '—'} is {row.reason or row.state}", flush=True)  # noqa: T201


asyncio.run(main())
