"""I/O: when a process is to end."""

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine

from ticker.store import embedded

log = logging.getLogger(__name__)


async def asked_to_end() -> int:
    """Wait for SIGTERM, SIGINT, or the end of the private Redis; a second SIGTERM or SIGINT ends the process at once.

    Its exit code is then that of a command a shell has killed.
    """
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[int] = loop.create_future()

    def ask(number: int) -> None:
        if not asked.done():
            log.info("%s: ending", signal.Signals(number).name)
            asked.set_result(number)
        elif number != embedded.ENDED:
            os._exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT, embedded.ENDED):
        loop.add_signal_handler(number, ask, number)
    return await asked


async def until_asked(*works: Coroutine[None, None, None]) -> None:
    """Do all this until then."""
    async with asyncio.TaskGroup() as tasks:
        working = [tasks.create_task(work) for work in works]
        await asked_to_end()
        for task in working:
            task.cancel()
