"""What the log tells of the lease."""

import asyncio
import logging

import pytest

from tests.pipeline import eventually
from ticker.collect.lease import Lease
from ticker.model import Instant
from ticker.store import Writer, why
from ticker.store.writer import Claim


class Store(Writer):
    """A Redis that is away, then another collector's, then ours."""

    def __init__(self, *answers: Claim | Exception) -> None:
        super().__init__("redis://127.0.0.1:1/0")
        self.answers = list(answers)

    async def claim(self, _now: int, *, heir: bool = True) -> Claim:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def read(_claim: Claim) -> None:
    pass


async def test_who_stands_by_says_that_redis_is_well_again_and_when_it_takes_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Seen failing with a collector that says so with its first batch, hours later, and says nothing of that."""
    store = Store(ConnectionError("away"), "taken", "taken", "held")
    lease = Lease(store, lambda: Instant(0, 0), lambda error: store.complaints.failed(why(error)))
    with caplog.at_level(logging.INFO, "ticker"):
        taking = asyncio.create_task(lease.take(read))
        assert await eventually(lambda: len(store.answers) == 1, 5)
        about = "writing to redis://127.0.0.1:1/0"
        until_now = [f"{about}: away", "another collector is at work: standing by", f"{about}: well again"]
        assert (caplog.messages, lease.answered) == (until_now, True)
        await taking
    assert caplog.messages == [*until_now, "at work: this collector writes the prices from now on"]
