"""Simulated exchanges beside a program under test, reached over links that a test may break."""

import copy
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any, Self

import msgspec
import orjson

from tests.network import Background, Link, port_of
from ticker import clock, sim
from ticker.exchanges import Exchange
from ticker.model import Instant
from ticker.sim.venue import Client, Faults, Venue
from ticker.sim.world import Coin


class Stage:
    """Exchanges that trade in a thread, and the settings that aim a program at them."""

    def __init__(self, *names: str, clock: Callable[[], Instant] = clock.now) -> None:
        self.background = Background()
        self.world = sim.World(clock().wall, names)
        self.venues = {venue.protocol.name: venue for venue in sim.venues(self.world, clock)}
        self.links: dict[str, Link] = {}
        """By exchange: the way to its websocket."""
        self.exchanges: dict[str, Exchange] = {}
        self._stack = AsyncExitStack()

    def __enter__(self) -> Self:
        self.background.__enter__()
        self.do(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self._stack.aclose())
        self.background.__exit__()

    async def _open(self) -> None:
        self.exchanges = await self._stack.enter_async_context(sim.serve(list(self.venues.values())))
        for name, exchange in self.exchanges.items():
            self.links[name] = await Link(port_of(exchange.ws_url)).open()
            self._stack.push_async_callback(self.links[name].close)

    def do(self, work: Any) -> Any:
        """Something on the exchanges' own loop: `stage.do(venue.cut())`."""
        return self.background.run(work)

    def settings(self, boards: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        """What tells a program about these exchanges, and nothing about any other."""
        told = {f"boards__{name}": orjson.dumps(board).decode() for name, board in boards.items()}
        for name, exchange in self.exchanges.items():
            path = exchange.ws_url.partition(f":{port_of(exchange.ws_url)}")[2]
            told[f"exchanges__{name}__ws_url"] = f"ws://127.0.0.1:{self.links[name].port}{path}"
            told[f"exchanges__{name}__rest_url"] = exchange.rest_url
        return told


def board(quote: str, symbols: Iterable[str], *sources: str, **more: Any) -> dict[str, Any]:
    """A board as the configuration has it."""
    return {"quote": quote, "symbols": list(symbols), "sources": sources, **more}


def distort(venue: Venue, change: Callable[[Coin], Mapping[str, Any]]) -> None:
    """Tell something else than what was traded: `lambda coin: {"price": coin.price * 1000}`."""
    protocol = sim.protocol(venue.protocol.name)

    def frame(coin: Coin, client: Client, first: bool) -> str | bytes:
        told = copy.copy(coin)
        for name, value in change(coin).items():
            setattr(told, name, value)
        body: str | bytes = protocol.frame(told, client, first)
        return body

    venue.protocol = msgspec.structs.replace(protocol, frame=frame)


def instead(venue: Venue, body: bytes) -> None:
    """Send this wherever a price would be sent."""
    venue.protocol = msgspec.structs.replace(venue.protocol, frame=lambda *_: body)


def heal(venue: Venue) -> None:
    """Nothing is wrong any more."""
    venue.faults, venue.protocol = Faults(), sim.protocol(venue.protocol.name)


def close_before(coin: Coin, minute: int) -> Decimal:
    """What a coin cost at the end of a minute, as its exchange would tell."""
    closes = coin.closes
    return closes[max(known for known in closes if known <= minute)]
