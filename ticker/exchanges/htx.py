"""HTX (once Huobi), spot markets in USDT, USDC, BTC and others.

Source: https://huobiapi.github.io/docs/spot/v1/en (market data, reference data; a stored copy read 2026-11). What its
"change" means: it tells none. `open` of `/market/tickers`, the only request for all markets, is documented as the open
of the day in Singapore: never used. Minute candles reach back 33 hours, so our own history decides alone.

- Every frame is gzip, its {"ping": ms} each five seconds too: unanswered ones end the connection.
- One topic a frame. Unknown and suspended markets are refused, each on its own.
- Codes run together in lower case: the list's names are remembered when subscribing. `bcdn` is a name, `bc` a code.
- A page of candles begins at the newest minute, whatever minute is wanted. Errors of REST come with status 200.
"""

import contextlib
import re
import zlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import orjson

from ticker import money
from ticker.exchanges import pairs
from ticker.exchanges.exchange import Candles, Exchange, Frame, Keepalive, Memory, Request
from ticker.model import SYMBOL, Event, Market, Refused, Reply, Tick

QUOTES: Final = ("USDT", "USDC", "USDD", "BTC", "ETH", "HTX", "TRX", "HUSD")  # HUSD has gone
GZIP: Final = 31
LARGEST: Final = 1 << 20
CANDLES: Final = "/market/history/kline?period=1min&size=2000&symbol="
TOPIC: Final = re.compile(r"market\.(\w+)\.(ticker|trade\.detail)")


def _subscriptions(markets: Sequence[Market], memory: Memory, _now: int) -> list[str]:
    memory |= {market.code: (market.listed or market.symbol, market.quote) for market in markets}
    return [orjson.dumps({"sub": f"market.{m.code}.ticker", "id": m.code}).decode() for m in markets]


def inflated(frame: Frame) -> Frame:
    """What a frame says; ValueError when its gzip is broken, cut, or larger than any frame of theirs."""
    if isinstance(frame, str) or frame[:2] != b"\x1f\x8b":
        return frame
    inflate = zlib.decompressobj(GZIP)
    with contextlib.suppress(zlib.error):
        found = inflate.decompress(frame, LARGEST)
        if inflate.eof:
            return found
    raise ValueError("not gzip, cut, or too large")


def parse(frame: Frame, memory: Memory) -> list[Event]:
    """A ticker or trades, oldest first; a ping; an error; acks, candles and order books are nothing."""
    message = orjson.loads(inflated(frame))
    if "ping" in message:
        return [Reply(f'{{"pong":{int(message["ping"])}}}')]
    if message.get("status") == "error":
        return [Refused(f"{message.get('err-code')} {message.get('err-msg')}"[:60])]
    if (told := TOPIC.fullmatch(message.get("ch", ""))) is None:
        return []
    symbol, quote = memory.get(told[1]) or pairs.split(told[1], QUOTES)
    if told[2] == "ticker":
        return [Tick(symbol, quote, money.price(message["tick"]["lastPrice"]), int(message["ts"]))]
    return [Tick(symbol, quote, money.price(row["price"]), int(row["ts"])) for row in message["tick"]["data"][::-1]]


def parse_markets(body: bytes) -> list[Market]:
    """`/v2/settings/common/symbols`: most of the list is offline; `tpp` is the number of a price's digits."""
    return [
        Market(
            *("htx", row["bcdn"].upper(), row["qcdn"].upper(), row["sc"]),
            tick_size=money.plain(Decimal(1).scaleb(-int(row["tpp"]))),
            suspended=row["state"] != "online" or row.get("te") is False,
            delisted=row["state"] == "offline",
        )
        for row in orjson.loads(body)["data"]
        if row["state"] not in {"unknown", "not-online", "pre-online"} and SYMBOL.fullmatch(row["bcdn"].upper())
    ]


def parse_candles(body: bytes) -> list[tuple[int, Decimal]]:
    """Rows newest first, `id` is the minute's second."""
    return [(int(row["id"]) * 1000, money.price(row["close"])) for row in orjson.loads(body)["data"]]


HTX: Final = Exchange(
    name="htx",
    title={"ko": "HTX", "en": "HTX"},
    quotes=QUOTES[:-1],
    ws_url="wss://api.huobi.pro/ws",
    rest_url="https://api.huobi.pro",
    markets=(Request("/v2/settings/common/symbols"),),
    parse_markets=parse_markets,
    subscribe=_subscriptions,
    parse=parse,
    keepalive=Keepalive(20.0),
    candles=Candles(lambda market, _end, _count: Request(CANDLES + market.code), parse_candles, most=2000, per_s=8.0),
    silence_s=30.0,
    most_markets=200,
    frame_gap_s=0.05,
)
