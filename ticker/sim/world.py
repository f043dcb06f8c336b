"""Pure: a world of prices for simulated exchanges: a day behind it, and a walk by each coin's own price step.

The day ends at the printed price and begins at one that gives exactly the printed percent. A frozen world has the whole
day at its first price, so that price and percent stand still for 24 hours.
"""

import random
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Final

from ticker import money
from ticker.exchanges import EXCHANGES
from ticker.model import DAY, MINUTE

ARTICLE: Final = {
    "BTC": ("57895000", "3.79"),
    "ETH": ("1914000", "5.8"),
    "XRP": ("529.1", "-0.38"),
    "LTC": ("214000", "2.69"),
    "EOS": ("4309", "0.35"),
    "BCH": ("585000", "2.01"),
    "XLM": ("468.3", "1.19"),
    "TRX": ("58.29", "1.02"),
    "ADA": ("1289", "-0.62"),
    "BSV": ("210300", "1.06"),
    "DASH": ("243700", "1.75"),
    "ETC": ("13280", "4.08"),
    "XEM": ("839.5", "-6.9"),
    "ZEC": ("144800", "2.19"),
    "VET": ("65.86", "8.47"),
    "WAVES": ("11470", "-1.97"),
    "BAT": ("776.6", "0.34"),
    "BTG": ("33230", "4.93"),
    "QTUM": ("7285", "2.17"),
    "OMG": ("5785", "7.03"),
    "LINK": ("32600", "3.46"),
    "ZIL": ("135.1", "0.82"),
    "REP": ("35020", "1.63"),
}
"""Symbol -> (price in KRW, percent): the sidebar of a news article of February 2021."""
OTHERS: Final = {
    "SOL": ("15240", "2.41"),
    "DOGE": ("58.71", "-1.34"),
    "SUI": ("4120", "0.88"),
    "HBAR": ("142.6", "3.05"),
    "AVAX": ("31850", "-2.27"),
    "SHIB": ("0.0213", "1.43"),
    "DOT": ("38210", "1.92"),
    "UNI": ("29870", "-0.77"),
    "NEAR": ("4865", "4.41"),
    "APT": ("9215", "-3.06"),
    "ATOM": ("21040", "0.57"),
}
WON: Final = {"KRW": Decimal(1), "USD": Decimal(1113), "USDT": Decimal(1117)}
"""Won for one unit of a currency, in the article's month."""
FIGURES: Final = 5
"""Digits after the first one of a price whose exchange has no table of steps."""
NEAR: Final = (0.99, 1.01)
"""Price over its home; beyond these a walk is drawn back."""
MINUTES: Final = DAY // MINUTE
KEPT: Final = MINUTES + 60
"""Minutes of trades kept: a demo may run for years."""
QUIET: Final = 7
"""One minute in this many has no trade."""


class Coin:
    """One market of a simulated exchange: its past minutes, its last price, its next trade."""

    def __init__(self, exchange: str, symbol: str, price: Decimal, percent: str, start: int, *, frozen: bool) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.code = f"KRW-{symbol}"
        self._table = [(Decimal(least), Decimal(step)) for least, step in EXCHANGES[exchange].tick_table]
        self.price = price // self.step(price) * self.step(price)
        self.ts = start
        self._home = self.price
        self._percent = Decimal(percent)
        self._start = start
        self._frozen = frozen
        self._chance = random.Random(f"{exchange}{symbol}")
        self._live: dict[int, Decimal] = {}
        self.due = start + self._chance.randrange(1500)

    @property
    def closes(self) -> dict[int, Decimal]:
        """Minute -> its last price, for the minutes of the last day that had a trade."""
        return self._day | self._live

    def step(self, price: Decimal) -> Decimal:
        """The price step of the exchange at this price."""
        for least, step in self._table:
            if price >= least:
                return step
        return Decimal(1).scaleb(price.adjusted() - FIGURES)

    def trade(self, now: int) -> None:
        """The next trade: a few steps up or down, drawn home when it has strayed; at the same price when frozen."""
        if not self._frozen:
            step, strayed = self.step(self.price), float(self.price) / float(self._home)
            steps = self._chance.choice((-2, -1, -1, 0, 1, 1, 2)) + (strayed < NEAR[0]) - (strayed > NEAR[1])
            self.price = max(step, self.price + steps * step)
        self.ts = now
        self._live[now - now % MINUTE] = self.price
        if len(self._live) > KEPT:
            del self._live[next(iter(self._live))]
        self.due = now + round(self._chance.expovariate(1 / 1200)) + 150

    @cached_property
    def _day(self) -> dict[int, Decimal]:
        """The closes of the day before the start: from the base to the price on the grid, silent minutes left out."""
        base = _base(self._home, self._percent, self.step(self._home))
        this, chance = self._start - self._start % MINUTE, random.Random(f"{self.symbol} yesterday")
        closes, noise = {this: self._home}, 0.0
        for back in range(MINUTES + 90, 0, -1):
            if back >= MINUTES or self._frozen:
                closes[this - back * MINUTE] = base
                continue
            progress = 1 - back / MINUTES
            noise += chance.uniform(-0.0006, 0.0006)
            wander = Decimal(noise * 4 * progress * (1 - progress)).quantize(Decimal("1e-6"))
            level = base + (self._home - base) * Decimal(progress).quantize(Decimal("1e-6")) + self._home * wander
            if chance.randrange(QUIET):
                closes[this - back * MINUTE] = level // self.step(level) * self.step(level)
        return closes


class World:
    """Every coin of every simulated exchange."""

    def __init__(
        self,
        start: int,
        exchanges: Iterable[str] = ("bithumb", "upbit"),
        *,
        frozen: bool = False,
        coins: Mapping[str, tuple[str, str]] = ARTICLE | OTHERS,
    ) -> None:
        self.start = start
        self.coins: dict[str, dict[str, Coin]] = {}
        for number, exchange in enumerate(exchanges):
            rate = WON[currency(exchange)]
            dearer = 1 + Decimal(number) * Decimal("0.0007")  # no two exchanges agree
            self.coins[exchange] = {
                symbol: Coin(exchange, symbol, Decimal(price) * dearer / rate, percent, start, frozen=frozen)
                for symbol, (price, percent) in coins.items()
            }

    def advance(self, now: int) -> list[Coin]:
        """Let every trade that is due happen; the coins that traded."""
        traded = [coin for coins in self.coins.values() for coin in coins.values() if coin.due <= now]
        for coin in traded:
            coin.trade(now)
        return traded


def currency(exchange: str) -> str:
    """What the markets of an exchange are simulated in."""
    return next(quote for quote in EXCHANGES[exchange].quotes if quote in WON)


def _base(price: Decimal, percent: Decimal, step: Decimal) -> Decimal:
    """A price that `percent` leads away from to `price`, on the grid where it has one, else as near as needed."""
    about = price / (1 + percent / 100)
    for grid in (step, step / 10, step / 100, step / 10000):
        nearest = (about / grid).quantize(Decimal(1)) * grid
        if money.percent(price, nearest) == percent:
            return nearest
    raise ValueError(f"no price lies {percent} % below {price}")
