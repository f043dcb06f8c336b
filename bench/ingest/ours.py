"""ticker: a frame becomes an exact price, is judged by the guard and counted for its minute; its row is marked.

To Redis: the rows of what changed, each with its exact 24-hour percent, the minute samples and one publish, in one
script a batch. Of several prices of one market in a batch the latest is written.
"""

import asyncio
from decimal import Decimal

import uvloop
from contest import per_core_second, serve
from frames import MARKETS, T, price

from ticker.collect.collector import Collector
from ticker.collect.connection import DATA
from ticker.exchanges import EXCHANGES
from ticker.exchanges.exchange import Memory, read
from ticker.history import ref_minute
from ticker.model import MINUTE, Board, Instant, Market
from ticker.store import Writer


def board(exchange: str, quote: str) -> Board:
    symbols = tuple(f"C{i}" for i in range(MARKETS))
    names = {symbol: {"ko": symbol, "en": symbol} for symbol in symbols}
    return Board("bench", quote, symbols, (exchange,), {"ko": "", "en": ""}, names)


def collector(exchange: str, quote: str, writer: Writer) -> Collector:
    """As it runs, with yesterday's prices in memory."""
    made = Collector({"bench": board(exchange, quote)}, EXCHANGES, writer, lambda: Instant(T, 0))
    markets = [Market(exchange, f"C{i}", quote, f"C{i}{quote}") for i in range(MARKETS)]
    made.prices.watch(markets)
    minute = ref_minute(T)
    for i, market in enumerate(markets):
        made.prices.history.fill(market.key, [(minute, Decimal(price(i)) / 100)], minute + MINUTE)
    made.prices.history.take()
    return made


async def measure(task: str, kind: str, host: str, port: int) -> float:
    exchange = EXCHANGES[kind.split(maxsplit=1)[0]]
    memory: Memory = {}
    async with Writer(f"redis://{host}:{port}") as writer:
        await writer.claim(T)
        sink = collector(exchange.name, exchange.quotes[0], writer)

        def handle(frame: str | bytes, number: int) -> None:
            now = Instant(T + number, number)
            for event in read(exchange, frame, memory):
                if isinstance(event, DATA):
                    sink.event(exchange.name, 1, event, now)

        result = await per_core_second(kind, handle, sink._outbox.send if task == "redis" else None)
        assert sink.counts[exchange.name, "accepted"] == sum(sink.counts.values()), sink.counts
        await writer.release()
    return result


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    serve(measure)
