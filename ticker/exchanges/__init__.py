"""The registry: one row per exchange, in the order `ticker doctor` lists them."""

from typing import Final

from ticker.exchanges.binance import BINANCE
from ticker.exchanges.bithumb import BITHUMB
from ticker.exchanges.coinbase import COINBASE
from ticker.exchanges.coinone import COINONE
from ticker.exchanges.exchange import Exchange as Exchange
from ticker.exchanges.gopax import GOPAX
from ticker.exchanges.korbit import KORBIT
from ticker.exchanges.upbit import UPBIT

ALL: Final[tuple[Exchange, ...]] = (UPBIT, BITHUMB, COINONE, KORBIT, GOPAX, BINANCE, COINBASE)

EXCHANGES: Final[dict[str, Exchange]] = {exchange.name: exchange for exchange in ALL}
