"""Simulated Bitfinex: channels by number, one subscription a frame, names of its own, candles that reach back."""

from typing import Final
from zlib import crc32

import orjson

from ticker.sim.kit import before, refuse, rows, subscribe, text
from ticker.sim.pages import pages, renamed, says, until
from ticker.sim.venue import Beat, Client, Frames, Protocol, Venue
from ticker.sim.world import Coin

CODE: Final = renamed("t{}USD", DASH="DSH", QTUM="QTM", AVAX="AVAX:", LINK="LINK:")
ERROR: Final = {"event": "error", "msg": "symbol: invalid", "code": 10300}
BYE: Final = says({"event": "info", "code": 20051, "msg": "Stopping. Please try to reconnect"})


def _message(venue: Venue, client: Client, message: str) -> Frames:
    request = orjson.loads(message)
    if venue.faults.refuse or request["event"] == "ping":
        return refuse(client, ERROR) if venue.faults.refuse else [text({"event": "pong"})]
    frames, unknown = subscribe(venue, client, [request["symbol"]], CODE)
    ack = {**request, "event": "subscribed", "chanId": crc32(f"{request['channel']}{request['symbol']}".encode())}
    first = frames if request["channel"] == "ticker" else []
    return [text({**request, **ERROR})] if unknown else [text(ack), *first]


def _frame(coin: Coin, _client: Client, first: bool) -> str:
    channel = crc32(f"{'ticker' if first else 'trades'}{CODE(coin)}".encode())
    news = [[0, 0, 0, 0, 0, 0, float(coin.price)]] if first else ["te", [coin.ts, coin.ts, 1, float(coin.price)]]
    return text([channel, *news])


LIST: Final = rows(lambda coin, _now: CODE(coin)[1:], lambda found: [found])
ROWS: Final = rows(lambda c, now: [CODE(c), 0, 0, 0, 0, float(c.price - before(c, now)), 0, float(c.price)])
PAST: Final = pages(CODE, until("code", "end", more=1), lambda at, close: [at, 0, float(close)], 10000, reach=True)
ROUTES: Final = {"/v2/conf/pub:list:pair:exchange": LIST, "/v2/tickers": ROWS, "/v2/candles/trade:1m:{code}/hist": PAST}
HELLO: Final = says({"event": "info", "version": 2, "platform": {"status": 1}})
BEAT: Final = Beat(says([0, "hb"]), 15.0)
PROTOCOL: Final = Protocol("bitfinex", "/ws/2", _message, _frame, ROUTES, 20, 20, 60.0, HELLO, BEAT, BYE)
