"""From a trade at an exchange to its readers, through the whole program.

    python bench/push/latency.py            (needs gcc; half a minute)

A simulated exchange trades 100 times a second and stamps each frame with its own clock, in ms; `ticker run` with
`flush_ms = 0` collects, writes to its private Redis, and pushes; 200 readers (C) take their clock when a frame comes.
Where it is allowed everything here runs before other work on the machine. Written to bench/results/latency.json.
"""

import asyncio
import contextlib
import itertools
import re
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from bench.push import harness
from ticker import clock, sim
from ticker.exchanges import Exchange
from ticker.settings import COINS
from ticker.sim.venue import Venue
from ticker.sim.world import Coin

READERS, TICKS, SECONDS, ROUNDS = 200, 100, 8, 3
PORT, ADMIN = 9480, 9481
CONFIG: Final = """
[server]
port = {port}
flush_ms = 0
[admin]
port = {admin}
[redis]
data_dir = "{folder}/data"
[exchanges.upbit]
ws_url = "{ws_url}"
rest_url = "{rest_url}"
[boards.krw]
sources = ["upbit"]
"""


class Still(sim.World):
    """Nothing trades by itself."""

    def advance(self, now: int) -> list[Coin]:  # noqa: ARG002 - the world's signature
        return []


async def trade(venue: Venue) -> None:
    """Trades at an even pace, coin after coin."""
    loop = asyncio.get_running_loop()
    begin, coins = loop.time(), [coin for coin in venue.coins.values() if coin.symbol in COINS]
    for number in itertools.count():
        await asyncio.sleep(begin + number / TICKS - loop.time())
        coin = coins[number % len(coins)]
        coin.trade(clock.now().wall)
        await venue.publish(coin)


@contextlib.asynccontextmanager
async def program(folder: Path, exchange: Exchange) -> AsyncIterator[int]:
    """`ticker run` with one exchange; its process id once it serves."""
    config = folder / "ticker.toml"
    config.write_text(
        CONFIG.format(port=PORT, admin=ADMIN, folder=folder, ws_url=exchange.ws_url, rest_url=exchange.rest_url)
    )
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ticker", "run", "--config", str(config), stderr=subprocess.DEVNULL
    )
    try:
        await asyncio.to_thread(harness.wait_for, PORT, "/readyz")
        yield server.pid
    finally:
        server.kill()
        await server.wait()


def inside() -> dict[str, float]:
    """The server's own figures: how many trades, and how many of them took at most 5 ms, as /metrics tells."""
    with urllib.request.urlopen(f"http://127.0.0.1:{ADMIN}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    found = dict(re.findall(r'delay_seconds_bucket\{le="([^"]+)",since="trade"\} (\S+)', text))
    return {"trades": float(found["+Inf"]), "at_most_5_ms": float(found["0.005"])}


async def measure(folder: Path) -> dict[str, Any]:
    venue = Venue(sim.protocol("upbit"), Still(clock.now().wall, ("upbit",)), clock.now)
    async with sim.serve([venue]) as aimed, program(folder, aimed["upbit"]) as pid:
        trading = asyncio.create_task(trade(venue))
        await asyncio.sleep(5)  # yesterday is being filled
        told = await asyncio.to_thread(harness.load, folder, PORT, "/v1/stream/krw", READERS, SECONDS, pid)
        trading.cancel()
        return told | inside()


def main() -> None:
    rounds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as made, harness.before_others():
            harness.build(Path(made))
            rounds.append(asyncio.run(measure(Path(made))))
    keys = ("p50_ms", "p99_ms", "frames_per_s", "server_cores", "client_cores")
    medians = {key: statistics.median(one[key] for one in rounds) for key in keys}
    setting = {"readers": READERS, "ticks_per_s": TICKS, "seconds": SECONDS, "rounds": ROUNDS, "flush_ms": 0}
    harness.write("latency", {"setting": setting, "medians": medians, "rounds": rounds})
    print(f"tick to client: p50 {medians['p50_ms']:.2f} ms, p99 {medians['p99_ms']:.2f} ms")


if __name__ == "__main__":
    main()
