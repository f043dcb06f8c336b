"""The registry: one row per exchange, in the order `ticker doctor` lists them."""

from typing import Final

from ticker.exchanges.binance import BINANCE
from ticker.exchanges.bitfinex import BITFINEX
from ticker.exchanges.bitget import BITGET
from ticker.exchanges.bithumb import BITHUMB
from ticker.exchanges.bitstamp import BITSTAMP
from ticker.exchanges.bybit import BYBIT
from ticker.exchanges.coinbase import COINBASE
from ticker.exchanges.coinone import COINONE
from ticker.exchanges.cryptocom import CRYPTOCOM
from ticker.exchanges.exchange import Exchange as Exchange
from ticker.exchanges.gate import GATE
from ticker.exchanges.gemini import GEMINI
from ticker.exchanges.gopax import GOPAX
from ticker.exchanges.htx import HTX
from ticker.exchanges.korbit import KORBIT
from ticker.exchanges.kraken import KRAKEN
from ticker.exchanges.kucoin import KUCOIN
from ticker.exchanges.okx import OKX
from ticker.exchanges.upbit import UPBIT

ALL: Final[tuple[Exchange, ...]] = (
    *(UPBIT, BITHUMB, COINONE, KORBIT, GOPAX),
    *(BINANCE, COINBASE, KRAKEN, OKX, BYBIT, BITFINEX, KUCOIN, GATE),
    *(HTX, BITSTAMP, GEMINI, CRYPTOCOM, BITGET),
)

EXCHANGES: Final[dict[str, Exchange]] = {exchange.name: exchange for exchange in ALL}
