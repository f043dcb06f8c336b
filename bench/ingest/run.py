"""How fast prices go in, beside cryptofeed and ccxt.pro, measured interleaved in the same run.

    make bench-ingest            (about three minutes; the first time it installs the peers into .bench-peers)

Frames per second of the contestant's own CPU time, all of them fed the same frames by the same loop (contest.py). Each
round runs everybody once on each kind of frame; medians of the rounds count, and a ratio is the median of the rounds'
ratios. What each contestant does with a frame stands at the head of ours.py, cryptofeed_peer.py and ccxt_peer.py.
Written to bench/results/ingest.json. Ends with 1 when a goal is missed; peers that cannot be installed are named.
"""

import asyncio
import contextlib
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contest import BATCH, COUNT
from frames import KINDS, MARKETS
from redis import Redis
from references import references

from ticker.store import embedded

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "ingest.json"
PEERS = HERE.parent.parent / ".bench-peers"
ROUNDS = 5
ACCEPT, STREAM, SORTED = "accept", "redis", "redis, sorted sets"
WANTED = HERE / "peers.txt"
VERSIONS = dict(line.split("==") for line in WANTED.read_text(encoding="utf-8").splitlines() if "==" in line)
OURS, CRYPTOFEED, CCXT = "ticker", f"cryptofeed {VERSIONS['cryptofeed']}", f"ccxt.pro {VERSIONS['ccxt']}"
TASKS = {OURS: (ACCEPT, STREAM), CRYPTOFEED: (ACCEPT, STREAM, SORTED), CCXT: (ACCEPT,)}
Figures = dict[str, dict[str, dict[str, list[float]]]]
"""Task -> kind of frame -> contestant -> the figure of each round."""


def install() -> str | None:
    """The peers' Python; None when they cannot be installed."""
    python, done = PEERS / "bin" / "python", PEERS / "installed.txt"
    if done.exists() and done.read_bytes() == WANTED.read_bytes():
        return str(python)
    venv.create(PEERS, with_pip=True, clear=True)
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", WANTED]
    if subprocess.run(command, check=False).returncode:
        return None
    done.write_bytes(WANTED.read_bytes())
    return str(python)


@contextlib.contextmanager
def server() -> Iterator[int]:
    """A Redis on loopback that keeps nothing; cryptofeed cannot use a unix socket."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [*embedded._binary(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            yield port
        finally:
            process.terminate()
            process.wait()


class Contestant:
    """A process that answers one figure for each request."""

    def __init__(self, python: str, script: str) -> None:
        environment = os.environ | {"PYTHONPATH": str(HERE.parent.parent)}
        self._process = subprocess.Popen(
            [python, str(HERE / script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def measure(self, task: str, kind: str, port: int) -> float | None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([task, kind, "127.0.0.1", port]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"a contestant ended during {task}, {kind}: what it said stands above")
        return None if answer == "null\n" else float(answer)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def compare(contestants: dict[str, Contestant], port: int) -> Figures:
    figures: Figures = {}
    redis = Redis(port=port)
    for _ in range(ROUNDS):
        for kind in KINDS:
            for name, contestant in contestants.items():
                for task in TASKS[name]:
                    redis.flushall()
                    figure = contestant.measure(task, kind, port)
                    if figure is not None:
                        figures.setdefault(task, {}).setdefault(kind, {}).setdefault(name, []).append(figure)
    redis.close()
    return figures


def ratios(figures: Figures) -> dict[str, dict[str, float]]:
    """Ours over each peer's, by what was compared."""
    found: dict[str, dict[str, float]] = {}
    for task, kinds in figures.items():
        for kind, rounds in kinds.items():
            ours = figures[ACCEPT if task == ACCEPT else STREAM][kind][OURS]
            for name, theirs in rounds.items():
                if name != OURS:
                    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
                    found.setdefault(f"{name}: {task}", {})[kind] = round(ratio, 2)
    return found


def goals(medians: dict[str, Any], against: dict[str, dict[str, float]], ms: float, size: float) -> dict[str, Any]:
    """(measured, goal, met) of each promise; measured is None where the peer is missing."""
    redis = [found for what, found in against.items() if what.startswith(CRYPTOFEED) and ACCEPT not in what]
    least = min((ratio for found in redis for ratio in found.values()), default=None)
    return {
        "parse and accept, ticks per core-second, the slowest kind": at_least(
            min(kind[OURS] for kind in medians[ACCEPT].values()), 150_000
        ),
        "frame to Redis, ticks per core-second, the slowest kind": at_least(
            min(kind[OURS] for kind in medians[STREAM].values()), 100_000
        ),
        "frame to Redis over cryptofeed's faster backend, the least": at_least(least, 2),
        "references of 500 markets, ms": (round(ms, 3), 1, ms <= 1),
        "bytes per minute sample in Redis": (round(size, 2), 10, size <= 10),
    }


def at_least(measured: float | None, goal: float) -> tuple[float | None, float, bool | None]:
    return measured, goal, None if measured is None else measured >= goal


def table(medians: dict[str, Any]) -> None:
    names = [name for name in TASKS if any(name in kind for kind in medians[ACCEPT].values())]
    print("| frames | " + " | ".join(names) + " |\n| --- |" + " --- |" * len(names))
    for task, kinds in medians.items():
        for kind, found in kinds.items():
            cells = [f"{found[name]:,}" if name in found else "—" for name in names]
            print(f"| {task}: {kind} | " + " | ".join(cells) + " |")


def main() -> int:
    python = install()
    contestants = {OURS: Contestant(sys.executable, "ours.py")}
    if python:
        contestants[CRYPTOFEED] = Contestant(python, "cryptofeed_peer.py")
        contestants[CCXT] = Contestant(python, "ccxt_peer.py")
    with server() as port:
        time.sleep(0.5)
        try:
            figures = compare(contestants, port)
        finally:
            for contestant in contestants.values():
                contestant.close()
        ms, size = asyncio.run(references(f"redis://127.0.0.1:{port}"))
    medians = {
        task: {
            kind: {name: round(statistics.median(many)) for name, many in rounds.items()}
            for kind, rounds in kinds.items()
        }
        for task, kinds in figures.items()
    }
    against = ratios(figures)
    met = goals(medians, against, ms, size)
    missing = [] if python else [CRYPTOFEED, CCXT]
    setting = {
        "markets": MARKETS,
        "frames": COUNT,
        "batch": BATCH,
        "rounds": ROUNDS,
        "python": platform.python_version(),
    }
    result = {"setting": setting, "missing": missing, "medians": medians, "ratios": against, "goals": met}
    RESULTS.write_text(json.dumps(result | {"rounds": figures}, indent=1) + "\n", encoding="utf-8")
    table(medians)
    print("\nticker over " + "\nticker over ".join(f"{what}: {found}" for what, found in against.items()))
    for name in missing:
        print(f"MISSING: {name} could not be installed, and was not compared")
    for name, (measured, goal, reached) in met.items():
        word = "not measured" if reached is None else "met" if reached else "MISSED"
        print(f"{word:12} {name}: {measured} (goal {goal})")
    return int(any(reached is False for _, _, reached in met.values()))


if __name__ == "__main__":
    sys.exit(main())
