"""A Redis that answers and refuses: passwords, TLS, replicas."""

import asyncio
import contextlib
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
import redis as redis_client
from websockets.sync.client import connect

from tests import certificates
from tests.exchanges import Exchanges
from tests.program import Program, free_port, two_ports, until, workers
from ticker.errors import StartError
from ticker.store import Reader

BOARD = '{"quote":"KRW","symbols":["BTC","XRP"],"sources":["bithumb","upbit"]}'
PASSWORD = "hidden"
BACK_S = 5.0
PATIENCE_S = 10
"""How long a program waits at its start for a Redis that is not there."""


@contextlib.contextmanager
def server(folder: Path, *options: str) -> Iterator["redis_client.Redis"]:
    """A Redis with the password, and its operator's connection."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", str(folder), "--requirepass", PASSWORD]
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)
    admin = redis_client.Redis(port=port, password=PASSWORD, socket_timeout=2)
    try:
        until(lambda: answers(admin))
        yield admin
    finally:
        admin.close()
        process.kill()
        process.wait()


def answers(admin: "redis_client.Redis") -> bool:
    with contextlib.suppress(redis_client.RedisError):
        return bool(admin.ping())
    return False


def url(admin: "redis_client.Redis") -> str:
    return f"redis://:{PASSWORD}@127.0.0.1:{admin.connection_pool.connection_kwargs['port']}"


def answer(where: str, path: str) -> int | None:
    """The status of an answer at one of a program's two ports; None where nobody answers."""
    try:
        with urllib.request.urlopen(where + path, timeout=5) as got:
            return int(got.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def states(program: Program) -> set[str]:
    return {row["state"] for row in program.rows("krw").values()}


def refuse_the_password(admin: "redis_client.Redis") -> None:
    admin.config_set("requirepass", "another")
    for kind in ("normal", "pubsub"):
        admin.client_kill_filter(_type=kind, skipme=True)


def become_a_replica(admin: "redis_client.Redis") -> None:
    admin.replicaof("127.0.0.1", "1")


def be_a_master(admin: "redis_client.Redis") -> None:
    admin.replicaof("NO", "ONE")


@pytest.mark.parametrize(
    ("refuse", "repent", "sentence"),
    [
        (refuse_the_password, lambda admin: admin.config_set("requirepass", PASSWORD), "it refuses the user or the"),
        (become_a_replica, be_a_master, "it is a read-only replica; set redis.url to its primary"),
    ],
    ids=["wrong password", "read-only replica"],
)
def test_a_redis_that_refuses_is_complained_of_once_and_tried_again(
    tmp_path: Path,
    refuse: Callable[["redis_client.Redis"], None],
    repent: Callable[["redis_client.Redis"], None],
    sentence: str,
) -> None:
    """Seen failing with a line for each attempt: five instead of one."""
    with contextlib.ExitStack() as stack:
        admin = stack.enter_context(server(tmp_path))
        exchanges = stack.enter_context(Exchanges())
        settings = {"redis__url": url(admin), "server__stale_after_s": "3", "boards__krw": BOARD, **exchanges.settings}
        collector = stack.enter_context(Program(tmp_path, "collect", **settings))
        reading = stack.enter_context(Program(tmp_path, "serve", **settings)).ready()
        until(lambda: states(reading) == {"live"}, reading)
        socket = stack.enter_context(connect(f"ws://127.0.0.1:{reading.port}/v1/stream"))
        refuse(admin)
        until(lambda: states(reading) == {"stale"}, reading)
        assert all(row["price"] for row in reading.rows("krw").values())
        told = [line for line in collector.log.read_text(encoding="utf-8").splitlines() if sentence in line]
        assert len(told) == 1
        assert PASSWORD not in collector.log.read_text(encoding="utf-8")
        repent(admin)
        until(lambda: states(reading) == {"live"}, reading, BACK_S)
        until(lambda: orjson.loads(socket.recv(timeout=5))["type"] == "update", reading)
        assert collector.process.poll() is reading.process.poll() is None


def test_a_redis_that_somebody_empties_is_filled_again_under_the_eyes_of_its_readers(tmp_path: Path) -> None:
    """Seen failing with a server that waits for the next revision of a board that counts from one again."""
    with contextlib.ExitStack() as stack:
        admin = stack.enter_context(server(tmp_path))
        exchanges = stack.enter_context(Exchanges())
        settings = {"redis__url": url(admin), "boards__krw": BOARD, **exchanges.settings}
        stack.enter_context(Program(tmp_path, "collect", **settings))
        reading = stack.enter_context(Program(tmp_path, "serve", **settings)).ready()
        until(lambda: states(reading) == {"live"}, reading)
        admin.hset("ticker:v1:board:krw", "revision", str(10**9))
        until(lambda: reading.json("/v1/snapshot")["seq"] > 10**9, reading)
        newest = reading.json("/v1/snapshot")["ts"]
        admin.flushall()
        until(lambda: reading.json("/v1/snapshot")["seq"] < 10**6, reading, BACK_S)
        until(
            lambda: reading.json("/v1/snapshot")["ts"] > newest + 2000 and states(reading) == {"live"}, reading, BACK_S
        )


@pytest.mark.parametrize("command", ["serve", "collect"])
def test_a_wrong_password_at_the_start_is_said_at_once_and_waited_out(tmp_path: Path, command: str) -> None:
    """Seen failing with a program that ends when it is refused, and with one that opens no port until it is let in."""
    secret = tmp_path / "url"
    with server(tmp_path) as admin:
        secret.write_text(url(admin) + "\n", encoding="utf-8")
        admin.config_set("requirepass", "another")
        off = dict.fromkeys(("exchanges__upbit__enabled", "exchanges__bithumb__enabled"), "false")
        with Program(tmp_path, command, redis__url_file=str(secret), boards__krw=BOARD, **off) as program:
            sentence = "it refuses the user or the password of redis.url"
            until(lambda: sentence in program.log.read_text(encoding="utf-8"), program)
            ports = [program.admin] + [program.url] * (command == "serve")
            until(lambda: all(answer(port, "/healthz") == 200 for port in ports), program)
            assert [answer(port, "/readyz") for port in ports] == [503 for _ in ports]
            assert answer(program.admin, "/metrics") == 200
            with pytest.raises(subprocess.TimeoutExpired):
                program.process.wait(PATIENCE_S + 1)
            assert program.log.read_text(encoding="utf-8").count(sentence) == 1
            admin.config_set("requirepass", PASSWORD)
            until(lambda: all(answer(port, "/readyz") == 200 for port in ports), program)
            until(lambda: "well again" in program.log.read_text(encoding="utf-8"), program)


def test_workers_wait_out_a_wrong_password_at_the_same_time(tmp_path: Path) -> None:
    """Seen failing with a second worker that was started when the first one had waited, six seconds later."""
    with server(tmp_path) as redis:
        redis.config_set("requirepass", "another")
        admin = two_ports()
        ports = [f"http://127.0.0.1:{port}" for port in (admin, admin + 1)]
        settings = {"redis__url": url(redis), "admin__port": str(admin), "boards__krw": BOARD}
        with Program(tmp_path, "serve", "--workers", "2", **settings) as program:
            until(lambda: len(workers(program)) == len(ports), program)
            assert [answer(port, "/healthz") for port in ports] == [None for _ in ports]
            until(lambda: all(answer(port, "/healthz") == 200 for port in ports), program)


def test_redis_is_reached_over_tls_and_only_with_the_right_authority(tmp_path: Path) -> None:
    """Seen failing with a certificate that is not checked."""
    port, folder = free_port(), certificates.make(tmp_path / "tls", "IP:127.0.0.1")
    files = {"cert-file": "own.pem", "key-file": "own.key", "ca-cert-file": "ca.pem"}
    tls = [word for key, name in files.items() for word in (f"--tls-{key}", str(folder / name))]
    with server(tmp_path, "--tls-port", str(port), "--tls-auth-clients", "no", *tls) as admin:
        address = f"rediss://:{PASSWORD}@127.0.0.1:{port}?ssl_ca_certs={folder}"
        settings = {"redis__url": f"{address}/ca.pem", "boards__krw": BOARD}
        with Program(tmp_path, "serve", **settings) as program, Program(tmp_path, "collect", **settings) as collector:
            program.ready()
            until(lambda: admin.get("ticker:v1:heartbeat"), collector)
        with Program(tmp_path, "serve", redis__url=f"{address}/other.pem") as program:
            assert program.process.wait(PATIENCE_S + 5) == 1
            said = program.log.read_text(encoding="utf-8")
            assert "certificate verify failed" in said
            assert PASSWORD not in said
            assert len(said.splitlines()) == 1


async def test_a_redis_that_is_still_loading_what_it_has_kept_is_waited_out() -> None:
    """A large one takes minutes. Seen failing when it counted as one that is away: the program ended after 10 s."""

    async def load(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            while await reader.read(4096):
                writer.write(b"-LOADING Redis is loading the dataset in memory\r\n")

    async with await asyncio.start_server(load, "127.0.0.1") as loading, asyncio.timeout(5):
        address = f"redis://127.0.0.1:{loading.sockets[0].getsockname()[1]}"
        async with Reader(address, persistent=True):
            pass
        with pytest.raises(StartError, match="still loading what it has kept; wait"):
            async with Reader(address):
                pass
