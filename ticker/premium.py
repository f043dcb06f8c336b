"""Pure: the Kimchi premium: how much dearer a coin is in Korea than abroad, over the won price of the dollar coin.

`(krw - usdt * rate) / (usdt * rate) * 100`, half away from zero to two decimals. The rate is USDT/KRW on a Korean
exchange; no figure is ever assumed, and without a fresh price for each leg there is no premium.
"""

from typing import Final

from ticker import money
from ticker.model import Board, Instant
from ticker.quotes import Quote, Quotes
from ticker.report import Leg, Legs

DOLLAR: Final = "USDT"


class Premium:
    """The legs of one board's premium."""

    def __init__(self, board: Board, quotes: Quotes) -> None:
        self._board = board
        self._quotes = quotes

    def percent(self, quote: Quote, now: Instant) -> str | None:
        """The premium of a won price as text; None while a leg is missing or not current."""
        rate = self._first(self._board.sources, DOLLAR, self._board.quote, now)
        abroad = self._first(self._board.premium, quote.market.symbol, DOLLAR, now)
        if rate is None or abroad is None or not quote.usable(now):
            return None
        if quote.price is None or rate.price is None or abroad.price is None:
            return None
        return money.plain(money.percent(quote.price, abroad.price * rate.price))

    def legs(self, now: Instant) -> Legs:
        """Which prices the premiums of now are made of: the rate, and the price abroad of each symbol."""
        rate = self._first(self._board.sources, DOLLAR, self._board.quote, now)
        abroad = {symbol: self._first(self._board.premium, symbol, DOLLAR, now) for symbol in self._board.symbols}
        return Legs(_leg(rate), {symbol: _leg(quote) for symbol, quote in abroad.items()})

    def _first(self, exchanges: tuple[str, ...], symbol: str, currency: str, now: Instant) -> Quote | None:
        for exchange in exchanges:
            quote = self._quotes.get(exchange, symbol, currency)
            if quote is not None and quote.usable(now):
                return quote
        return None


def _leg(quote: Quote | None) -> Leg | None:
    if quote is None or quote.price is None:
        return None
    return Leg(money.plain(quote.price), quote.market.exchange, quote.ts)
