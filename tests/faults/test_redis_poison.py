"""Somebody who may write to Redis writes nonsense everywhere: it is left out, and readers notice next to nothing."""

import time
from pathlib import Path

import orjson
import redis as redis_client
from websockets.sync.client import connect

from tests.faults.test_redis import alive, whole
from tests.program import Program, until
from tests.redis_server import RedisServer

NONSENSE = (b"x", b"\xff\xfe", b"{}", b"[]", b"-1", b"9" * 30, b'{"symbol":"BTC","price":"NaN","state":"live"}')
PATHS = ("/v1/status", "/status", "/v1/holds", "/v1/boards", "/embed/article")
MESSAGES = (
    *NONSENSE,
    b'{"fence":9007199254740992,"ts":1,"boards":{"article":{"revision":1,"ts":1,"rows":[]}}}',
    b'{"fence":9007199254740992,"ts":1,"boards":{"nobody":{"revision":1,"ts":1,"rows":[]}}}',
    b'{"fence":9007199254740992,"ts":1,"edited":true}',
)


def poison(admin: redis_client.Redis, value: bytes, coin: str) -> None:
    """The same nonsense wherever a value can be; one coin's day, for a server reads each only every few seconds."""
    for key in ("status", "holds", "heartbeat", "fence"):
        admin.set(f"ticker:v1:{key}", value)
    for board in ("article", "krw"):
        for field in ("revision", "ts", "BTC", value):
            admin.hset(f"ticker:v1:board:{board}", field, value)
        for field in ("hidden", "revision", "ts"):
            admin.hset(f"ticker:v1:editor:{board}", field, value)
    admin.hset("ticker:v1:slots", f"upbit:{coin}/KRW", value)
    admin.rpush("ticker:v1:accepts", value)


def test_nonsense_in_every_key_is_left_out_and_written_over(tmp_path: Path) -> None:
    """Fails when a revision, a slot or an editor's field that is none ends a process or stops a collector's writing."""
    redis_server = RedisServer(tmp_path)
    try:
        settings = {"redis__url": redis_server.url, "server__stale_after_s": "3"}
        with Program(tmp_path, "demo", **settings) as program:
            program.ready()
            until(lambda: alive(program) and whole(program), program)
            coins = [symbol for symbol, row in program.rows("krw").items() if row["source"] == "upbit"]
            assert len(coins) >= len(NONSENSE)
            for value, coin in zip(NONSENSE, coins, strict=False):
                poison(redis_server.admin, value, coin)
                redis_server.admin.publish("ticker:v1:updates", b'{"fence":0,"ts":1,"edited":true}')
                until(lambda: alive(program), program, 10)
                for path in (*PATHS, f"/v1/history/krw/{coin}"):
                    assert program.status(path) == 200, (path, value)
            log = program.log.read_text(encoding="utf-8")
            assert "Traceback" not in log
            assert program.process.poll() is None
    finally:
        redis_server.end()


def test_forged_messages_cost_seconds_and_no_reader_its_socket(tmp_path: Path) -> None:
    """Fails when a forged number of a collector keeps a server from hearing the real one for good."""
    redis_server = RedisServer(tmp_path)
    try:
        settings = {"redis__url": redis_server.url, "server__stale_after_s": "3"}
        with Program(tmp_path, "demo", **settings) as program:
            program.ready()
            until(lambda: alive(program), program)
            with connect(f"ws://127.0.0.1:{program.port}/v1/stream/article") as socket:
                assert orjson.loads(socket.recv(timeout=5))["type"] == "snapshot"
                for message in MESSAGES * 50:
                    redis_server.admin.publish("ticker:v1:updates", message)
                until(lambda: "the collector is silent" in program.log.read_text(encoding="utf-8"), program, 10)
                until(lambda: alive(program), program, 10)
                newest = 0
                until_s = time.monotonic() + 10
                while newest < (time.time() - 2) * 1000 and time.monotonic() < until_s:
                    newest = orjson.loads(socket.recv(timeout=5))["ts"]
                assert newest >= (time.time() - 2) * 1000
            lines = program.log.read_text(encoding="utf-8").splitlines()
            assert len([line for line in lines if "left out" in line]) <= 2
            assert "Traceback" not in "".join(lines)
    finally:
        redis_server.end()
