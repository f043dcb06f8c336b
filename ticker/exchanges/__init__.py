"""The registry: one row per exchange, in the order `ticker doctor` lists them."""

from typing import Final

from ticker.exchanges.exchange import Exchange as Exchange

ALL: Final[tuple[Exchange, ...]] = ()

EXCHANGES: Final[dict[str, Exchange]] = {exchange.name: exchange for exchange in ALL}
