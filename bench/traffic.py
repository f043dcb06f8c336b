"""What one reader is sent: bytes a second by interval, plain and compressed, over the lively prices of the demo.

    python -m bench.traffic

Writes bench/results/traffic.json. The demo trades each of 23 coins about every 1.3 s; a calmer market costs less.
"""

import asyncio
import base64
import json
import tempfile
import time
from pathlib import Path

from tests.program import Program, until

RESULTS = Path(__file__).parent / "results" / "traffic.json"
SECONDS = 40.0  # shorter than a reader may leave two pings unanswered
INTERVALS = (200, 1000, 2000, 5000, 10000)
KEY = base64.b64encode(b"0123456789abcdef").decode()
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n"


async def received(port: int, interval: int, *, deflate: bool) -> tuple[str, dict[str, float]]:
    """Bytes and messages a second of one websocket after its snapshot, as they pass the wire."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /v1/stream/article?interval_ms={interval} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n"
        f"{DEFLATE if deflate else ''}\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    first = await frame(reader)
    started, size, messages = time.monotonic(), 0, 0
    while time.monotonic() - started < SECONDS:
        size += await frame(reader)
        messages += 1
    writer.close()
    taken = time.monotonic() - started
    figures = {
        "snapshot_bytes": first,
        "bytes_per_s": round(size / taken, 1),
        "messages_per_s": round(messages / taken, 3),
    }
    return f"{interval}{' deflate' if deflate else ''}", figures


async def frame(reader: asyncio.StreamReader) -> int:
    """The length of the next frame, head included."""
    head = await reader.readexactly(2)
    length = head[1] & 0x7F
    extra = {126: 2, 127: 8}.get(length, 0)
    if extra:
        length = int.from_bytes(await reader.readexactly(extra))
    await reader.readexactly(length)
    return 2 + extra + length


async def main(port: int) -> dict[str, dict[str, float]]:
    wanted = [received(port, interval, deflate=deflate) for interval in INTERVALS for deflate in (False, True)]
    return dict(await asyncio.gather(*wanted))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, Program(Path(folder), "demo") as program:
        program.ready()
        until(lambda: all(row["change_pct"] for row in program.rows("article").values()), program)
        found = asyncio.run(main(program.port))
    RESULTS.write_text(
        json.dumps({"seconds": SECONDS, "rows": 23, "readers": found}, indent=2) + "\n", encoding="utf-8"
    )
    print(json.dumps(found, indent=2))
