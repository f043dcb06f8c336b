"""I/O: simulated exchanges on loopback ports, trading for as long as they are served."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from aiohttp import web

from ticker.exchanges import EXCHANGES, Exchange
from ticker.sim.venue import Venue

STEP_S: Final = 0.05


@contextlib.asynccontextmanager
async def serve(venues: list[Venue]) -> AsyncIterator[dict[str, Exchange]]:
    """Run simulated exchanges on loopback; yields the registry's values aimed at them."""
    runners, aimed = [], {}
    for venue in venues:
        runner = web.AppRunner(venue.application(), access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        address = "{}:{}".format(*runner.addresses[0][:2])
        aimed[venue.protocol.name] = msgspec.structs.replace(
            EXCHANGES[venue.protocol.name], ws_url=f"ws://{address}{venue.protocol.path}", rest_url=f"http://{address}"
        )
    try:
        async with asyncio.TaskGroup() as tasks:
            trading = tasks.create_task(_trade(venues))
            try:
                yield aimed
            finally:
                trading.cancel()
    finally:
        for runner in runners:
            await runner.cleanup()


async def _trade(venues: list[Venue]) -> None:
    """Let the world trade and tell the subscribers."""
    by_name = {venue.protocol.name: venue for venue in venues}
    while True:
        for coin in venues[0].world.advance(venues[0].clock().wall):
            if coin.exchange in by_name:
                await by_name[coin.exchange].publish(coin)
        await asyncio.sleep(STEP_S)
