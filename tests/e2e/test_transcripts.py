"""The kept transcripts are real sessions, and a session of today looks the same."""

from pathlib import Path
from typing import Any

import orjson

from tests.program import Program, until
from tests.specification import check, message
from tests.transcript import FOLDER, priced, websocket


def received(lines: list[dict[str, Any]]) -> list[Any]:
    told = [orjson.loads(line["text"]) for line in lines if line["dir"] == "recv"]
    for value in told:
        message(value)
    for line in lines:
        if line["dir"] == "sent" and (command := orjson.loads(line["text"]))["op"] != "dance":
            check({"snapshot": "resync"}.get(command["op"], command["op"]), command)
    return told


def answers(lines: list[dict[str, Any]]) -> list[Any]:
    """What a session is told beside what the market brings."""
    kinds = [value["type"] for value in received(lines)]
    assert kinds[:2] == ["snapshot", "update"]
    return [kind for kind in kinds if kind not in {"update", "heartbeat"}] + [lines[-1]["code"], lines[-1]["reason"]]


def test_a_session_of_today_is_answered_like_the_kept_one(tmp_path: Path) -> None:
    kept = [orjson.loads(line) for line in (FOLDER / "websocket.jsonl").read_bytes().splitlines()]
    assert "heartbeat" in {value["type"] for value in received(kept)}
    with Program(tmp_path, "demo") as program:
        until(lambda: program.status("/readyz") == 200 and priced(program), program)
        assert answers(websocket(program, heartbeat=False)) == answers(kept)


def test_the_kept_events_and_answers_are_as_documented() -> None:
    lines = (FOLDER / "events.txt").read_bytes().splitlines()
    events = [orjson.loads(line.removeprefix(b"data: ")) for line in lines if line.startswith(b"data: ")]
    for value in events:
        message(value)
    assert [value["type"] for value in events] == ["snapshot", "update", "update"]
    bodies = [
        orjson.loads(line) for line in (FOLDER / "polling.txt").read_bytes().splitlines() if line.startswith(b"{")
    ]
    for name, body in zip(("snapshot", "failure"), bodies, strict=True):
        check(name, body)
