"""A hundred thousand sidebars on one machine: six workers of `ticker serve`, one update a second.

    make bench-hundred, or python bench/push/hundred.py [READERS] [UPDATES_PER_SECOND]       (needs gcc, about 3 GB)

Redis, the six workers and six readers' clients (C) share the machine's cores. Each update is one row, written as a
collector does; a delivery takes from the row's `ts` to the reader's clock, Redis and the flush included. Memory is the
workers' proportional share (PSS). Written to bench/results/hundred.json.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from bench.push import harness
from ticker import clock
from ticker.model import Row
from ticker.store import Writer, embedded
from ticker.store.writer import Batch

WORKERS, SECONDS, PORT, ADMIN = 6, 20, 9600, 9610
READERS: Final = int(sys.argv[1]) if len(sys.argv) > 1 else 100_200
RATE: Final = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
ADDRESSES: Final = 3
"""Source addresses of each client."""


def environment(url: str) -> dict[str, str]:
    settings = {
        "REDIS__URL": url,
        "SERVER__PORT": PORT,
        "SERVER__MAX_CLIENTS": 19_000,
        "SERVER__HANDSHAKES_PER_S": 100_000,
        "SERVER__FLUSH_MS": int(900 / RATE),
        "ADMIN__PORT": ADMIN,
    }
    return os.environ | {f"TICKER_{key}": str(value) for key, value in settings.items()}


async def feed(url: str) -> None:
    """What a collector writes: one row a time."""
    async with Writer(url) as store:
        await store.claim(clock.now().wall)
        loop, number = asyncio.get_running_loop(), 0
        due = loop.time()
        while True:
            number, now = number + 1, clock.now().wall
            price = str(57_000_000 + number)
            row = Row("BTC", price, 0, "3.79", "55780000", now - 1, "history", "upbit", now, now, "live")
            await store.commit(Batch(now, {"krw": [row]}))
            due += 1 / RATE
            await asyncio.sleep(max(0.0, due - loop.time()))


def workers(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def cores(pids: list[int]) -> Iterator[float]:
    """CPU seconds of each."""
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        yield (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes(pids: list[int]) -> float:
    lines = [
        line
        for pid in pids
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        if line.startswith("Pss:")
    ]
    return sum(int(line.split()[1]) for line in lines) / 1024


def clients_of(admin: int) -> int:
    """The readers of one worker, as it tells itself."""
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=5) as answer:
        return int(float(answer.read().decode().partition("\nticker_push_clients ")[2].split()[0]))


async def read(folder: Path, number: int, pid: int) -> asyncio.subprocess.Process:
    """One client, once all its readers are there."""
    words = [folder / "load", PORT, "/v1/stream/krw", READERS // WORKERS, SECONDS, pid, "wait"]
    words.append(f"address={number * ADDRESSES}")
    process = await asyncio.create_subprocess_exec(*map(str, words), stdout=subprocess.PIPE)
    assert process.stdout is not None
    if await process.stdout.readline() != b"open\n":
        raise SystemExit("a client could not open its readers")
    print(f"{READERS // WORKERS} more readers are there", flush=True)
    return process


async def measure(folder: Path, url: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "ticker", "serve", "--workers", str(WORKERS)]
    server = await asyncio.create_subprocess_exec(*command, env=environment(url))
    feeding = asyncio.create_task(feed(url))
    try:
        for number in range(WORKERS):
            await asyncio.to_thread(harness.wait_for, ADMIN + number, "/readyz")
        pids = workers(server.pid)
        clients = [await read(folder, number, pids[0]) for number in range(WORKERS)]
        each = [clients_of(ADMIN + number) for number in range(WORKERS)]
        before, memory = list(cores(pids)), megabytes(pids)
        for client in clients:
            client.send_signal(signal.SIGUSR1)
        told = [orjson.loads((await client.communicate())[0]) for client in clients]
        used = [after - first for after, first in zip(cores(pids), before, strict=True)]
        return {"clients": told, "readers_of_each": each, "cores": sum(used) / (SECONDS + 1), "pss_mb": memory}
    finally:
        feeding.cancel()
        server.terminate()
        await server.wait()


def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        harness.build(Path(made))
        with embedded.server(Path(made) / "redis") as url:
            result = asyncio.run(measure(Path(made), url))
    clients = result["clients"]
    result["setting"] = {"readers": READERS, "workers": WORKERS, "updates_per_s": RATE, "seconds": SECONDS}
    result["open"] = sum(client["open"] for client in clients)
    result["closed"] = sum(client["closed"] for client in clients)
    result["frames"] = sum(client["frames"] for client in clients)
    result["p99_ms"] = [client["p99_ms"] for client in clients]
    result["p50_ms"] = [client["p50_ms"] for client in clients]
    harness.write("hundred", result)
    told = ("open", "closed", "readers_of_each", "frames", "p50_ms", "p99_ms", "cores", "pss_mb")
    summary = {key: result[key] for key in told}
    print(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode())


if __name__ == "__main__":
    main()
