"""What every contestant does: read one request a line on stdin, do it, answer one figure a line on stdout.

Only the standard library: the peers' own environment reads this too.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable

from frames import frames

WARM = 2_000
"""Frames read before the clock starts: caches are filled, every market has its price."""
COUNT = 30_000
BATCH = 2_000
"""Frames that arrive while one batch is written: at 100,000 a second one takes about 20 ms."""

Handle = Callable[[str | bytes, int], Awaitable[None] | None]
"""One frame, with its number."""


async def per_core_second(kind: str, handle: Handle, flush: Callable[[], Awaitable[object]] | None) -> float:
    """Frames per second of this process's own CPU time; with `flush` after each batch."""
    made = frames(kind, WARM + COUNT)
    await _spent(made[:WARM], handle, flush, 0)
    gc.collect()
    spent = await _spent(made[WARM:], handle, flush, WARM)
    return COUNT / spent


async def _spent(
    made: list[str | bytes], handle: Handle, flush: Callable[[], Awaitable[object]] | None, first: int
) -> float:
    start = time.process_time()
    for at in range(0, len(made), BATCH):
        for number, frame in enumerate(made[at : at + BATCH], first + at):
            waiting = handle(frame, number)
            if waiting is not None:
                await waiting
        if flush is not None:
            await flush()
    return time.process_time() - start


def serve(measure: Callable[[str, str, str, int], Awaitable[float | None]]) -> None:
    """Requests are [task, kind, Redis host, Redis port]; the answer is null for what the contestant cannot read."""
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            print(json.dumps(runner.run(measure(*json.loads(line)))), flush=True)
