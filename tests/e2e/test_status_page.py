"""The status of a running program: a lost exchange is seen, and a lost Redis hides nothing that was known."""

import asyncio
import urllib.request
from pathlib import Path

from tests.program import Program, until
from tests.specification import check
from ticker.clock import now
from ticker.serve.hub import Hub
from ticker.serve.node import Node
from ticker.settings import Server
from ticker.sim import boards
from ticker.store import Reader


def test_a_running_demo_is_told_as_documented(tmp_path: Path) -> None:
    with Program(tmp_path, "demo") as program:
        program.ready()
        until(lambda: program.json("/v1/status")["state"] == "ok", program)
        told = program.json("/v1/status")
        check("status", told)
        assert [board["board"] for board in told["boards"]] == ["article", "krw"]
        assert all(one["ticks"] > 0 for one in told["exchanges"])
        assert told["collector"]["heartbeat_age_ms"] < 5000
        check("boards", program.json("/v1/boards"))
        check("history", program.json("/v1/history/krw/BTC?points=5"))
        check("snapshot", program.json("/v1/snapshot/krw"))


def test_the_page_comes_in_the_readers_language_and_may_load_nothing(tmp_path: Path) -> None:
    with Program(tmp_path, "demo") as program:
        program.ready()
        english = urllib.request.Request(f"{program.url}/status", headers={"Accept-Language": "en-GB,en;q=0.9"})
        with urllib.request.urlopen(english, timeout=5) as answer:
            assert "Price service status" in answer.read().decode()
            assert answer.headers["Vary"] == "Accept-Encoding, Accept-Language"
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
            assert answer.headers["X-Robots-Tag"] == "noindex"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "시세 서비스 상태" in program.get("/status").decode()
        assert program.status("/status?lang=fr") == 400


async def test_without_redis_what_was_known_is_told_to_all_who_ask_at_once() -> None:
    shown = boards()
    node = Node(shown, Hub(shown, Server()), Reader("redis://127.0.0.1:1"), now)
    for known in await asyncio.gather(node.known(), node.known()):
        assert not known.reachable
        assert known.heartbeat_age_ms is None
