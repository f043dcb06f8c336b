"""`ticker demo --drill` on a real server node, in a fortieth of the time: what a client is put through."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.server import Files
from ticker import clock
from ticker.client import follow
from ticker.serve import door
from ticker.serve.hub import Hub
from ticker.settings import Server, Settings
from ticker.sim import drill

HASTE = 40.0


class Drilled:
    """A node that shows the drill's board alone."""

    def __init__(self, port: int, told: list[str]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.told = told


@asynccontextmanager
async def drilled() -> AsyncIterator[Drilled]:
    settings = Settings(server=Server(port=0, flush_ms=5))
    hub, told = Hub({"drill": drill.BOARD}, settings.server), list[str]()
    hub.heartbeat_s, hub.look_s = 10 / HASTE, 0.02
    opened = door.Door(hub, settings, Files())
    await opened.open()
    tasks = [
        asyncio.create_task(work)
        for work in (hub.run(), opened.run(), drill.run(hub, clock.now, told.append, haste=HASTE))
    ]
    try:
        yield Drilled(opened.port, told)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await opened.close()


async def heard(place: Drilled) -> tuple[list[dict[str, Any]], list[int]]:
    """Every message until all is pending again, and the close codes, for a client that comes back at once."""
    messages: list[dict[str, Any]] = []
    codes: list[int] = []
    async with asyncio.timeout(20):
        while True:
            try:
                async with connect(place.url.replace("http", "ws") + "/v1/stream/drill?lang=en") as socket:
                    while True:
                        messages.append(orjson.loads(await socket.recv()))
                        prices = {row.get("price", "") for row in messages[-1].get("rows", ())}
                        if len(codes) == 3 and prices == {None}:
                            return messages, codes
            except ConnectionClosed as closed:
                codes.append(closed.rcvd.code if closed.rcvd else 0)


async def test_a_client_is_put_through_every_state_a_gap_and_every_end() -> None:
    async with drilled() as place:
        messages, codes = await heard(place)
    rows = [row for message in messages for row in message.get("rows", ())]
    assert {(row["state"], row.get("reason")) for row in rows if "state" in row} >= {
        ("live", None),
        ("stale", None),
        ("held", None),
        ("closed", "suspended"),
        ("closed", "delisted"),
        ("pending", None),
    }
    assert codes == [1012, 1013, 4008]
    assert [(m["reason"], m["retry_ms"]) for m in messages if m["type"] == "bye"] == [("restart", 1000), ("full", 1000)]
    assert {"upbit", "bithumb", None} <= {row["source"] for row in rows if "source" in row}
    percents = [row["change_pct"] for row in rows if row["symbol"] == "ETH" and row["price"]]
    assert percents[:3] == [None, "5.8", None]
    moved = [row["change_pct"] for row in rows if row["symbol"] == "BTC" and row["price"] == "57900000"]
    assert "3.74" in moved  # from 55810000, the reference of the exchange that shows by then
    snapshots = [m for m in messages if m["type"] == "snapshot"]
    assert [m["notice"] for m in snapshots if m["notice"]] == ["거래소 점검 중"] * 3
    assert [m["frozen"] for m in snapshots if m["frozen"]] == [True] * 2
    assert any("ETH" not in {row["symbol"] for row in m["rows"]} for m in snapshots)
    assert any(m["type"] == "heartbeat" for m in messages)
    assert gaps(messages) == 1
    assert {row["state"] for row in messages[-1]["rows"]} == {"pending"}


def gaps(messages: list[dict[str, Any]]) -> int:
    """How often a number is missing within one connection."""
    missing, seq = 0, 0
    for message in messages:
        if message["type"] == "snapshot":
            seq = message["seq"]
        elif "seq" in message:
            missing += message["seq"] != seq + 1
            seq = message["seq"]
    return missing


async def test_our_own_client_comes_through_it_and_ends_with_the_right_prices() -> None:
    """It would show 1914000 for ETH if it did not resync: that message was lost on purpose."""
    prices: list[str | None] = []
    async with drilled() as place, asyncio.timeout(20):
        async with aclosing(follow(place.url, "drill", jitter=lambda: 0.001, silence_s=2.0)) as told:
            async for feed, changed in told:  # noqa: B007 - looked at when the loop is over
                prices += [row.price for row in changed if row.symbol == "ETH"]
                if len(prices) > 3 and prices[-1] is None:
                    break
        assert "1900000" in prices
        assert sum("gap" in said for said in place.told) == 1
        assert feed.rows["BTC"].state == "pending"


async def test_every_step_is_told_with_its_number() -> None:
    told: list[str] = []
    hub = Hub({"drill": drill.BOARD}, Server())
    task = asyncio.create_task(drill.run(hub, clock.now, told.append, haste=10_000))
    async with asyncio.timeout(5):
        while len(told) <= len(drill.STEPS):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    task.cancel()
    assert [int(re.findall(r"\d+", line)[0]) for line in told[: len(drill.STEPS)]] == [*range(1, len(drill.STEPS) + 1)]
    assert told[len(drill.STEPS)] == told[0]
