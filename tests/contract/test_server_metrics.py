"""What an operator sees of the server in `/metrics`: how long a trade takes to its readers."""

import re

from prometheus_client import generate_latest
from websockets.asyncio.client import connect

from tests.server import Node, heard, row, serving, until
from ticker import clock
from ticker.metrics import ServerMetrics, registry


def told(node: Node, name: str, labels: str) -> float:
    text = generate_latest(registry(ServerMetrics(node.door, clock.now))).decode()
    found = re.search(rf"^{re.escape(f'ticker_push_delay_seconds_{name}{{{labels}}}')} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def test_how_long_a_trade_takes_to_its_readers() -> None:
    async with serving(flush_ms=0) as node, connect(f"{node.ws}/krw") as client:
        await heard(client)
        seconds, half = told(node, "sum", 'since="trade"'), told(node, "bucket", 'le="0.5",since="trade"')
        counts = [told(node, "count", f'since="{since}"') for since in ("trade", "arrival")]
        now = clock.now().wall
        node.say(row("BTC", "555", ts=now - 700, received_ts=now - 300))
        await heard(client)
        node.say(row("BTC", "555", ts=now - 700, received_ts=now - 300, state="stale"))
        await heard(client)
        node.say(row("ETH", "55", ts=now - 700, received_ts=now - 300))
        await heard(client)
        await until(lambda: told(node, "count", 'since="trade"') >= counts[0] + 2)
        assert told(node, "count", 'since="arrival"') == counts[1] + 2  # a row that turned stale is no trade
        assert told(node, "sum", 'since="trade"') - seconds >= 1.4
        assert told(node, "bucket", 'le="0.5",since="trade"') == half
