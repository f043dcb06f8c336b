"""How many files there may be, and what is said when they are too few."""

from ticker.serve.descriptors import Room, room, too_few
from ticker.settings import Server


def test_some_are_kept_from_strangers_and_more_for_what_is_ours() -> None:
    assert room(20_000) == Room(19_800, 19_900)
    assert room(256) == Room(192, 224)


def test_too_few_for_the_readers_wanted_are_said_with_the_remedy() -> None:
    assert too_few(Server(max_clients=824), 1024) is None
    ways = "ulimit -n 15200, LimitNOFILE= of systemd, --ulimit nofile= of Docker"
    assert too_few(Server(max_clients=15_000), 1024) == (
        "server.max_clients is 15000, but 1024 open files leave room for 824",
        f"raise the limit ({ways}) or lower server.max_clients",
    )
