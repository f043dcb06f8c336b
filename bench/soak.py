"""Hours of everything at once: every simulated exchange, readers who come and go, and one random fault after another.

    make soak                                (two hours)
    make soak SOAK_S=1800 SOAK_SEED=7        (half an hour, the faults of seed 7 again)

Two collectors, two servers, one Redis, each reached over a link of its own. One collector and one server are never
killed: their memory, sockets and tasks are what is measured, once the lease has changed hands often enough for all that
a takeover needs for a moment to have been needed. Exit code 1 when something was seen that must not be, or memory grew.
Written to bench/results/soak.json.
"""

import contextlib
import os
import random
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from bench.soak_faults import Fault, draw, freezing
from bench.soak_growth import decided, grown, record
from tests.crowd import Readers
from tests.network import Link
from tests.program import Program, until
from tests.redis_server import RedisServer
from tests.stage import Stage, board, close_before
from tests.watcher import Watcher
from ticker.exchanges import EXCHANGES
from ticker.model import MINUTE
from ticker.sim.world import WON

SYMBOLS = ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "TRX", "LINK", "XLM", "BCH")
READERS = 2000
LIFE_S = 60.0
SAMPLE_S = 10.0
CALM_S = 45.0
"""After a fault everything is live again within this long."""
SLACK_S = 4.0
WARM_UP = 25
"""How often the lease goes away and comes back first. A collector's memory stood still after 25 to 35 times."""
COMPLAINTS = ('"level":"error"', "Traceback", "never retrieved")
RESULT = Path(__file__).parent / "results" / "soak.json"


class Soak:
    """The whole installation, and what was seen of it."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack, chance: random.Random) -> None:
        self.chance = chance
        self.stage = stack.enter_context(Stage(*EXCHANGES))
        self.redis = RedisServer(folder)
        stack.callback(self.redis.end)
        self.boards = {name.lower(): sources for name, sources in by_quote().items()}
        settings = self.stage.settings(
            {name: board(name.upper(), SYMBOLS, *sources) for name, sources in self.boards.items()}
        )
        self.links: dict[str, Link] = {}
        self.programs: dict[str, Program] = {}
        for name in ("collect steady", "collect other", "serve steady", "serve other"):
            link = self.links[name] = self.stage.do(Link(self.redis.port).open())
            stack.callback(self.stage.do, link.close())
            place = folder / name.replace(" ", "-")
            place.mkdir()
            url = {"redis__url": f"redis://127.0.0.1:{link.port}"}
            self.programs[name] = stack.enter_context(Program(place, name.split()[0], **settings, **url))
            if name == "collect steady":
                until(lambda: self.redis.admin.exists("ticker:v1:lease"), self.programs[name], 90)  # it is the first
        self.watchers = [
            Watcher(self.programs[server].url, name, self.stage.world.coins)
            for server in ("serve steady", "serve other")
            for name in self.boards
        ]
        self.samples: dict[str, list[dict[str, float]]] = {"collect steady": [], "serve steady": []}
        self.problems: list[str] = []
        self.dead: dict[str, float] = {}
        """Exchange -> since when it delivers nothing."""
        self.nonsense: list[tuple[str, float, float]] = []
        """(exchange, from, to): when it did not tell what was traded."""

    def begin(self, stack: contextlib.ExitStack) -> Readers:
        for name in ("serve steady", "serve other"):
            until(lambda p=self.programs[name]: p.status("/readyz") == 200, self.programs[name], 90)
        for watcher in self.watchers:
            self.stage.background.start(watcher.run())
        streams = [
            f"{self.programs[name].url}/v1/stream/krw?interval_ms=1000" for name in self.programs if "serve" in name
        ]
        return stack.enter_context(Readers(READERS, *streams, life_s=LIFE_S))

    # -- what is looked at --------------------------------------------------------------------------------------------

    def calm(self) -> bool:
        """Every reader sees every row live."""
        return all(watcher.current() for watcher in self.watchers)

    def sample(self) -> None:
        for name, samples in self.samples.items():
            told = figures(f"{self.programs[name].admin}/metrics")
            pid = self.programs[name].process.pid
            memory = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * 4
            sockets = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()) - told.get("ticker_push_clients", 0)
            samples.append(
                {"at": time.monotonic(), "rss_kb": memory, "files": sockets, "tasks": told["ticker_process_tasks"]}
            )

    def look(self) -> None:
        """What must hold at every moment."""
        now = time.monotonic()
        for name, program in self.programs.items():
            if program.process.poll() is not None and "steady" in name:
                self.problems.append(f"{name} has ended with {program.process.returncode}")
        for exchange, since in self.dead.items():
            patience = max(15.0, EXCHANGES[exchange].silence_s) + SLACK_S
            for watcher in self.watchers if now - since > patience else ():
                live = [row.symbol for row in watcher.rows.values() if row.source == exchange and row.state == "live"]
                if live:
                    self.problems.append(f"{exchange} is dead for {now - since:.0f} s, and live: {live}")

    def look_at_history(self) -> None:
        """Every minute that is told is told as it was."""
        for name in self.boards:
            with contextlib.suppress(OSError):
                told = self.programs["serve steady"].json(f"/v1/history/{name}/{self.chance.choice(SYMBOLS)}")
                coin = self.stage.world.coins[told["source"]][told["symbol"]]
                for end, price in told["points"]:
                    settled = end < time.time() * 1000 - 90_000 and not self.bent(told["source"], end)
                    if settled and str(price) != plain(close_before(coin, end - MINUTE)):
                        self.problems.append(f"{told['source']}:{told['symbol']} at {end} was not {price}")

    def bent(self, exchange: str, end: int) -> bool:
        """Whether the exchange told nonsense in a minute: the last price before it was kept then."""
        return any(at < end and end - MINUTE < until_ for name, at, until_ in self.nonsense if name == exchange)

    def wait(self, seconds: float, until_: Callable[[], bool] = lambda: False) -> bool:
        """Look at everything for a while; True as soon as a condition holds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            if time.monotonic() - self.samples["serve steady"][-1]["at"] >= SAMPLE_S:
                self.sample()
            if until_():
                return True
            time.sleep(0.5)
        return until_()

    def suffer(self, fault: Fault) -> None:
        with contextlib.ExitStack() as healing:
            fault.begin(self, healing)
            if fault.mutes:
                self.dead[fault.mutes] = time.monotonic()
            at = time.time() * 1000
            self.wait(self.chance.uniform(*fault.seconds))
            self.nonsense.append((fault.name.split()[0], at - MINUTE, time.time() * 1000 + MINUTE))
            self.dead.clear()
        began = time.monotonic()
        if not self.wait(CALM_S, self.calm):
            states = [Counter(row.state for row in watcher.rows.values()) for watcher in self.watchers]
            self.problems.append(f"{fault.name}: not calm after {CALM_S} s: {states}")
        seen = len(self.problems) + sum(len(watcher.faults) for watcher in self.watchers)
        memory = ", ".join(f"{name} {samples[-1]['rss_kb'] / 1024:.1f} MB" for name, samples in self.samples.items())
        print(f"{fault.name}: calm after {time.monotonic() - began:.1f} s; {memory}; {seen} problems", flush=True)

    def warm_up(self) -> None:
        """Everything as large as it gets: all readers on one server, and each collector at work again and again."""
        self.sample()
        steady = self.programs["serve steady"]
        self.programs["serve other"].stop()
        most = 0.9 * READERS  # the others are on their way
        until(lambda: figures(f"{steady.admin}/metrics")["ticker_push_clients"] >= most, steady, 90)
        self.programs["serve other"].start()
        for _ in range(WARM_UP):
            for name in ("collect steady", "collect other"):
                self.suffer(freezing(name)._replace(seconds=(4.5, 5.0)))
        for samples in self.samples.values():
            samples.clear()
        self.sample()

    def complaints(self) -> list[str]:
        """Errors that were logged, what the readers saw, and what has grown."""
        for name, samples in self.samples.items():
            self.problems += [f"{name} has {more}" for more in grown(samples)]
        logged = []
        for name, program in self.programs.items():
            lines = program.log.read_text(encoding="utf-8").splitlines()
            logged += [f"{name}: {line[:400]}" for line in lines if any(word in line for word in COMPLAINTS)]
        return [*self.problems, *logged, *(fault for watcher in self.watchers for fault in watcher.faults)]


