"""Firefox by WebDriver BiDi over a bare websocket: Debian's has no geckodriver, and playwright cannot drive it."""

import asyncio
import contextlib
import itertools
import json
import re
from pathlib import Path
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect


class Firefox:
    """One window; `run` evaluates an expression in it."""

    def __init__(self, path: str, profile: Path) -> None:
        self._command = (path, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0")
        self._ids = itertools.count(1)
        self._process: asyncio.subprocess.Process
        self._socket: ClientConnection
        self._window = ""

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(*self._command, stderr=asyncio.subprocess.PIPE)
        async with asyncio.timeout(40):
            self._socket = await connect(f"{await self._address()}/session", max_size=None, proxy=None)
            await self._ask("session.new", {"capabilities": {}})
            tree = await self._ask("browsingContext.getTree", {})
        self._window = tree["contexts"][0]["context"]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        await self._process.wait()

    async def _address(self) -> str:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            if found := re.search(rb"ws://[\d.:]+", line):
                return found[0].decode()
        raise RuntimeError("Firefox told no address")

    async def _ask(self, method: str, params: dict[str, Any]) -> Any:
        number = next(self._ids)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(await self._socket.recv())
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return answer["result"]

    async def go(self, url: str) -> None:
        await self._ask("browsingContext.navigate", {"context": self._window, "url": url, "wait": "complete"})

    async def run(self, expression: str) -> Any:
        """The value of an expression that yields text, a number or a truth."""
        params = {"expression": expression, "target": {"context": self._window}, "awaitPromise": True}
        return (await self._ask("script.evaluate", params))["result"].get("value")
