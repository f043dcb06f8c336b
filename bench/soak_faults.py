"""The faults a soak chooses from: each begins, is healed when its stack is left, and may silence an exchange."""

import contextlib
import random
import signal
from collections.abc import Callable
from typing import Any, NamedTuple

from redis import RedisError

from tests.stage import distort, heal, instead
from ticker.exchanges import EXCHANGES

Soak = Any
BEYOND_SILENCE = (20.0, 40.0)


class Fault(NamedTuple):
    """Something that goes wrong for some seconds."""

    name: str
    begin: Callable[[Soak, contextlib.ExitStack], None]
    seconds: tuple[float, float] = (3.0, 12.0)
    mutes: str | None = None
    """The exchange that delivers nothing meanwhile."""


def venue_faults(name: str) -> list[Fault]:
    """What one exchange may do."""

    def acting(act: Callable[[Soak], None]) -> Callable[[Soak, contextlib.ExitStack], None]:
        def begin(soak: Soak, healing: contextlib.ExitStack) -> None:
            healing.callback(heal, soak.stage.venues[name])
            healing.callback(soak.stage.do, soak.stage.links[name].forget())
            act(soak)

        return begin

    def rejecting(soak: Soak) -> None:
        soak.stage.venues[name].faults.reject = 429
        soak.stage.do(soak.stage.venues[name].drop())

    def refusing(soak: Soak) -> None:
        soak.stage.venues[name].faults.refuse = True
        soak.stage.do(soak.stage.venues[name].drop())

    return [
        Fault(f"{name} cut in a frame", acting(lambda soak: soak.stage.do(soak.stage.venues[name].cut()))),
        Fault(f"{name} reset", acting(lambda soak: soak.stage.do(soak.stage.venues[name].drop()))),
        Fault(
            f"{name} frozen", acting(lambda soak: soak.stage.do(soak.stage.links[name].freeze())), BEYOND_SILENCE, name
        ),
        Fault(
            f"{name} garbage", acting(lambda soak: instead(soak.stage.venues[name], b"[" * 5000)), BEYOND_SILENCE, name
        ),
        Fault(f"{name} huge", acting(lambda soak: instead(soak.stage.venues[name], b'"' * 1_500_000)), mutes=name),
        Fault(f"{name} answers 429", acting(rejecting), BEYOND_SILENCE, name),
        Fault(f"{name} refuses", acting(refusing), BEYOND_SILENCE, name),
        Fault(
            f"{name} times 1000",
            acting(lambda soak: distort(soak.stage.venues[name], lambda coin: {"price": coin.price * 1000})),
        ),
    ]


def redis_dies(soak: Soak, healing: contextlib.ExitStack) -> None:
    soak.redis.kill()
    healing.callback(soak.redis.start)


def redis_pauses(soak: Soak, healing: contextlib.ExitStack) -> None:
    soak.redis.pause()
    healing.callback(soak.redis.resume)


def redis_fills(soak: Soak, healing: contextlib.ExitStack) -> None:
    soak.redis.admin.config_set("maxmemory", "1mb")

    def empty() -> None:
        with contextlib.suppress(RedisError):
            soak.redis.admin.config_set("maxmemory", "0")

    healing.callback(empty)


def freezing(name: str) -> Fault:
    def begin(soak: Soak, healing: contextlib.ExitStack) -> None:
        soak.stage.do(soak.links[name].freeze())
        how = soak.chance.choice((soak.links[name].thaw, soak.links[name].forget))
        healing.callback(lambda: soak.stage.do(how()))

    return Fault(f"{name}: link to Redis frozen", begin)


def stopping(name: str, how: signal.Signals) -> Fault:
    def begin(soak: Soak, healing: contextlib.ExitStack) -> None:
        soak.programs[name].stop(how)
        healing.callback(soak.programs[name].start)

    return Fault(f"{name}: {how.name}", begin)


def draw(chance: random.Random) -> Fault:
    """Half of the time an exchange's, half of the time our own."""
    own = [
        Fault("Redis killed, back empty", redis_dies),
        Fault("Redis paused", redis_pauses),
        Fault("Redis full", redis_fills),
        *(freezing(name) for name in ("collect steady", "collect other", "serve steady", "serve other")),
        *(stopping(name, how) for name in ("collect other", "serve other") for how in (signal.SIGTERM, signal.SIGKILL)),
    ]
    theirs = venue_faults(chance.choice(list(EXCHANGES)))
    return chance.choice(chance.choice((own, theirs)))
