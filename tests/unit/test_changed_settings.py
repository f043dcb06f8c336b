"""What a configuration that is read again changes, and what it does not."""

import msgspec

from ticker.reload import changed, waits
from ticker.settings import Log, Network, Redis, Server, Settings


def test_what_changed_is_named_without_what_it_is_and_told_apart_from_what_waits() -> None:
    """Seen failing with one sentence for all of it."""
    before = Settings()
    assert changed(before, before) == []
    server = Server(port=1, stale_after_s=1, max_clients=7)
    after = Settings(server, redis=Redis(data_dir="/elsewhere"), network=Network("http://a:1"), log=Log("debug"))
    names = changed(before, after)
    assert [name for name in names if not waits(name)] == ["server.max_clients"]
    assert [name for name in names if waits(name)] == [
        *("server.port", "server.stale_after_s", "redis.data_dir", "network.proxy", "log.level")
    ]


def test_every_setting_that_waits_is_one() -> None:
    every = {f"{section}.{key}" for section, keys in msgspec.to_builtins(Settings()).items() for key in keys}
    assert {name.partition(".")[0] for name in every if waits(name)} == {"server", "admin", "redis", "network", "log"}
    assert {name for name in every if waits(name) and name.startswith("server.")} == {
        *("server.host", "server.port", "server.stale_after_s")
    }
