"""A proxy of `deploy/` as it is shipped, but for its ports, its paths and its servers."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program import free_port, until

DEPLOY = Path(__file__).parents[1] / "deploy"


def found(name: str, package: str) -> str:
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is None:
        pytest.skip(f"{name} is missing: apt-get install {package}")
    return path


def replaced(text: str, places: dict[str, str]) -> str:
    """Each must be there: a configuration that was rewritten must not be tested by half."""
    for old, new in places.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextlib.contextmanager
def nginx(folder: Path, *ports: int) -> Iterator[int]:
    """deploy/nginx.conf over TLS, with a certificate of its own, in front of servers on these ports; its own port."""
    program, openssl, public = found("nginx", "nginx-light"), found("openssl", "openssl"), free_port()
    certificate, key = folder / "fullchain.pem", folder / "privkey.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    make = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names]
    subprocess.run([*make, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True, timeout=30)
    shipped = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    servers = {
        line: "".join(line.replace("server:8080", f"127.0.0.1:{port}") for port in ports)
        for line in re.findall(r"^ +server server:8080.*\n", shipped, re.MULTILINE)
    }
    text = replaced(
        shipped,
        servers
        | {
            "/var/cache/nginx/ticker": f"{folder}/cache",
            "/etc/nginx/tls/": f"{folder}/",
            "listen 443 ssl": f"listen 127.0.0.1:{public} ssl",
            "listen 80;": f"listen 127.0.0.1:{free_port()};",
            "        listen [::]:443 ssl http2;\n": "",
            "        listen [::]:80;\n": "",
            "worker_rlimit_nofile 65536;": "",
            "worker_connections 32768": "worker_connections 512",
            "    include mime.types;\n": "",
        },
    )
    user = "user root; " if os.getuid() == 0 else ""  # else its workers could not read the test's folder
    own = f"{user}daemon off; pid {folder}/pid; error_log {folder}/log;\n"
    (folder / "nginx.conf").write_text(own + text, encoding="utf-8")
    with running([program, "-p", str(folder), "-c", str(folder / "nginx.conf")], folder / "log", public):
        yield public


@contextlib.contextmanager
def caddy(folder: Path, port: int) -> Iterator[int]:
    """deploy/Caddyfile without a certificate; its port."""
    program, public = found("caddy", "caddy"), free_port()
    (folder / "Caddyfile").write_text(
        "{\n\tadmin off\n}\n" + (DEPLOY / "Caddyfile").read_text(encoding="utf-8"), encoding="utf-8"
    )
    environment = {"SITE_ADDRESS": f"http://:{public}", "SERVER_NAME": "localhost", "SERVER_PORT": str(port)}
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "PATH": os.environ["PATH"]}
    command = [program, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    with running(command, folder / "log", public, environment | home):
        yield public


@contextlib.contextmanager
def running(command: list[str], log: Path, port: int, environment: dict[str, str] | None = None) -> Iterator[None]:
    with log.open("ab") as output, subprocess.Popen(command, stdout=output, stderr=output, env=environment) as process:
        try:
            until(lambda: process.poll() is not None or listens(port))
            assert process.poll() is None, log.read_text(encoding="utf-8")
            yield
        finally:
            process.terminate()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
