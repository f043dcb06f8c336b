"""Simulated Upbit: `to` of candles is UTC, or says its zone; one unknown code fails a whole request."""

from datetime import UTC
from typing import Final

from ticker.sim import quotation
from ticker.sim.venue import Client, Protocol
from ticker.sim.world import Coin


def _frame(coin: Coin, client: Client, first: bool) -> bytes:
    return quotation.frame(coin, client, UTC, first=first)


ROUTES: Final = {
    "/v1/market/all": quotation.markets,
    "/v1/ticker": quotation.tickers,
    "/v1/candles/minutes/1": lambda venue, request: quotation.candles(venue, request, UTC),
}
PROTOCOL: Final = Protocol("upbit", "/websocket/v1", quotation.message, _frame, ROUTES, 10, 5, deflates=True)
