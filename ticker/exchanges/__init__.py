"""The registry: one row per exchange, in the order `ticker doctor` lists them."""

from typing import Final

from ticker.exchanges.bithumb import BITHUMB
from ticker.exchanges.exchange import Exchange as Exchange
from ticker.exchanges.upbit import UPBIT

ALL: Final[tuple[Exchange, ...]] = (UPBIT, BITHUMB)

EXCHANGES: Final[dict[str, Exchange]] = {exchange.name: exchange for exchange in ALL}
