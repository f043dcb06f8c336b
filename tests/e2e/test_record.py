"""`ticker record` over simulated exchanges, and what it wrote through `ticker replay`."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import orjson

from ticker import clock, sim
from ticker.collect.rest import RETRY_S


async def test_what_is_recorded_can_be_replayed(tmp_path: Path) -> None:
    file = tmp_path / "frames.jsonl"
    async with sim.serve(sim.venues(sim.World(clock.now().wall), clock.now)) as exchanges:
        board = {"QUOTE": "KRW", "SYMBOLS": '["BTC","XRP"]', "SOURCES": '["upbit","bithumb"]'}
        environment = {f"TICKER_BOARDS__KRW__{key}": value for key, value in board.items()}
        for name, exchange in exchanges.items():
            environment[f"TICKER_EXCHANGES__{name.upper()}__WS_URL"] = exchange.ws_url
            environment[f"TICKER_EXCHANGES__{name.upper()}__REST_URL"] = exchange.rest_url
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ticker", "record", str(file)), env=os.environ | environment
        )
        async with asyncio.timeout(20):
            while not file.exists() or file.read_bytes().count(b'"recv"') < 12:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        program.send_signal(signal.SIGINT)
        assert await program.wait() == 0
    lines = [orjson.loads(line) for line in file.read_bytes().splitlines()]
    assert {line["dir"] for line in lines} == {"open", "sent", "recv"}
    assert {line["exchange"] for line in lines} == {"upbit", "bithumb"}
    replay = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ticker", "replay", str(file), "--json"), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await replay.communicate()
    ticks = [orjson.loads(line) for line in told.splitlines()]
    assert {(tick["exchange"], tick["symbol"]) for tick in ticks} == {
        (exchange, symbol) for exchange in ("upbit", "bithumb") for symbol in ("BTC", "XRP")
    }
    assert len(ticks) == sum(line["dir"] == "recv" for line in lines)


async def test_a_full_disk_ends_it_with_one_line_and_what_is_written_can_be_replayed(tmp_path: Path) -> None:
    """Seen failing with a feed that takes it for an exchange's fault: it dialled again for ever, recording nothing."""
    file = tmp_path / "frames.jsonl"
    async with sim.serve(sim.venues(sim.World(clock.now().wall, ("upbit",)), clock.now)) as exchanges:
        environment = {
            "TICKER_BOARDS__KRW__SOURCES": '["upbit"]',
            "TICKER_EXCHANGES__UPBIT__WS_URL": exchanges["upbit"].ws_url,
            "TICKER_EXCHANGES__UPBIT__REST_URL": exchanges["upbit"].rest_url,
        }
        limited = f"ulimit -f 16; exec {sys.executable} -m ticker record {file}"
        program = await asyncio.create_subprocess_exec(
            *("bash", "-c", limited), env=os.environ | environment, stderr=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(30):
                _, said = await program.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                program.kill()
    written = file.read_bytes()
    lines = written.count(b"\n")
    assert said.decode().splitlines()[-1] == f"ticker: {file}: File too large; {lines} lines are written"
    assert b"Traceback" not in said
    assert program.returncode == 1
    assert lines > 1
    assert [orjson.loads(line)["exchange"] for line in written.splitlines()] == ["upbit"] * lines


async def test_an_exchange_out_of_reach_is_tried_again_and_ends_nothing(tmp_path: Path) -> None:
    (venue, *_) = sim.venues(sim.World(clock.now().wall, ("upbit",)), clock.now)
    venue.faults.reject = 503
    async with sim.serve([venue]) as exchanges:
        environment = {
            "TICKER_BOARDS__KRW__SOURCES": '["upbit"]',
            "TICKER_EXCHANGES__UPBIT__WS_URL": exchanges["upbit"].ws_url,
            "TICKER_EXCHANGES__UPBIT__REST_URL": exchanges["upbit"].rest_url,
        }
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ticker", "record", str(tmp_path / "frames.jsonl")),
            env=os.environ | environment,
            stderr=asyncio.subprocess.PIPE,
        )
        assert program.stderr
        async with asyncio.timeout(20):
            assert b"upbit: market list: /v1/market/all: HTTP 503" in await program.stderr.readline()
        venue.faults.reject = None
        async with asyncio.timeout(20 + RETRY_S):
            while b'"recv"' not in (tmp_path / "frames.jsonl").read_bytes():  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        program.send_signal(signal.SIGINT)
        assert await program.wait() == 0
