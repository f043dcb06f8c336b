"""I/O: several server processes on one public port: started, watched, started again when one dies, ended together.

A worker is this same program (`ticker serve --worker I`); a line on its standard output says that it listens.
"""

import asyncio
import contextlib
import logging
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from ticker.child import die_with_parent
from ticker.complaints import Complaints

log = logging.getLogger(__name__)

READY: Final = b"ready\n"
AHEAD_S: Final = 2.0
"""A first worker that neither listens nor ended by now waits for Redis; the others need not wait for it."""
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 20.0
GOOD_S: Final = 60.0
"""A worker that lived for this long is started again without much waiting."""


def say_ready(_url: str) -> None:
    """What a worker does once it listens."""
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()


class Worker:
    """One of the processes."""

    def __init__(self, number: int, command: Sequence[str]) -> None:
        self.number = number
        self._command = command
        self._complaints = Complaints(log, f"worker {number}")
        self._process: Process | None = None
        self._listens = False
        self._outdated = False
        """It may have read the configuration before it changed."""

    async def start(self) -> bool:
        """Start it; whether it listens. A session of its own keeps the terminal's Ctrl-C from being told twice."""
        self._listens = False
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=DEVNULL, stdout=PIPE, start_new_session=True, preexec_fn=die_with_parent
            )
        except OSError as error:  # the machine has no memory, process or file for it
            self._process = None
            self._complaints.failed(f"cannot be started: {error.strerror}")
            return False
        said = await self._process.stdout.readline() if self._process.stdout else b""
        self._listens = said == READY
        if self._listens:
            self._complaints.well()
        if self._listens and self._outdated:
            self.reload()
        return self._listens

    def reload(self) -> None:
        """Have it read its configuration again, now or as soon as it listens."""
        self._outdated = not self._listens
        if self._listens:
            self.signal(signal.SIGHUP)

    async def keep(self) -> None:
        """Start it again whenever it dies, forever, and more slowly each time."""
        clock, wait = asyncio.get_running_loop().time, FIRST_WAIT_S
        began = clock()
        while True:
            code = await self.ended()
            self._listens = False
            wait = FIRST_WAIT_S if clock() - began > GOOD_S else wait
            if code is not None:
                log.warning("worker %d %s: starting it again in %.1f s", self.number, _told(code), wait)
            await asyncio.sleep(wait)
            began, wait = clock(), min(2 * wait, LONGEST_WAIT_S)
            await self.start()

    async def ended(self) -> int | None:
        """Wait for its end; its exit code, negative for a signal; None where it could not be started."""
        return await self._process.wait() if self._process else None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


async def supervise(
    workers: Sequence[Worker],
    stop: Coroutine[None, None, object],
    reloading: Coroutine[None, None, None],
    grace_s: Callable[[], float],
) -> int:
    """Keep the workers until `stop`, then end them within `grace_s`, asked for then; the exit code of the whole."""
    async with asyncio.TaskGroup() as tasks:
        stopping, starting = tasks.create_task(stop), tasks.create_task(_start(workers))
        reloads = tasks.create_task(reloading)
        await asyncio.wait((stopping, starting), return_when=asyncio.FIRST_COMPLETED)
        code = starting.result() if starting.done() else 0
        if not code and not stopping.done():
            keeping = [tasks.create_task(worker.keep()) for worker in workers]
            await stopping
            for keeper in keeping:
                keeper.cancel()
        stopping.cancel()
        starting.cancel()
        reloads.cancel()
    return await _end(workers, grace_s()) or code


async def _start(workers: Sequence[Worker]) -> int:
    """The first one ahead, so that what keeps all of them from starting is said once; 0, or the exit code."""
    starts = [asyncio.create_task(_begin(workers[0]))]
    try:
        await asyncio.wait(starts, timeout=AHEAD_S)
        if not (starts[0].done() and starts[0].result()):
            starts += [asyncio.create_task(_begin(worker)) for worker in workers[1:]]
        for start in asyncio.as_completed(starts):
            if code := await start:
                return code
        return 0
    finally:
        for started in starts:
            started.cancel()


async def _begin(worker: Worker) -> int:
    """Start one; 0 once it listens, or the exit code."""
    if await worker.start():
        return 0
    code = await worker.ended()
    if code is not None and code <= 0:  # it could not say why itself
        log.error("worker %d %s at start", worker.number, _told(code))
    return max(code or 0, 1)


async def _end(workers: Sequence[Worker], grace_s: float) -> int:
    """Let everybody drain at the same time; whoever does not end is killed, which is a failure."""
    for worker in workers:
        worker.signal(signal.SIGTERM)
    ends = {asyncio.create_task(worker.ended()): worker for worker in workers}
    _, slow = await asyncio.wait(ends, timeout=grace_s)
    for end in slow:
        log.error("worker %d did not end within %g s: killed", ends[end].number, grace_s)
        ends[end].signal(signal.SIGKILL)
        await end
    return 1 if slow else 0


def _told(code: int) -> str:
    return f"ended with {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
