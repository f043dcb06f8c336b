"""A password of Redis or of a proxy is written nowhere, whatever goes wrong and whoever says so."""

import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program import free_port

SECRET = "hunter2"
ADDRESSES = (
    f"redis://me:{SECRET}@127.0.0.1:{{port}}/0",
    f"redis://127.0.0.1:{{port}}/0?username=me&password=a@{SECRET}",
    f"redis://:a/{SECRET}@127.0.0.1:{{port}}/0",
    f"rediss://me:a%40{SECRET}@127.0.0.1:{{port}}/0",
    f"unix://me:{SECRET}@/nowhere/redis.sock",
    f"redis+sentinel://me:{SECRET}@127.0.0.1:{{port}}/group?sentinel_password={SECRET}",
    f"redis+sentinel://me:{SECRET}@127.0.0.1:{{port}}/group?sentinel_pasword={SECRET}",
    f"http://me:{SECRET}@127.0.0.1:{{port}}",
)


def started(folder: Path, *arguments: str, **settings: str) -> "subprocess.Popen[str]":
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TICKER_")}
    environment |= {"TICKER_SERVER__PORT": "0", "TICKER_ADMIN__PORT": str(free_port()), "TICKER_LOG__LEVEL": "debug"}
    environment |= {"HTTPS_PROXY": f"http://me:{SECRET}@127.0.0.1:1"} | settings
    command = [sys.executable, "-m", "ticker", *arguments]
    return subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


class OldRedis(socketserver.StreamRequestHandler):
    """A Redis before 6: it does not know HELLO, and repeats what came with it."""

    def handle(self) -> None:
        while head := self.rfile.readline():
            words = []
            for _ in range(int(head[1:])):
                self.rfile.readline()
                words.append(self.rfile.readline().strip().decode())
            name, *others = (f"`{word}`, " for word in words)
            self.wfile.write(f"-ERR unknown command {name}with args beginning with: {''.join(others)}\r\n".encode())


@pytest.fixture
def old_redis() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), OldRedis) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"redis://me:{SECRET}@127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.timeout(90)
def test_no_password_is_written_that_redis_repeats(old_redis: str, tmp_path: Path) -> None:
    """Seen failing with Redis's own words."""
    commands = ("serve", "collect", "doctor", "verify BTC", "board krw freeze")
    for program in [started(tmp_path, *command.split(), TICKER_REDIS__URL=old_redis) for command in commands]:
        said, _ = program.communicate(timeout=60)
        assert "unknown command" in said, (program.args, said)
        assert SECRET not in said, (program.args, said)
        assert "Traceback" not in said, (program.args, said)


@pytest.mark.timeout(90)
def test_no_password_is_ever_written(tmp_path: Path) -> None:
    """Seen failing with an address that is cut at its last `@`: a password in the query may have one."""
    port = free_port()
    urls = [address.format(port=port) for address in ADDRESSES]
    programs = [started(tmp_path, "serve", TICKER_REDIS__URL=url) for url in urls]
    others = ("collect", "doctor", "check", "verify BTC", "board krw freeze")
    programs += [started(tmp_path, *command.split(), TICKER_REDIS__URL=urls[0]) for command in others]
    programs.append(started(tmp_path, "check", TICKER_REDIS__URL_FILE=urls[0]))
    programs.append(started(tmp_path, "check", HTTPS_PROXY=f"socks5://me:{SECRET}@127.0.0.1:1"))
    for program in programs:
        said, _ = program.communicate(timeout=60)
        assert said.strip()
        assert SECRET not in said, (program.args, said)
        assert "Traceback" not in said, (program.args, said)
