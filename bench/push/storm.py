"""What others do to 1,500 readers: some come and go, stall, flood, or all knock at once.

    python bench/push/storm.py            (needs gcc and two cores; three minutes)

The delivery's p99 with each disturbance, against the quiet one of the same round; medians of three rounds. The server
has its default limits and one core. Where it is allowed everything here runs before other work on the machine, and the
readers' clock before the disturbance. Written to bench/results/storm.json.
"""

import asyncio
import base64
import contextlib
import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import uvloop

from bench.push import harness, servers
from ticker.settings import Server

ROUNDS, READERS, RATE, ROWS, SECONDS = 3, 1500, 20, 20, 6
DISTURBANCES = (
    "quiet",
    "2,000 join and leave a second",
    "20 stall",
    "50,000 messages, again and again",
    "20,000 connects",
)
PORT = 9560
KEY = base64.b64encode(bytes(16)).decode()
HELLO = (
    "GET /v1/stream/krw HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()
PING = b'\x81\x94\0\0\0\0{"op":"ping","id":1}'
AT_ONCE = struct.pack("ii", 1, 0)
"""Closed with a reset, no port waits."""


def knock(port: int) -> socket.socket:
    """A reader's socket with its question sent."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    reader.settimeout(10)
    reader.connect(("127.0.0.1", port))
    reader.sendall(HELLO)
    return reader


def join_and_leave(port: int, until: float) -> int:
    begin, count = time.monotonic(), 0
    while time.monotonic() < until:
        reader = knock(port)
        reader.recv(4096)
        reader.close()
        count += 1
        time.sleep(max(0.0, begin + count / 2000 - time.monotonic()))
    return count


def stall(port: int, until: float) -> int:
    readers = []
    for _ in range(20):
        readers.append(knock(port))
        readers[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    time.sleep(max(0.0, until - time.monotonic()))
    return len(readers)


def flood(port: int, until: float) -> int:
    sent = 0
    while time.monotonic() < until:
        reader = knock(port)
        with contextlib.suppress(OSError):  # thrown out: in again
            for _ in range(500):
                reader.sendall(PING * 100)
                sent += 100
        reader.close()
        time.sleep(0.1)
    return sent


def all_at_once(port: int, _until: float) -> int:
    def some(_number: int) -> int:
        held = [knock(port) for _ in range(500)]
        for reader in held:
            reader.close()
        return len(held)

    with ThreadPoolExecutor(20) as people:
        return sum(people.map(some, range(40)))


DEEDS = dict(zip(DISTURBANCES[1:], (join_and_leave, stall, flood, all_at_once), strict=True))


def disturb(name: str, port: int) -> None:
    begin = time.monotonic()
    done = DEEDS[name](port, begin + SECONDS + 2)
    print(f"{done} in {time.monotonic() - begin:.2f} s")


def measure(folder: Path, name: str, port: int) -> dict[str, Any]:
    own = [sys.executable, __file__]
    with harness.running(*own, "serve", port, RATE, ROWS, port=port) as pid:
        load = harness.load_command(folder, port, "/v1/stream/krw", READERS, SECONDS, pid, "start")
        readers = subprocess.Popen(load, stdout=subprocess.PIPE)
        time.sleep(1.5)  # they are there, and the clock runs
        storm = name != "quiet" and subprocess.Popen(
            ["taskset", "-c", "1", *own, "disturb", name, str(port)], stdout=subprocess.PIPE, text=True
        )
        told = harness.told_by(readers)
        said = storm.communicate(timeout=60)[0].strip() if storm else ""
        return told | {"disturbance": said}


def main() -> None:
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in DISTURBANCES}
    with tempfile.TemporaryDirectory() as made, harness.before_others():
        harness.build(Path(made))
        for number in range(ROUNDS):
            for place, name in enumerate(DISTURBANCES):
                rounds[name].append(measure(Path(made), name, PORT + number * 10 + place))
    quiet = rounds["quiet"]
    print("| meanwhile | what came of it | p50 ms | p99 ms | against quiet |\n| --- | --- | --- | --- | --- |")
    medians: dict[str, dict[str, float]] = {}
    for name, many in rounds.items():
        middle = {key: statistics.median(one[key] for one in many) for key in ("p50_ms", "p99_ms", "closed")}
        ratio = statistics.median(one["p99_ms"] / calm["p99_ms"] for one, calm in zip(many, quiet, strict=True))
        medians[name] = middle | {"p99_against_quiet": ratio}
        print(f"| {name} | {many[-1]['disturbance']} | {middle['p50_ms']:.1f} | {middle['p99_ms']:.1f} | {ratio:.2f} |")
    setting = {"readers": READERS, "updates_per_s": RATE, "rows": ROWS, "seconds": SECONDS, "rounds": ROUNDS}
    harness.write("storm", {"setting": setting, "medians": medians, "rounds": rounds})


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", port, rate, _rows]:
            os.environ["WAIT"] = "for the readers"
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(servers.ticker(int(port), float(rate), Server(port=int(port), flush_ms=0)))
        case ["disturb", name, port]:
            disturb(name, int(port))
        case _:
            main()
