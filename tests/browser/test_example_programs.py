"""The programs of `examples/` keep the rules that are easily forgotten: after a gap nothing old is shown for new, and
whoever is refused, or finds nobody there, says so."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.browser.speaker import Speaker
from tests.program import Program, free_port

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = {
    "python": [sys.executable, "python/prices.py"],
    "javascript": ["node", "--experimental-websocket", "javascript/prices.mjs"],
    "go": ["go", "run", "go/prices.go"],
    "java": ["java", "java/Prices.java"],
}
SPEAKING = {**PROGRAMS, "curl": ["sh", "curl/prices.sh"]}
DEADLINE_S = 50.0
"""One that comes back by a new connection waits up to ten seconds first; Go and Java are compiled before."""


@pytest.mark.timeout(90)
@pytest.mark.asyncio(loop_scope="session")
async def test_after_a_gap_every_example_shows_the_price_it_missed(speaker: Speaker) -> None:
    here = {name: command for name, command in PROGRAMS.items() if shutil.which(command[0])}
    running = [
        await asyncio.create_subprocess_exec(
            *command, speaker.url, cwd=EXAMPLES, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL, process_group=0
        )
        for command in here.values()
    ]
    try:
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*(prints(process, "1914000") for process in running))
            speaker.state.rows["ETH"] = msgspec.structs.replace(speaker.state.rows["ETH"], price="1900000")
            await speaker.push(1, BTC={"price": "57900000"})
            await asyncio.gather(*(prints(process, "1900000") for process in running))
    finally:
        for process in running:
            await end(process)


@pytest.mark.timeout(90)
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("name", ["python", "javascript", "go", "java"])
async def test_an_example_listens_after_a_goodbye_until_the_next_server_delivers(speaker: Speaker, name: str) -> None:
    """Fails when it leaves at the `bye`, and when the connection before stays open."""
    command = PROGRAMS[name]
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not here")
    process = await asyncio.create_subprocess_exec(
        *command, speaker.url, cwd=EXAMPLES, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL, process_group=0
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            await prints(process, "1914000")
            before = list(speaker.clients)
            await speaker.say({"type": "bye", "reason": "restart", "retry_ms": 300})
            await speaker.push(ETH={"price": "1900000"})
            await prints(process, "1900000")
            while len(speaker.clients) != 1 or list(speaker.clients) == before:
                speaker.seq += 1  # only who is written to is known to be gone
                await speaker.say({"type": "heartbeat", "board": "article", "seq": speaker.seq, "ts": 1})
                await asyncio.sleep(0.05)
            await speaker.push(ETH={"price": "1910000"})
            await prints(process, "1910000")
    finally:
        await end(process)


@pytest.mark.timeout(90)
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("name", SPEAKING)
async def test_a_board_that_is_not_there_ends_an_example_in_the_servers_words(frozen: Program, name: str) -> None:
    """Seen failing with curl going on for ever, and JavaScript and Python knowing no board but one."""
    assert await says(SPEAKING[name], "there is no board 'nope'", frozen.url, "nope", ends=True) == 1


@pytest.mark.timeout(90)
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("name", SPEAKING)
async def test_an_example_says_that_nobody_listens(name: str) -> None:
    """Seen failing with JavaScript, which said nothing and never dialled again, and Java, which said `null`."""
    port = free_port()
    await says(SPEAKING[name], str(port), f"http://127.0.0.1:{port}")


@pytest.mark.timeout(90)
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("status", "body"), [("503 Service Unavailable", ""), ("502 Bad Gateway", "<html>\r\n502 Bad Gateway\r\n</html>")]
)
async def test_java_tells_a_refusal_without_the_servers_words_by_its_number(status: str, body: str) -> None:
    """Seen failing with a NullPointerException that ended it, and with `HTTP 502 null`."""
    async with proxy(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}") as url:
        await says(PROGRAMS["java"], f"/v1/events/krw: HTTP {status[:3]}\n", url)


@pytest.mark.timeout(90)
@pytest.mark.asyncio(loop_scope="session")
async def test_javascript_dials_again_though_nobody_tells_why_it_was_refused() -> None:
    """Seen failing with a question that was waited for without end, and no dial after it."""
    async with proxy("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", silent="/v1/snapshot/") as url:
        await says(PROGRAMS["javascript"], "; again in", url)


@contextlib.asynccontextmanager
async def proxy(answer: str, *, silent: str = "nowhere") -> AsyncIterator[str]:
    """The URL of one that says this to everybody, and nothing to whoever asks for a path with `silent` in it."""
    writers = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        if silent.encode() not in head:
            writer.write(answer.encode())
            writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1")
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.close()


@pytest.mark.asyncio(loop_scope="session")
async def test_a_node_without_websockets_is_told_what_it_needs() -> None:
    """Seen failing with a ReferenceError and its stack."""
    command = ["node", "--no-experimental-websocket", "javascript/prices.mjs"]
    assert await says(command, "node --experimental-websocket prices.mjs", ends=True) == 1


async def says(command: list[str], text: str, *arguments: str, ends: bool = False) -> int | None:
    """Wait until an example says this on stderr; its exit code if that is to be the end of it."""
    for tool in ("curl", "jq") if command == SPEAKING["curl"] else command[:1]:
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not here")
    process = await asyncio.create_subprocess_exec(
        *command, *arguments, cwd=EXAMPLES, stdout=asyncio.subprocess.DEVNULL, stderr=PIPE, process_group=0
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(DEADLINE_S):
            said = ""
            while text not in said:
                said = (await process.stderr.readline()).decode()
                assert said, f"it ended without saying {text}"
            return await process.wait() if ends else None
    finally:
        await end(process)


async def prints(process: Process, text: str) -> None:
    """Read what a program says until it says this."""
    assert process.stdout is not None
    async for line in process.stdout:
        if text in line.decode():
            return
    raise AssertionError(f"it ended without saying {text}")


async def end(process: Process) -> None:
    """`go run` and its program go together."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGTERM)
    await process.wait()
