"""What 24 hours of minute samples of 500 markets cost in Redis, and how long all their references take to read."""

import statistics
import time
from decimal import Decimal

from frames import MARKETS, T

from ticker.history import History, ref_minute
from ticker.model import DAY, MINUTE
from ticker.sample import pack, unpack, unpack_minute
from ticker.store import Reader, Writer
from ticker.store.connection import raw
from ticker.store.writer import Batch

READS = 51


async def references(url: str) -> tuple[float, float]:
    """Milliseconds to read the references (the median of many reads), and bytes a sample."""
    async with Writer(url) as writer, Reader(url) as reader:
        await writer._redis.flushall()
        await writer.claim(T)
        size = await _write_a_day(writer)
        times = []
        for _ in range(READS):
            start = time.perf_counter()
            packed = raw(await reader._redis.get(f"ticker:v1:minute:{ref_minute(T)}") or b"")
            found = [unpack(sample) for sample in unpack_minute(packed)]
            times.append(time.perf_counter() - start)
            assert len(found) == MARKETS
            assert None not in found
        await writer.release()
    return statistics.median(times) * 1000, size


async def _write_a_day(writer: Writer) -> float:
    history = History()
    for i in range(MARKETS):
        history.open(f"upbit:C{i}/KRW")
    minutes = range(T - T % MINUTE - DAY - 2 * MINUTE, T, MINUTE)
    before = (await writer._redis.info("memory"))["used_memory_dataset"]
    for minute in minutes:
        samples = {(minute, slot): pack(Decimal(1000 + slot) / 7) for slot in range(MARKETS)}
        await writer.commit(Batch(T, {}, samples, history.slots))
    size = (await writer._redis.info("memory"))["used_memory_dataset"] - before
    return float(size / (len(minutes) * MARKETS))
