"""A session as a client sees it, from the real program: `python -m tests.transcript` rewrites docs/transcripts."""

import json
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import orjson
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.program import Program, until

FOLDER = Path(__file__).parents[1] / "docs" / "transcripts"
COMMANDS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"op": "subscribe", "board": "krw", "symbols": ["BTC", "NOPE"], "interval_ms": 1000}, "snapshot"),
    ({"op": "ping", "id": 7}, "pong"),
    ({"op": "dance"}, "error"),
    ({"op": "snapshot"}, "snapshot"),
    ({"op": "subscribe", "board": "krw", "symbols": ["BTC"], "interval_ms": 30000}, "snapshot"),
)
"""What a client says, and the message that ends the answer."""


def websocket(program: Program, *, heartbeat: bool) -> list[dict[str, Any]]:
    """Everything sent and received, as `ticker record` would write it, from the opening to the server's farewell."""
    path = "/v1/stream/article?symbols=BTC,ETH"
    lines: list[dict[str, Any]] = [{"t": time.time(), "dir": "open", "url": path}]

    def hear(socket: ClientConnection, kind: str) -> None:
        while orjson.loads(lines[-1].get("text", "{}")).get("type") != kind:
            lines.append({"t": time.time(), "dir": "recv", "text": socket.recv(timeout=15)})

    with connect(f"ws://127.0.0.1:{program.port}{path}") as socket:
        hear(socket, "snapshot")
        hear(socket, "update")
        for command, answer in COMMANDS:
            lines.append({"t": time.time(), "dir": "sent", "text": json.dumps(command)})
            socket.send(lines[-1]["text"])
            hear(socket, answer)
        if heartbeat:
            hear(socket, "heartbeat")
        program.stop()
        try:
            hear(socket, "never")
        except ConnectionClosed as closed:
            end = closed.rcvd
            lines.append({"t": time.time(), "dir": "close", "code": end.code, "reason": end.reason} if end else {})
    return lines


def events(program: Program) -> str:
    """The head and the first messages of an event stream, as they come."""
    request = urllib.request.Request(
        f"{program.url}/v1/events/article?symbols=BTC", headers={"Accept": "text/event-stream"}
    )
    with urllib.request.urlopen(request, timeout=15) as answer:
        head = f"GET /v1/events/article?symbols=BTC HTTP/1.1\n\nHTTP/1.1 {answer.status} OK\n{_head(answer.headers)}\n"
        body = ""
        while body.count("\n\n") < 4:
            body += answer.readline().decode()
    return head + body


def polling(program: Program) -> str:
    """A snapshot, the same again with its tag while nothing changed, and a mistake."""
    path = "/v1/snapshot/article?symbols=BTC"
    told, tag = _exchange(program, path, None)
    again, _ = _exchange(program, path, tag)
    return "\n".join((told, again, _exchange(program, "/v1/snapshot/nope", None)[0]))


def _exchange(program: Program, path: str, tag: str | None) -> tuple[str, str]:
    headers = {"If-None-Match": tag} if tag else {}
    request = urllib.request.Request(program.url + path, headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=5)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        asked = "".join(f"{name}: {value}\n" for name, value in headers.items())
        body = answer.read().decode()
        text = (
            f"GET {path} HTTP/1.1\n{asked}\nHTTP/1.1 {answer.status} {answer.reason}\n{_head(answer.headers)}\n{body}\n"
        )
        return text, answer.headers.get("ETag", "")


def _head(headers: Any) -> str:
    return "".join(f"{name}: {value}\n" for name, value in headers.items())


def priced(program: Program) -> bool:
    return all(row["change_pct"] is not None for board in ("article", "krw") for row in program.rows(board).values())


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Program(Path(folder), "demo") as program:
        until(lambda: program.status("/readyz") == 200 and priced(program), program)
        (FOLDER / "events.txt").write_text(events(program), encoding="utf-8")
        lines = websocket(program, heartbeat=True)
        (FOLDER / "websocket.jsonl").write_text("".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines))
    with tempfile.TemporaryDirectory() as folder, Program(Path(folder), "demo", "--frozen") as program:
        until(lambda: program.status("/readyz") == 200 and priced(program), program)
        (FOLDER / "polling.txt").write_text(polling(program), encoding="utf-8")


if __name__ == "__main__":
    main()
