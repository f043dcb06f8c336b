"""The frames that everybody reads: of our own writing, in the documented form, 500 markets whose prices move a little.

Only the standard library: the peers' own environment reads this too.
"""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

T = 1_790_000_000_000
MARKETS = 500
KINDS = ("upbit trade, short", "upbit trade", "upbit ticker", "binance trade", "binance ticker")


def price(i: int) -> int:
    """In hundredths."""
    return 100_000 + 100 * (i % MARKETS) + 7 * ((i // MARKETS) % 13)


def upbit_trade_short(i: int) -> dict[str, Any]:
    return {
        "ty": "trade",
        "cd": f"KRW-C{i % MARKETS}",
        "tms": T + i + 40,
        "td": "2026-09-21",
        "ttm": "14:13:20",
        "ttms": T + i,
        "tp": price(i) / 100,
        "tv": 0.01234567,
        "ab": "BID",
        "pcp": 1000.0,
        "c": "RISE",
        "cp": 12.5,
        "sid": (T + i) * 10_000,
        "st": "REALTIME",
    }


def upbit_trade(i: int) -> dict[str, Any]:
    return {
        "type": "trade",
        "code": f"KRW-C{i % MARKETS}",
        "timestamp": T + i + 40,
        "trade_date": "2026-09-21",
        "trade_time": "14:13:20",
        "trade_timestamp": T + i,
        "trade_price": price(i) / 100,
        "trade_volume": 0.01234567,
        "ask_bid": "BID",
        "prev_closing_price": 1000.0,
        "change": "RISE",
        "change_price": 12.5,
        "sequential_id": (T + i) * 10_000,
        "stream_type": "REALTIME",
    }


def upbit_ticker(i: int) -> dict[str, Any]:
    return {
        "type": "ticker",
        "code": f"KRW-C{i % MARKETS}",
        "opening_price": 1000.0,
        "high_price": 1700.0,
        "low_price": 900.0,
        "trade_price": price(i) / 100,
        "prev_closing_price": 1000.0,
        "acc_trade_price": 123456789.12345678,
        "change": "RISE",
        "change_price": 12.5,
        "signed_change_price": 12.5,
        "change_rate": 0.0125,
        "signed_change_rate": 0.0125,
        "ask_bid": "BID",
        "trade_volume": 0.01234567,
        "acc_trade_volume": 12345.6789,
        "trade_date": "20260921",
        "trade_time": "141320",
        "trade_timestamp": T + i,
        "acc_ask_volume": 6172.83945,
        "acc_bid_volume": 6172.83945,
        "highest_52_week_price": 2000.0,
        "highest_52_week_date": "2026-01-05",
        "lowest_52_week_price": 500.0,
        "lowest_52_week_date": "2025-11-21",
        "market_state": "ACTIVE",
        "is_trading_suspended": False,
        "delisting_date": None,
        "market_warning": "NONE",
        "timestamp": T + i + 40,
        "acc_trade_price_24h": 223456789.12345678,
        "acc_trade_volume_24h": 22345.6789,
        "stream_type": "REALTIME",
    }


def text(i: int) -> str:
    return f"{price(i) / 100:.8f}"


def binance_trade(i: int) -> dict[str, Any]:
    data = {
        "e": "aggTrade",
        "E": T + i + 40,
        "s": f"C{i % MARKETS}USDT",
        "a": 1_000_000 + i,
        "p": text(i),
        "q": "0.01234000",
        "f": 2_000_000 + i,
        "l": 2_000_001 + i,
        "T": T + i,
        "m": i % 2 == 0,
        "M": True,
    }
    return {"stream": f"c{i % MARKETS}usdt@aggTrade", "data": data}


def binance_ticker(i: int) -> dict[str, Any]:
    data = {
        "e": "24hrTicker",
        "E": T + i,
        "s": f"C{i % MARKETS}USDT",
        "p": "12.50000000",
        "P": "1.250",
        "w": "1010.00000000",
        "x": "1000.00000000",
        "c": text(i),
        "Q": "0.01234000",
        "b": "1000.00000000",
        "B": "4.10400000",
        "a": "1000.01000000",
        "A": "0.00100000",
        "o": "1000.00000000",
        "h": "1700.00000000",
        "l": "900.00000000",
        "v": "12345.67890000",
        "q": "12345678.90000000",
        "O": T + i - 86_400_000,
        "C": T + i,
        "F": 1_000_000,
        "L": 1_163_222,
        "n": 163_223,
    }
    return {"stream": f"c{i % MARKETS}usdt@ticker", "data": data}


WRITERS: dict[str, Callable[[int], dict[str, Any]]] = {
    "upbit trade, short": upbit_trade_short,
    "upbit trade": upbit_trade,
    "upbit ticker": upbit_ticker,
    "binance trade": binance_trade,
    "binance ticker": binance_ticker,
}


@lru_cache
def frames(kind: str, count: int) -> list[str | bytes]:
    """Upbit sends binary frames, Binance text."""
    made = (json.dumps(WRITERS[kind](i), separators=(",", ":")) for i in range(count))
    return [frame.encode() if kind.startswith("upbit") else frame for frame in made]
