"""A server that stops reading what Redis sends it, until Redis has enough of it."""

import contextlib
import signal
from pathlib import Path
from typing import Any

from tests.house import House
from tests.program import until

LIMIT_MB = 2
"""What Redis keeps for a subscriber; 32 MB where nobody says otherwise."""
BACK_S = 5.0
GAP_S = 3.0
WORDS = b'{"fence":0,"ts":1,"boards":{},"more":"%s"}' % (b"x" * 200_000)
"""The last words of a collector that was replaced long ago: servers read them and go on."""
MOST = 300


def test_a_subscriber_that_does_not_read_is_cut_and_comes_back_while_others_are_served(tmp_path: Path) -> None:
    """Seen failing with a server whose listening ends with its connection: its rows were stale for good."""
    with contextlib.ExitStack() as stack:
        house = House(tmp_path, stack)
        admin = house.redis.admin
        admin.config_set("client-output-buffer-limit", f"pubsub {LIMIT_MB}mb 0 0")
        house.start("collect")
        slow, other = (house.start("serve").ready() for _ in range(2))
        watchers = [house.watch(server.url) for server in (slow, other)]
        for watcher in watchers:
            watcher.start_over()
        before = memory(admin)
        slow.process.send_signal(signal.SIGSTOP)
        stack.callback(slow.process.send_signal, signal.SIGCONT)
        most = flood(admin)
        assert subscribers(admin) == [0]
        assert most - before < (LIMIT_MB + 2) * 1_000_000
        until(lambda: not watchers[0].current(), slow, 10)
        assert watchers[1].current()
        slow.process.send_signal(signal.SIGCONT)
        until(watchers[0].current, slow, BACK_S)
        until(lambda: len(subscribers(admin)) == 2, slow, BACK_S)
        assert watchers[1].gap < GAP_S
        assert [(watcher.ends, watcher.faults) for watcher in watchers] == [([], []), ([], [])]


def flood(admin: Any) -> int:
    """Say so much that one of two subscribers is cut; the most memory Redis took meanwhile.

    The other one is given the time it needs to read.
    """
    most = 0
    for _ in range(MOST):
        admin.publish("ticker:v1:updates", WORDS)
        until(lambda: min(subscribers(admin)) == 0)
        most = max(most, memory(admin))
        if len(subscribers(admin)) == 1:
            return most
    raise AssertionError(f"nobody was cut: {subscribers(admin)}")


def subscribers(admin: Any) -> list[int]:
    """The bytes that Redis keeps for each of them."""
    return [int(client["omem"]) for client in admin.client_list(_type="pubsub")]


def memory(admin: Any) -> int:
    return int(admin.info("memory")["used_memory"])
