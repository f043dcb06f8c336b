"""Live prices in a Python program: install the wheel of a release, start `ticker demo`, then `python prices.py`."""  # noqa: INP001

import asyncio
import sys

from ticker.client import rows
from ticker.errors import TickerError

URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
BOARD = sys.argv[2] if len(sys.argv) > 2 else "krw"  # noqa: PLR2004


async def main() -> None:
    """Print every row of three coins, and each again whenever it changes. Reconnecting is the client's business."""
    async for row in rows(URL, BOARD, ["BTC", "ETH", "XRP"]):
        if row.state == "live":
            print(f"{row.name} {row.price} ({row.change_pct or '—'} %) {row.source}", flush=True)  # noqa: T201
        else:
            print(f"{row.name} {row.price or '—'} is {row.reason or row.state}", flush=True)  # noqa: T201


try:
    asyncio.run(main())
except TickerError as no:  # the server's own words: no such board, no such coin
    sys.exit(str(no))
