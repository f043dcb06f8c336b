"""I/O: when a process is to end."""

import asyncio
import os
import signal
from collections.abc import Coroutine

from ticker.store import embedded


async def asked_to_end() -> None:
    """SIGTERM, SIGINT, or the end of the private Redis; a second SIGTERM or SIGINT ends the process at once.

    Its exit code is then that of a command a shell has killed.
    """
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask(number: int) -> None:
        if asked.is_set():
            os._exit(128 + number)
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask, number)
    loop.add_signal_handler(embedded.ENDED, asked.set)
    await asked.wait()


async def until_asked(*works: Coroutine[None, None, None]) -> None:
    """Do all this until then."""
    async with asyncio.TaskGroup() as tasks:
        working = [tasks.create_task(work) for work in works]
        await asked_to_end()
        for task in working:
            task.cancel()
