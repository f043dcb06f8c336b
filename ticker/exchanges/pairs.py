"""Pure: pair codes without a separator, split by the quote currencies that venues use: BTCUSDT -> BTC, USDT."""

from functools import lru_cache
from typing import Final

QUOTES: Final = (
    *("FDUSD", "RLUSD", "USDT", "USDC", "TUSD", "BUSD", "USDE", "USD1", "BIDR", "IDRT", "EURI", "EURC", "EURR"),
    *("USD", "EUR", "KRW", "BTC", "ETH", "BNB", "DAI", "GBP", "JPY", "TRY", "BRL", "AUD", "MXN", "ARS", "PLN"),
    *("RUB", "UAH", "ZAR", "CZK", "RON", "COP", "IDR", "SGD", "CHF", "CAD", "HTX", "TRX", "XRP", "DOT", "MNT"),
)
"""The longest first: BTCUSDT is in USDT."""


@lru_cache(maxsize=16384)
def split(code: str, quotes: tuple[str, ...] = QUOTES) -> tuple[str, str]:
    """(symbol, quote) of a pair code in any case; ValueError where none of the quotes ends it.

    Where an exchange has few quotes, its own read better: SHIBUSD is in BUSD only where BUSD is traded.
    """
    upper = code.upper()
    for quote in quotes:
        if upper.endswith(quote) and len(upper) > len(quote):
            return upper[: -len(quote)], quote
    raise ValueError(f"no known quote ends {code!r:.40}")
