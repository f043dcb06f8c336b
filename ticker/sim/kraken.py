"""Simulated Kraken: acknowledged or refused symbol by symbol, prices as numbers, XBT and XDG in the market list."""

from typing import Final

import orjson

from ticker.sim.kit import iso, named, refuse, rows, subscribe, text, unit
from ticker.sim.pages import says
from ticker.sim.venue import Beat, Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}/USD")
OLD: Final = {"BTC": "XBT", "DOGE": "XDG"}
STATUS: Final = {"channel": "status", "type": "update", "data": [{"api_version": "v2", "system": "online"}]}
ACK: Final = {"method": "subscribe", "success": True}
ERROR: Final = {"method": "subscribe", "success": False, "error": "Currency pair not supported"}


def _message(venue: Venue, client: Client, message: str) -> Frames:
    request = orjson.loads(message)
    if venue.faults.refuse or request["method"] == "ping":
        return refuse(client, ERROR) if venue.faults.refuse else [text({"method": "pong"})]
    asked = request["params"]["symbol"]
    frames, unknown = subscribe(venue, client, asked, CODE)
    return [*(text({**(ERROR if one in unknown else ACK), "symbol": one}) for one in asked), *frames]


def _frame(coin: Coin, _client: Client, first: bool) -> str:
    row = {"symbol": CODE(coin), "last": float(coin.price), "timestamp": iso(coin.ts)}
    return text({"channel": "ticker", "type": "snapshot" if first else "update", "data": [row]})


def _pair(coin: Coin, _now: int) -> dict[str, str]:
    return {"wsname": f"{OLD.get(coin.symbol, coin.symbol)}/USD", "status": "online", "tick_size": unit(coin.price)}


PAIRS: Final = rows(_pair, lambda found: {"error": [], "result": {str(i): pair for i, pair in enumerate(found)}})
LISTS: Final = {"/0/public/AssetPairs": PAIRS}
BEAT: Final = Beat(says({"channel": "heartbeat"}), 1.0)
PROTOCOL: Final = Protocol("kraken", "/v2", _message, _frame, LISTS, 5, 15, 60.0, says(STATUS), BEAT)
