"""What the store promises against a real Redis."""

import asyncio
import itertools

from ticker.store import Reader


async def test_a_task_that_asks_redis_all_the_time_can_be_cancelled_at_any_moment(redis_url: str) -> None:
    """With redis-py's own `socket_timeout`, `asyncio.wait_for` lost more than half of these cancellations."""
    async with Reader(redis_url) as reader:
        for steps in range(100):
            asking = asyncio.create_task(_ask_forever(reader))
            for _ in range(steps):
                await asyncio.sleep(0)
            asking.cancel()
            done, _ = await asyncio.wait([asking], timeout=2)
            assert done, f"still asking {steps} steps later"


async def _ask_forever(reader: Reader) -> None:
    for _ in itertools.count():
        await reader.report()
