"""What a reader costs in other ways than one small update: opening, staying, many rows, compression, thousands at once.

    python bench/push/figures.py [WORDS OF A SCENE]           (needs gcc and two cores; about six minutes)

As in run.py: the server on one core, the readers (C) on the other, three rounds of everything in turn, medians.
Written to bench/results/figures.json.
"""

import contextlib
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from bench.push import harness

ROUNDS = 3


class Scene(NamedTuple):
    """One server under one load; `size`: how many rows ours has in an update, how many bytes the others have."""

    server: str
    readers: int
    rate: float
    size: int = 0
    deflate: bool = False
    seconds: float = 3
    timed: bool = False
    """It is about time: it runs before other work on the machine, where that is allowed."""


SCENES = {
    "one small update": [Scene("limit", 3000, 20, timed=True), Scene("ticker", 3000, 20, timed=True)],
    "ten rows an update": [Scene("limit", 5000, 15, size=1100), Scene("ticker", 5000, 15, size=10)],
    "opening, first snapshot of 20 rows included": [
        Scene("ticker", 5000, 0.1, size=20, seconds=1),
        Scene("limit", 5000, 0.1, seconds=1),
        Scene("websockets-uvloop", 5000, 0.1, seconds=1),
    ],
    "10,000 readers, 5 updates a second": [
        Scene("limit", 10_000, 5, seconds=4, timed=True),
        Scene("ticker", 10_000, 5, seconds=4, timed=True),
        Scene("websockets-uvloop", 10_000, 5, seconds=4, timed=True),
    ],
    "23 rows, plain and compressed": [
        Scene("ticker", 3000, 20, size=23),
        Scene("ticker", 3000, 20, size=23, deflate=True),
    ],
}


def play(folder: Path, scene: Scene, port: int) -> dict[str, Any]:
    more = ["deflate"] if scene.deflate else []
    first = harness.before_others() if scene.timed else contextlib.nullcontext()
    with first, harness.server(folder, scene.server, port, scene.rate, scene.size or "") as pid:
        return harness.load(folder, port, "/v1/stream/krw", scene.readers, scene.seconds, pid, "start", *more)


def main() -> None:
    rounds: dict[str, list[list[dict[str, Any]]]] = {title: [[] for _ in scenes] for title, scenes in SCENES.items()}
    chosen = {title: scenes for title, scenes in SCENES.items() if all(word in title for word in sys.argv[1:])}
    with tempfile.TemporaryDirectory() as made:
        harness.build(Path(made))
        for number in range(ROUNDS):
            for title, scenes in chosen.items():
                for place, scene in enumerate(scenes):
                    rounds[title][place].append(play(Path(made), scene, 9500 + number * 10 + place))
    result: dict[str, Any] = {}
    for title, scenes in chosen.items():
        print(f"\n{title}\n| server | CPU µs | user µs | KiB/conn | handshake µs | bytes | p50 ms | p99 ms |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        result[title] = [summary(scene, many) for scene, many in zip(scenes, rounds[title], strict=True)]
    file = harness.RESULTS / "figures.json"
    known = orjson.loads(file.read_bytes())["scenes"] if file.exists() else {}
    harness.write("figures", {"rounds_each": ROUNDS, "scenes": known | result})


def summary(scene: Scene, many: list[dict[str, Any]]) -> dict[str, Any]:
    middle = {key: statistics.median(one[key] for one in many) for key in many[0]}
    print(
        f"| {scene.server}{' compressed' if scene.deflate else ''} | {middle['cpu_us']:.2f} | {middle['user_us']:.2f} |"
        f" {middle['kib_per_connection']:.1f} | {middle['handshake_us']:.0f} | {middle['bytes_per_frame']:.0f} |"
        f" {middle['p50_ms']:.0f} | {middle['p99_ms']:.0f} |"
    )
    return {"scene": scene._asdict(), "medians": middle, "rounds": many}


if __name__ == "__main__":
    main()
