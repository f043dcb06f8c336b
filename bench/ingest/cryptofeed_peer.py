"""cryptofeed: a trade frame becomes a Trade of exact decimals, handed to a callback that does nothing.

To Redis: every trade is written, by its own backends: a stream entry (XADD) or a sorted set's member (ZADD), pipelined.
It has no guard and no 24-hour change, reads no tickers with a last price, and of Upbit only the short form.
"""

import asyncio

import uvloop
from contest import per_core_second, serve
from cryptofeed.backends.redis import TradeRedis, TradeStream
from cryptofeed.defines import TRADES
from cryptofeed.exchanges import Binance, Upbit
from cryptofeed.symbols import Symbols
from frames import MARKETS

READS = {
    "upbit trade, short": (Upbit, {f"C{i}-KRW": f"KRW-C{i}" for i in range(MARKETS)}),
    "binance trade": (Binance, {f"C{i}-USDT": f"C{i}USDT" for i in range(MARKETS)}),
}
BACKENDS = {"redis": TradeStream, "redis, sorted sets": TradeRedis}


async def nothing(_trade: object, _received: float) -> None:
    """The cheapest callback there is."""


async def measure(task: str, kind: str, host: str, port: int) -> float | None:
    if kind not in READS:
        return None
    exchange, symbols = READS[kind]
    Symbols.set(exchange.id, symbols, {})
    backend = BACKENDS[task](host=host, port=port) if task in BACKENDS else None
    feed = exchange(symbols=list(symbols), channels=[TRADES], callbacks={TRADES: backend or nothing})
    if backend is None:
        return await per_core_second(kind, lambda frame, number: feed.message_handler(frame, None, float(number)), None)
    backend.start(asyncio.get_running_loop())
    result = await per_core_second(
        kind, lambda frame, number: feed.message_handler(frame, None, float(number)), backend.queue.join
    )
    await backend.stop()
    await backend.worker
    return result


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    serve(measure)
