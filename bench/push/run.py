"""What a delivery costs, beside peers measured interleaved in the same run.

    make bench-push            (needs gcc and two cores; about three minutes)

The server has one core, the readers' client the other. Each round runs every server once; medians of the rounds count.
Written to bench/results/push.json. Peers that are not measured: picows, Node ws, nchan (not installed by this project).
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results"
SERVERS = ("limit", "ticker", "websockets-uvloop", "websockets-asyncio", "aiohttp-uvloop")
ROUNDS, READERS, RATE, SECONDS = 3, 3000, 20, 4


def build(folder: Path) -> None:
    for name in ("load", "limit"):
        subprocess.run(["gcc", "-O2", "-Wall", "-o", folder / name, HERE / f"{name}.c"], check=True)


def measure(folder: Path, name: str, port: int) -> dict[str, Any]:
    if name == "limit":
        command = [str(folder / "limit"), str(port), str(RATE)]
    else:
        command = [sys.executable, str(HERE / "servers.py"), name, str(port), str(RATE)]
    server = subprocess.Popen(["taskset", "-c", "0", *command])
    try:
        time.sleep(1.5)
        load = ["taskset", "-c", "1", folder / "load", port, "/v1/stream/krw", READERS, SECONDS, server.pid]
        done = subprocess.run([str(part) for part in load], capture_output=True, check=True, timeout=120)
        return dict(orjson.loads(done.stdout))
    finally:
        server.kill()
        server.wait()


def main() -> None:
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in SERVERS}
    with tempfile.TemporaryDirectory() as made:
        build(Path(made))
        for number in range(ROUNDS):
            for place, name in enumerate(SERVERS):
                rounds[name].append(measure(Path(made), name, 9400 + number * 10 + place))
    keys = (
        "cpu_us",
        "user_us",
        "handshake_us",
        "kib_per_connection",
        "p50_ms",
        "p99_ms",
        "frames_per_s",
        "client_cores",
    )
    medians = {
        name: {key: statistics.median(one[key] for one in many) for key in keys} for name, many in rounds.items()
    }
    limit = medians["limit"]["cpu_us"]
    RESULTS.mkdir(exist_ok=True)
    setting = {"readers": READERS, "updates_per_s": RATE, "seconds": SECONDS, "rounds": ROUNDS}
    result = {"setting": setting, "medians": medians, "rounds": rounds}
    (RESULTS / "push.json").write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2))
    print(
        "| server | CPU µs | user µs | vs C | KiB/conn | handshake µs | p99 ms |\n"
        "| --- | --- | --- | --- | --- | --- | --- |"
    )
    for name, m in sorted(medians.items(), key=lambda pair: pair[1]["cpu_us"]):
        print(
            f"| {name} | {m['cpu_us']:.2f} | {m['user_us']:.2f} | {m['cpu_us'] / limit:.2f} |"
            f" {m['kib_per_connection']:.1f} | {m['handshake_us']:.0f} | {m['p99_ms']:.1f} |"
        )


if __name__ == "__main__":
    main()
