"""A password of Redis or of a proxy is written nowhere, whatever goes wrong and whoever says so."""

import os
import subprocess
import sys
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
