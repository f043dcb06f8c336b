"""Servers of other people to compare with, each installed into `.bench-tools/` or by apt; what is missing is named."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
TOOLS: Final = HERE.parents[1] / ".bench-tools"
NCHAN: Final = next(iter(Path("/usr/lib/nginx/modules").glob("ngx_nchan_module.so")), None)

Command = Callable[[int, float], list[str]]
"""(port, updates per second; 0 is as many as it goes) -> what to run."""


def ours(name: str) -> Command:
    """One of the servers in servers.py."""
    return lambda port, rate: [sys.executable, str(HERE / "servers.py"), name, str(port), str(rate)]


def limit(folder: Path) -> Command:
    """The C sender, built into a folder."""
    subprocess.run(["gcc", "-O2", "-Wall", "-o", folder / "limit", HERE / "limit.c"], check=True)
    return lambda port, rate: [str(folder / "limit"), str(port), str(rate)]


def picows() -> Command | None:
    """A websocket library in Cython, from PyPI."""
    target = TOOLS / "python"
    if not (target / "picows").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--target", target, "picows"], check=False)
    return ours("picows") if (target / "picows").is_dir() else None


def node_ws() -> Command | None:
    """The websocket library of Node, from npm."""
    if not shutil.which("npm"):
        return None
    if not (TOOLS / "node_modules" / "ws").is_dir():
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--prefix", TOOLS, "ws@8"], check=False)
    if not (TOOLS / "node_modules" / "ws").is_dir():
        return None
    return lambda port, rate: ["node", str(HERE / "ws.cjs"), str(TOOLS), str(port), str(rate)]


def nchan(folder: Path) -> Command | None:
    """nginx with its publish and subscribe module, from apt (`libnginx-mod-nchan`); servers.py publishes to it."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None or NCHAN is None:
        return None
    template = (HERE / "nchan.conf").read_text(encoding="utf-8")

    def command(port: int, _rate: float) -> list[str]:
        made = folder / f"nchan-{port}.conf"
        filled = template.replace("MODULE", str(NCHAN)).replace("PORT", str(port)).replace("FOLDER", str(folder))
        made.write_text(filled, encoding="utf-8")
        return [str(nginx), "-p", str(folder), "-c", str(made)]

    return command


def everybody(folder: Path) -> tuple[dict[str, Command], list[str]]:
    """Who can run here by name, and who is missing."""
    found = {
        "limit": limit(folder),
        "ticker": ours("ticker"),
        "picows": picows(),
        "nchan": nchan(folder),
        "websockets-uvloop": ours("websockets-uvloop"),
        "websockets-asyncio": ours("websockets-asyncio"),
        "aiohttp-uvloop": ours("aiohttp-uvloop"),
        "node-ws": node_ws(),
    }
    return {name: run for name, run in found.items() if run}, [name for name, run in found.items() if not run]
