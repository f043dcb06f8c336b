"""How much machine so many readers need, from what was measured: writes the table of docs/sizing.md.

python -m bench.sizing
"""

import json
import math
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "sizing.md"
READERS = (1_000, 10_000, 100_000, 1_000_000)
BUSY = 0.5  # of a core: the other half is for the walk over many sockets, bursts and comebacks
PER_PROCESS = 15_000  # server.max_clients
PROCESS_MB = 60  # one `ticker serve` without readers: 58 MB measured
KERNEL_KIB = 10  # assumed: what the kernel keeps for an idle TCP socket and its send buffer
PACKET_BYTES = 88  # Ethernet, IP, TCP and TLS around each message
PORTS = 28_232  # Linux's ephemeral ports, per address of a proxy and port of a server
SPARE_FILES = 200
COLUMNS = (
    *("readers", "cores", "processes", "memory", "Mbit/s at 200 ms", "at 1 s", "at 5 s"),
    *("files a process", "proxy–server pairs"),
)
HEAD = f"| {' | '.join(COLUMNS)} |"


def measured() -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Per delivery and reader; per interval."""
    push, traffic = (
        json.loads((ROOT / f"bench/results/{name}.json").read_text("utf-8")) for name in ("push", "traffic")
    )
    return push["medians"]["ticker"], traffic["readers"]


def row(readers: int) -> str:
    """One line of the table: cores for the interval of 1 s, compressed as browsers ask for it."""
    push, traffic = measured()
    processes = max(1, math.ceil(readers / PER_PROCESS))
    cores = readers * traffic["1000 deflate"]["messages_per_s"] * push["cpu_us"] / 1e6 / BUSY
    memory = processes * PROCESS_MB / 1000 + readers * (push["kib_per_connection"] + KERNEL_KIB) * 1024 / 1e9
    speeds = [
        readers * (said["bytes_per_s"] + said["messages_per_s"] * PACKET_BYTES) * 8 / 1e6
        for said in (traffic[f"{interval} deflate"] for interval in (200, 1000, 5000))
    ]
    files = min(readers, PER_PROCESS) + SPARE_FILES
    cells = [f"{readers:,}", f"{cores:.1f}" if cores >= 0.1 else "0.1", str(processes), f"{memory:.1f} GB"]
    cells += [f"{speed:,.0f}" for speed in speeds]
    cells += [f"{files:,}", str(math.ceil(readers / PORTS))]
    return f"| {' | '.join(cells)} |"


def table() -> str:
    """The whole table."""
    rule = re.sub(r"[^|]+", " --- ", HEAD)
    return "\n".join([HEAD, rule, *map(row, READERS)])


def page(text: str) -> str:
    """The page with its table written anew."""
    head, _, rest = text.partition("| readers |")
    return head + table() + "\n\n" + rest.partition("\n\n")[2]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(table())
