"""How fast prices go in: parse and accept, the whole way to Redis, references of 500 markets, bytes per sample.

    make bench-ingest

One core, one process; each figure is the best of three rounds. Written to bench/results/ingest.json.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import orjson

from ticker.collect.outbox import Outbox
from ticker.exchanges import EXCHANGES
from ticker.exchanges.exchange import read
from ticker.history import History, pack, ref_minute, unpack, unpack_minute
from ticker.market import Prices
from ticker.model import DAY, MINUTE, Board, Instant, Market, Tick
from ticker.store import Reader, Writer, embedded
from ticker.store.writer import Batch

RESULTS = Path(__file__).parent / "results"
T = 1_790_000_000_000
MARKETS = 500
TICKS = 60_000
BATCH = 2_000
"""Ticks that arrive while one batch is written, at the rate measured: a batch takes about 20 ms."""


def board() -> Board:
    symbols = tuple(f"C{i}" for i in range(MARKETS))
    names = {symbol: {"ko": symbol, "en": symbol} for symbol in symbols}
    return Board("bench", "KRW", symbols, ("upbit",), {"ko": "", "en": ""}, names)


def frames() -> list[bytes]:
    """Full ticker frames of 500 markets, as the exchange sends them, prices moving a little."""
    made = []
    for i in range(TICKS):
        price = 1000 + i % MARKETS + (i // MARKETS) % 7
        made.append(
            orjson.dumps(
                {
                    "type": "ticker",
                    "code": f"KRW-C{i % MARKETS}",
                    "opening_price": 1000.0,
                    "high_price": 1100.0,
                    "low_price": 900.0,
                    "trade_price": float(price),
                    "prev_closing_price": 1000.0,
                    "change": "RISE",
                    "signed_change_rate": 0.0123456789,
                    "trade_volume": 0.0123,
                    "acc_trade_volume_24h": 12345.678,
                    "trade_date": "20260923",
                    "trade_time": "121833",
                    "trade_timestamp": T + i,
                    "market_state": "ACTIVE",
                    "is_trading_suspended": False,
                    "delisting_date": None,
                    "market_warning": "NONE",
                    "timestamp": T + i + 40,
                    "stream_type": "REALTIME",
                }
            )
        )
    return made


def prices() -> Prices:
    made = Prices({"bench": board()}, EXCHANGES, 15)
    made.watch(Market("upbit", f"C{i}", "KRW", f"KRW-C{i}") for i in range(MARKETS))
    return made


def best(rounds: int, work: Callable[[], float]) -> float:
    return max(work() for _ in range(rounds))


def accept(made: list[bytes]) -> float:
    """Ticks per core-second from frame to accepted price."""
    upbit, target, memory = EXCHANGES["upbit"], prices(), {}  # type: ignore[var-annotated]
    start = time.process_time()
    for i, frame in enumerate(made):
        now = Instant(T + i, i)
        for event in read(upbit, frame, memory):
            if isinstance(event, Tick):
                target.tick("upbit", 1, event, now)
    return len(made) / (time.process_time() - start)


async def whole_way(made: list[bytes], url: str) -> float:
    """Ticks per core-second from frame through guard and rows into Redis, in batches as a busy collector writes."""
    upbit, target, memory = EXCHANGES["upbit"], prices(), {}  # type: ignore[var-annotated]
    async with Writer(url) as writer:
        await writer.claim(T)
        outbox = Outbox(target, target.boards, writer, lambda: Instant(T, 0))
        start = time.process_time()
        for at in range(0, len(made), BATCH):
            for i, frame in enumerate(made[at : at + BATCH]):
                now = Instant(T + at + i, at + i)
                for event in read(upbit, frame, memory):
                    if isinstance(event, Tick):
                        target.tick("upbit", 1, event, now)
            await outbox.send()
        spent = time.process_time() - start
        await writer.release()
    return len(made) / spent


async def references(url: str) -> tuple[float, float]:
    """Milliseconds to read the 24-hour references of 500 markets, and bytes per sample in Redis."""
    async with Writer(url) as writer, Reader(url) as reader:
        await writer._redis.flushall()
        await writer.claim(T)
        history = History()
        for i in range(MARKETS):
            history.open(f"upbit:C{i}/KRW")
        minutes = range(T - T % MINUTE - DAY - 2 * MINUTE, T, MINUTE)
        before = (await writer._redis.info("memory"))["used_memory_dataset"]
        for minute in minutes:
            samples = {(minute, slot): pack(Decimal(1000 + slot) / 7) for slot in range(MARKETS)}
            await writer.commit(Batch(T, {}, samples, history.slots))
        size = (await writer._redis.info("memory"))["used_memory_dataset"] - before
        times = []
        for _ in range(50):
            start = time.perf_counter()
            packed = await reader._redis.get(f"ticker:v1:minute:{ref_minute(T)}")
            found = [unpack(sample) for sample in unpack_minute(packed or b"")]  # type: ignore[arg-type]
            times.append(time.perf_counter() - start)
            assert len(found) == MARKETS
        await writer.release()
    return sorted(times)[25] * 1000, size / (len(minutes) * MARKETS)


async def main() -> None:
    made = frames()
    with tempfile.TemporaryDirectory() as folder, embedded.server(Path(folder)) as url:
        figures = {
            "parse_and_accept_per_core_s": round(best(3, lambda: accept(made))),
            "to_redis_per_core_s": round(max([await whole_way(made, url) for _ in range(3)])),
        }
        ms, size = await references(url)
    figures |= {"references_500_ms": round(ms, 3), "bytes_per_sample": round(size, 2)}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "ingest.json").write_bytes(
        orjson.dumps({"python": sys.version.split()[0]} | figures, option=orjson.OPT_INDENT_2)
    )
    for name, value in figures.items():
        print(f"{name:32} {value:>12,}")


if __name__ == "__main__":
    asyncio.run(main())
