"""What a snapshot of 20 rows costs by HTTP, beside nginx with the same bytes in a file, and aiohttp.

    python bench/push/snapshot.py            (needs wrk, nginx and two cores; two minutes)

The server has one core, wrk with 64 connections the other; CPU is the server's, per request. Medians of three
interleaved rounds, the whole body and 304. Written to bench/results/snapshot.json.
"""

import asyncio
import contextlib
import http.client
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import uvloop
from aiohttp import web

from bench.push import harness

ROUNDS, SECONDS, PORT = 3, 3, 9700
URL: Final = "http://127.0.0.1:{}/v1/snapshot"
NGINX: Final = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


async def aiohttp_answers(port: int, body: bytes, tag: str = "snapshot") -> None:
    """A handler as one writes it: the body is prepared, the tag compared."""

    async def snapshot(request: web.Request) -> web.Response:
        headers = {"Cache-Control": "public, max-age=1", "Access-Control-Allow-Origin": "*"}
        known = {known.value for known in request.if_none_match or ()}
        answer = web.Response(headers=headers, **{"status": 304} if tag in known else {"body": body})
        answer.etag = tag
        return answer

    app = web.Application()
    app.router.add_get("/v1/snapshot", snapshot)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
    await asyncio.Event().wait()


def cpu_of(pid: int) -> float:
    """Seconds a process has been on a core."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fetched(port: int) -> tuple[bytes, str]:
    """A body and its tag."""
    with urllib.request.urlopen(URL.format(port), timeout=5) as answer:
        return answer.read(), answer.headers["ETag"]


def status_of(port: int, tag: str) -> int:
    """The status of an answer to somebody who has the body already."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    link.request("GET", "/v1/snapshot", headers={"If-None-Match": tag})
    status = link.getresponse().status
    link.close()
    return status


def asked(port: int, pid: int, *, tag: str = "") -> dict[str, float]:
    known = ["-H", f"If-None-Match: {tag}"] if tag else []
    before = cpu_of(pid)
    command = ["taskset", "-c", "1", "wrk", "-t1", "-c64", f"-d{SECONDS}", *known, URL.format(port)]
    told = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    requests = int(re.findall(r"(\d+) requests in", told)[0])
    failed = re.findall(r"Non-2xx or 3xx responses: (\d+)|Socket errors", told)
    if failed:
        raise RuntimeError(told)
    return {"requests_per_s": requests / SECONDS, "cpu_us": (cpu_of(pid) - before) / requests * 1e6}


def commands(folder: Path, port: int) -> dict[str, list[object]]:
    """The servers; nginx and aiohttp tell what is in `snapshot.json`."""
    python = sys.executable
    config = folder / "nginx.conf"
    text = (harness.HERE / "nginx.conf").read_text(encoding="utf-8")
    config.write_text(text.replace("FOLDER", str(folder)).replace("PORT", str(port + 1)), encoding="utf-8")
    found: dict[str, list[object]] = {"ticker": [python, harness.HERE / "servers.py", "ticker", port, 1, 20]}
    if NGINX:
        found["nginx"] = [NGINX, "-p", folder, "-c", config]
    return found | {"aiohttp": [python, __file__, "serve", port + 2, folder / "snapshot.json"]}


def play(folder: Path, port: int) -> dict[str, dict[str, dict[str, float]]]:
    """One round."""
    made, told = commands(folder, port), {}
    for place, (name, command) in enumerate(made.items()):
        with harness.running(*command, port=port + place) as pid:
            body, tag = fetched(port + place)
            if name == "ticker":
                (folder / "snapshot.json").write_bytes(body)
            if status_of(port + place, tag) != HTTPStatus.NOT_MODIFIED:
                raise RuntimeError(f"{name} does not know its own tag")
            told[name] = {"200": asked(port + place, pid), "304": asked(port + place, pid, tag=tag)}
    return told


def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        rounds = [play(Path(made), PORT + 10 * number) for number in range(ROUNDS)]
        size = (Path(made) / "snapshot.json").stat().st_size
    medians: dict[str, Any] = {
        name: {
            status: {key: statistics.median(one[name][status][key] for one in rounds) for key in figures}
            for status, figures in statuses.items()
        }
        for name, statuses in rounds[0].items()
    }
    print(f"{size} bytes\n| server | 200 CPU µs | per core-second | 304 CPU µs | per core-second |")
    print("| --- | --- | --- | --- | --- |")
    for name, found in medians.items():
        whole, short = found["200"]["cpu_us"], found["304"]["cpu_us"]
        print(f"| {name} | {whole:.1f} | {1e6 / whole:.0f} | {short:.1f} | {1e6 / short:.0f} |")
    setting = {"bytes": size, "seconds": SECONDS, "connections": 64}
    missing = [] if NGINX else ["nginx"]
    harness.write("snapshot", {"setting": setting, "missing": missing, "medians": medians, "rounds": rounds})


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(aiohttp_answers(int(sys.argv[2]), Path(sys.argv[3]).read_bytes()))
    else:
        main()
