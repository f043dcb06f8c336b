"""Somebody who may write to Redis writes nonsense everywhere: it is left out, and readers notice next to nothing."""

import struct
import time
from pathlib import Path

import orjson
import redis as redis_client
from websockets.sync.client import connect

from tests.faults.test_redis import alive, whole
from tests.program import Program, until
from tests.redis_server import RedisServer
from ticker.store.connection import text

NONSENSE = (
    *(b"x", b"\xff\xfe", b"{}", b"[]", b"-1", b"9" * 30, b'{"symbol":"BTC","price":"NaN","state":"live"}'),
    *(b"%d" % number for number in (2**63 - 1, 2**62, -(2**63))),
)
ABSURD = ("0", "0.000", "9" * 40, "0." + "0" * 50 + "1", "9" * 17)
"""What is no price, though it is a number."""
NO_SAMPLES = (1, 31, 32 * 10**16, -1, 2**62)
"""What is no price in a packed minute; the first ones are zeros."""
LATER = 1000
"""A price that came so many ms after the nonsense was written is none that was on its way."""
PATHS = ("/v1/status", "/status", "/v1/holds", "/v1/boards", "/embed/article")
MESSAGES = (
    *NONSENSE,
    b'{"fence":9007199254740992,"ts":1,"boards":{"article":{"revision":1,"ts":1,"rows":[]}}}',
    b'{"fence":9007199254740992,"ts":1,"boards":{"nobody":{"revision":1,"ts":1,"rows":[]}}}',
    b'{"fence":9007199254740992,"ts":1,"edited":true}',
)


COINS = ("BTC", "ETH", "XRP", "SOL", "DOGE")
KINDS = {
    "string": ("fence", "lease", "heartbeat", "status", "holds"),
    "hash": ("slots", "board:article", "board:krw"),
    "list": ("accepts",),
    "left out": ("editor:article", "frozen:article"),
}
"""What each key is; the last ones are the editor's own, which no collector writes over."""


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
    """Seen failing with a revision, and with a slot, that is taken for a number: no more writing, an answer of 500.

    A heartbeat of -1 made a collector write everything again a hundred times a second.
    """
    redis_server = RedisServer(tmp_path)
    try:
        settings = {"redis__url": redis_server.url, "server__stale_after_s": "3"}
        with Program(tmp_path, "demo", **settings) as program:
            program.ready()
            until(lambda: alive(program) and whole(program), program)
            coins = [symbol for symbol, row in program.rows("krw").items() if row["source"] == "upbit"]
            assert len(coins) >= len(NONSENSE)
            for value, coin in zip(NONSENSE, coins, strict=False):
                began = time.time() * 1000
                poison(redis_server.admin, value, coin)
                redis_server.admin.publish("ticker:v1:updates", b'{"fence":0,"ts":1,"edited":true}')
                paths = (*PATHS, f"/v1/history/krw/{coin}")
                assert {path: program.status(path) for path in paths} == dict.fromkeys(paths, 200), value
                until(lambda at=began: alive(program) and newest(program) > at + LATER, program, 10)
                assert {path: program.status(path) for path in paths} == dict.fromkeys(paths, 200), value
            log = program.log.read_text(encoding="utf-8")
            assert "Traceback" not in log
            assert len(log.splitlines()) < 60
            assert program.process.poll() is None
    finally:
        redis_server.end()


def test_absurd_numbers_that_lie_in_redis_at_the_start_are_left_out(tmp_path: Path) -> None:
    """Seen failing with a row of price 0: each price of its coin was a fault of the program, for good.

    With forty nines the program ended, and again at each start; with a packed zero in the day too.
    """
    redis_server = RedisServer(tmp_path)
    try:
        redis_server.admin.hset("ticker:v1:slots", mapping={f"upbit:{coin}/KRW": at for at, coin in enumerate(COINS)})
        now = time.time_ns() // 1_000_000
        for coin, price in zip(COINS, ABSURD, strict=True):
            redis_server.admin.hset("ticker:v1:board:krw", coin, absurd_row(coin, price, now))
        for ago in range(24 * 60 + 5):
            redis_server.admin.set(minute(ago), struct.pack(f"<{len(NO_SAMPLES)}q", *NO_SAMPLES))
        with Program(tmp_path, "demo", redis__url=redis_server.url) as program:
            program.ready()
            until(lambda: alive(program) and known(program), program)
            shown = program.rows("krw")
            assert {coin: shown[coin]["source"] for coin in COINS} == dict.fromkeys(COINS, "upbit")
            assert not [row["price"] for row in shown.values() if row["price"] in ABSURD]
            assert not [row["change_pct"] for row in shown.values() if abs(float(row["change_pct"])) > 100]
            assert "Traceback" not in program.log.read_text(encoding="utf-8")
    finally:
        redis_server.end()


