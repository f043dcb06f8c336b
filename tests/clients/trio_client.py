"""PyPI `trio-websocket`: trio_client.py URL."""

import json
import sys
import time

import trio
from trio_websocket import open_websocket_url


async def main(url: str) -> None:
    seen: list[str] = []
    async with open_websocket_url(url) as socket:
        await socket.send_message('{"op":"ping","id":7}')
        while not {"snapshot", "update", "pong"} <= set(seen):
            seen.append(json.loads(await socket.get_message())["type"])
        asked = time.monotonic()
        await socket.aclose(1000)
        seconds = time.monotonic() - asked
        sys.stdout.write(json.dumps({"seen": seen, "code": int(socket.closed.code), "seconds": seconds}))


trio.run(main, sys.argv[1])
