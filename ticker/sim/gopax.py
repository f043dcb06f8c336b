"""Simulated GOPAX: all tickers at once with one delisted long ago, primus pings, candles without gaps."""

from typing import Final

from ticker.model import MINUTE
from ticker.sim.habits import ticking
from ticker.sim.kit import candles, named, refuse, rows, text
from ticker.sim.venue import Beat, Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = named("{}-KRW")
DELISTED: Final = {"tradingPairName": "GONE-KRW", "last": 1, "lastTraded": 1600000000000}


def _row(coin: Coin) -> dict[str, object]:
    return {"tradingPairName": CODE(coin), "last": float(coin.price), "lastTraded": coin.ts}


def _message(venue: Venue, client: Client, message: str) -> Frames:
    if message.startswith('"primus::pong::'):
        return []
    if venue.faults.refuse or '"SubscribeToTickers"' not in message:
        return refuse(client, {"n": "SubscribeToTickers", "o": {"result": False, "errCode": 10001}})
    client.codes = {coin.code for coin in venue.coins.values()}
    data = [] if venue.faults.silent else [*map(_row, venue.coins.values()), DELISTED]
    return [text({"n": "SubscribeToTickers", "o": {"data": data}})]


def _frame(coin: Coin, _client: Client, _first: bool) -> str:
    return text({"i": -1, "n": "TickerEvent", "o": {CODE(coin): _row(coin)}})


BEAT: Final = Beat(ticking(lambda now: text(f"primus::ping::{now}")), 30.0, "primus::pong")
PAIRS: Final = rows(lambda coin, _now: {"name": CODE(coin), "baseAsset": coin.symbol, "quoteAsset": "KRW"})
SPAN: Final = ("start", "end", MINUTE)
CANDLES: Final = candles(CODE, SPAN, lambda at, close: [at, 0, 0, 0, float(close), 0], 1024, filled=True)
ROUTES: Final = {"/trading-pairs": PAIRS, "/trading-pairs/{code}/candles": CANDLES}
PROTOCOL: Final = Protocol("gopax", "/", _message, _frame, ROUTES, 20, 20, beat=BEAT)