def known(program: Program) -> bool:
    return all(row["change_pct"] is not None for row in program.rows("krw").values())


def absurd_row(coin: str, price: str, now: int) -> bytes:
    """A row that is right but for its price and its reference."""
    dated = {"ts": now, "received_ts": now, "ref_ts": now - 86_400_000}
    return orjson.dumps({"symbol": coin, "price": price, "ref": price, "source": "upbit", "state": "live"} | dated)


def test_forged_messages_cost_seconds_and_no_reader_its_socket(tmp_path: Path) -> None:
    """Seen failing with a server that never believes a lower number of a collector again: it was deaf for good."""
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
                told = 0
                until_s = time.monotonic() + 10
                while told < (time.time() - 2) * 1000 and time.monotonic() < until_s:
                    told = orjson.loads(socket.recv(timeout=5))["ts"]
                assert told >= (time.time() - 2) * 1000
            lines = program.log.read_text(encoding="utf-8").splitlines()
            assert len([line for line in lines if "left out" in line]) <= 2
            assert "Traceback" not in "".join(lines)
    finally:
        redis_server.end()


def turn(admin: redis_client.Redis, key: str, kind: str) -> None:
    """A key holds another kind of value from now on."""
    with admin.pipeline() as both:
        both.delete(key)
        if kind == "string":
            both.hset(key, "a", "b")
        else:
            both.set(key, "a")
        both.execute()


def test_a_key_of_another_kind_is_left_out_and_written_over(tmp_path: Path) -> None:
    """Seen failing without `Writer._make_way`: a fence that is a hash ended all writing, for good."""
    redis_server = RedisServer(tmp_path)
    keys = [(f"ticker:v1:{key}", kind) for kind, names in KINDS.items() for key in names]
    try:
        for key, kind in keys:
            turn(redis_server.admin, key, kind)
        settings = {"redis__url": redis_server.url, "server__stale_after_s": "3"}
        with Program(tmp_path, "demo", **settings) as program:
            program.ready()
            until(lambda: alive(program) and whole(program), program)
            for key, kind in [(minute(0), "string"), (minute(10), "left out"), *keys]:
                turn(redis_server.admin, key, kind)
                began = time.time() * 1000
                until(lambda at=key, is_=kind: restored(redis_server.admin, at, is_), program, 10)
                until(lambda at=began: alive(program) and newest(program) > at + LATER, program, 10)
                until(lambda: whole(program), program, 10)
                for path in (*PATHS, "/v1/history/krw/BTC"):
                    assert program.status(path) == 200, (path, key)
            lines = program.log.read_text(encoding="utf-8").splitlines()
            assert 1 <= len([line for line in lines if "another kind" in line]) <= 2
            assert "Traceback" not in "".join(lines)
            assert len(lines) < 40, lines
    finally:
        redis_server.end()


def restored(admin: redis_client.Redis, key: str, kind: str) -> bool:
    """A list of what an editor accepts is gone when it was read; holds are written when there are new ones."""
    found = text(admin.type(key))
    over = key.startswith("ticker:v1:minute:") and key != minute(0)  # nobody writes into a minute that has ended
    return over or kind == "left out" or key.endswith("holds") or found in {kind, "none"}


def minute(ago: int) -> str:
    """The key of a minute so many minutes ago."""
    return f"ticker:v1:minute:{(int(time.time()) // 60 - ago) * 60_000}"


def newest(program: Program) -> int:
    return max(row["ts"] or 0 for row in program.rows("article").values())
