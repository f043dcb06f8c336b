"""ccxt.pro: a frame becomes a unified dict of floats, kept in its cache; nobody awaits it.

It has no guard, no 24-hour change of its own and no Redis. It reads Upbit's default form only.
"""

import asyncio

import ccxt
import ccxt.pro
import uvloop
from ccxt.async_support.base.ws.client import Client
from contest import per_core_second, serve
from frames import MARKETS

URLS = {"upbit": "wss://api.upbit.com/websocket/v1", "binance": "wss://stream.binance.com:9443/stream"}
QUOTES = {"upbit": "KRW", "binance": "USDT"}


def market(exchange: ccxt.Exchange, i: int) -> dict[str, object]:
    base, quote = f"C{i}", QUOTES[exchange.id]
    code = f"{quote}-{base}" if exchange.id == "upbit" else f"{base}{quote}"
    names = {"id": code, "symbol": f"{base}/{quote}", "base": base, "quote": quote, "baseId": base, "quoteId": quote}
    kinds = dict.fromkeys(("margin", "swap", "future", "option", "contract"), False)
    return exchange.safe_market_structure({**names, **kinds, "type": "spot", "spot": True, "active": True})


async def measure(task: str, kind: str, _host: str, _port: int) -> float | None:
    if task != "accept" or kind == "upbit trade, short":
        return None
    name = kind.split(maxsplit=1)[0]
    exchange = getattr(ccxt.pro, name)()
    exchange.set_markets([market(exchange, i) for i in range(MARKETS)])
    client = Client(URLS[name], exchange.handle_message, None, None, None)
    result = await per_core_second(kind, lambda frame, _number: client.handle_text_or_binary_message(frame), None)
    assert len(exchange.trades if "trade" in kind else exchange.tickers) == MARKETS
    await exchange.close()
    return result


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    serve(measure)