def by_quote() -> dict[str, list[str]]:
    quotes: dict[str, list[str]] = {}
    for name in EXCHANGES:
        quotes.setdefault(next(quote for quote in EXCHANGES[name].quotes if quote in WON), []).append(name)
    return quotes


def plain(price: Any) -> str:
    text = format(price, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def figures(url: str) -> dict[str, float]:
    with urllib.request.urlopen(url, timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


def main() -> int:
    seconds = float(os.environ.get("SOAK_S", "7200"))
    seed = int(os.environ.get("SOAK_SEED", time.time_ns() % 1_000_000))
    print(f"seed {seed}, {seconds:.0f} s", flush=True)
    chance, happened = random.Random(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        soak = Soak(Path(folder), stack, chance)
        readers = soak.begin(stack)
        until(soak.calm, soak.programs["collect steady"], 180)
        soak.warm_up()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            fault = draw(chance)
            happened[fault.name] += 1
            soak.suffer(fault)
            soak.look_at_history()
            soak.wait(chance.uniform(2, 10))
        soak.wait(CALM_S, soak.calm)
        soak.sample()
        problems = soak.complaints()
        result = {
            "seconds": seconds,
            "seed": seed,
            "faults": dict(happened),
            "readers": {"open": readers.open, **readers.lines[-1]},
            "growth": {name: record(samples) for name, samples in soak.samples.items()},
            "last": {name: samples[-1] for name, samples in soak.samples.items()},
            "problems": problems[:50],
        }
    if not all(decided(samples) for samples in soak.samples.values()):
        print("too short a run to tell memory that grows by 1 MB an hour: two hours do", file=sys.stderr)
    RESULT.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
    print(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
