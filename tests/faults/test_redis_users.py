"""The Redis users that SECURITY.md prescribes: each can do its work and nothing else."""

import re
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from redis.exceptions import NoPermissionError

from tests.program import free_port
from ticker.history import History
from ticker.model import DAY, MINUTE, Row
from ticker.report import Report
from ticker.store import Reader, Writer
from ticker.store.writer import Batch

T = 1_790_000_040_000
PAGE = Path(__file__).parents[2] / "SECURITY.md"


async def test_the_collector_writes_the_server_reads_and_cannot_write(tmp_path: Path) -> None:
    """Seen failing with a command that the page does not allow, and with a page that lets the server write."""
    users = re.findall(r"^user .*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    (tmp_path / "users.acl").write_text("\n".join(["user default off", *users, ""]), encoding="utf-8")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--aclfile", str(tmp_path / "users.acl")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        url = "redis://{}:secret@127.0.0.1:" + str(port)
        async with Writer(url.format("collector")) as writer, Reader(url.format("server")) as reader:
            assert await writer.claim(T) == "empty"
            history = History()
            history.open("upbit:BTC/KRW")
            history.put("upbit:BTC/KRW", T - DAY - MINUTE, Decimal(1))
            updates = reader.updates()
            assert await anext(updates) is None
            rows = {"krw": [Row(symbol="BTC", price="1")]}
            await writer.commit(Batch(T, rows, history.take(), history.slots))
            assert await anext(updates) is not None
            await writer.load(history, T)
            assert (await reader.board("krw")).rows["BTC"].price == "1"
            assert len(await reader.samples("upbit:BTC/KRW", T)) == 1441
            assert await reader.report() == Report()
            assert await reader.holds() == []
            for attempt in (("SET", "ticker:v1:fence", 1), ("PUBLISH", "ticker:v1:updates", "x"), ("FLUSHALL",)):
                with pytest.raises(NoPermissionError):
                    await reader._redis.execute_command(*attempt)  # type: ignore[no-untyped-call]
            with pytest.raises(NoPermissionError):
                await writer._redis.set("other", 1)
            await updates.aclose()  # type: ignore[attr-defined]
    finally:
        process.kill()
        process.wait()
