"""What a delivery costs, beside peers measured interleaved in the same run.

    make bench-push            (needs gcc and two cores; about five minutes)

The server has one core, the readers' client the other. Each round runs every server once; medians of the rounds count.
Written to bench/results/push.json. Peers that cannot be installed here are named.
"""

import contextlib
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from bench.push.peers import Command, everybody, ours

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results"
ROUNDS, READERS, RATE, SECONDS = 3, 5000, 16, 4
SERVER, CLIENT = ("taskset", "-c", "0"), ("taskset", "-c", "1")


@contextlib.contextmanager
def running(*command: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process, once somebody listens on the port."""
    process = subprocess.Popen(command)
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def measure(folder: Path, name: str, command: Command, port: int) -> dict[str, Any]:
    with running(*SERVER, *command(port, RATE), port=port) as server, contextlib.ExitStack() as more:
        if name == "nchan":
            more.enter_context(running(*CLIENT, *ours("nchan-publish")(port, RATE), port=port))
        load = [*CLIENT, folder / "load", port, "/v1/stream/krw", READERS, SECONDS, server.pid]
        done = subprocess.run([str(part) for part in load], capture_output=True, check=True, timeout=180)
        return dict(orjson.loads(done.stdout))


def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        subprocess.run(["gcc", "-O2", "-Wall", "-o", folder / "load", HERE / "load.c"], check=True)
        servers, missing = everybody(folder)
        rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in servers}
        for number in range(ROUNDS):
            for place, (name, command) in enumerate(servers.items()):
                rounds[name].append(measure(folder, name, command, 9400 + number * 10 + place))
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
    result = {"setting": setting, "missing": missing, "medians": medians, "rounds": rounds}
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
    if missing:
        print(f"could not be installed here: {', '.join(missing)}")


if __name__ == "__main__":
    main()
