"""Bitfinex, spot markets in USD, USDT, EUR, BTC and others.

Source: https://docs.bitfinex.com (websocket: public channels, ticker, trades; REST v2; read 2026-11). What its "change"
means: `DAILY_CHANGE` is the move of 24 hours; its percent was seen to be wrong: the price before is last - change.

- Data frames carry only a channel number, whose meaning `subscribed` tells: remembered for one connection.
- The ticker is renewed each 10 to 15 seconds at most, without a time: trades are subscribed beside it.
- Its names are its own: UST is USDT, LUNA is LUNC. Longer names have a colon (tAVAX:USD).
"""

from decimal import Decimal
from typing import Any, Final

import orjson

from ticker import money
from ticker.exchanges.exchange import Candles, Exchange, Frame, Keepalive, Memory, Request, Rolling
from ticker.model import SYMBOL, Event, Goodbye, Market, Refused, Tick

OURS: Final = (
    {"UST": "USDT", "UDC": "USDC", "EUT": "EURT", "TSD": "TUSD", "WBT": "WBTC", "BCHN": "BCH", "BCHABC": "XEC"}
    | {"ALG": "ALGO", "AMP": "AMPL", "ATO": "ATOM", "DAT": "DATA", "DSH": "DASH", "IOT": "IOTA", "MNA": "MANA"}
    | {"QTM": "QTUM", "STJ": "STORJ", "LUNA": "LUNC", "LUNA2": "LUNA", "TERRAUST": "USTC", "DOG": "MDOGE", "IDX": "ID"}
)  # /v2/conf/pub:map:currency:sym
CHANNELS: Final = ("ticker", "trades")


def _pair(code: str) -> tuple[str, str]:
    symbol, quote = code.split(":") if ":" in code else (code[:-3], code[-3:])
    return OURS.get(symbol, symbol), OURS.get(quote, quote)


def _subscription(code: str, channel: str) -> str:
    return orjson.dumps({"event": "subscribe", "channel": channel, "symbol": code}).decode()


def parse(frame: Frame, memory: Memory) -> list[Event]:
    """A ticker or trades of a known channel; an error; an announced end; heartbeats and the rest are nothing."""
    message = orjson.loads(frame)
    if isinstance(message, list):
        return _data(memory.get(message[0]), *message[1:3])
    event, code = message["event"], message.get("code")
    if event == "subscribed" and message["channel"] in CHANNELS and message["symbol"][0] == "t":
        memory[message["chanId"]] = (message["channel"], *_pair(message["symbol"][1:]))
    if event == "info" and code in {20051, 20060}:  # reconnect, maintenance
        return [Goodbye(f"{code} {message.get('msg')}"[:60])]
    return [Refused(f"{code} {message.get('msg')} {message.get('symbol')}"[:60])] if event == "error" else []


def _data(known: Any, news: Any, trade: Any = None) -> list[Event]:
    """A ticker, a trade after "te" or "tu", or the newest of the thirty trades that a channel begins with."""
    if known is None or (isinstance(news, str) and not isinstance(trade, list)):  # "hb", "cs"
        return []
    channel, symbol, quote = known
    if channel == "ticker":
        return [Tick(symbol, quote, money.price(news[6]))]
    newest = [trade] if isinstance(news, str) else sorted(news)[-1:]
    return [Tick(symbol, quote, money.price(price), int(at)) for _, at, _, price, *_ in newest]


def parse_markets(body: bytes) -> list[Market]:
    """`/v2/conf/pub:list:pair:exchange`: names alone: what is listed trades, some for paper money (left out)."""
    found = [(code, *_pair(code)) for code in orjson.loads(body)[0] if not code.startswith("TEST")]
    return [Market("bitfinex", symbol, q, f"t{code}") for code, symbol, q in found if SYMBOL.fullmatch(symbol)]


def _candles(market: Market, end: int, count: int) -> Request:
    return Request(f"/v2/candles/trade:1m:{market.code}/hist?end={end - 1}&limit={count}")


def parse_candles(body: bytes) -> list[tuple[int, Decimal]]:
    """Rows of (ms, open, close, high, low, volume), newest first, silent minutes absent."""
    return [(int(row[0]), money.price(row[2])) for row in orjson.loads(body)]


def parse_rolling(body: bytes) -> dict[str, Decimal]:
    """`/v2/tickers`: last - change of the USD markets; loans, whose names begin with f, are in the list."""
    rows = [row for row in orjson.loads(body) if row[0][0] == "t" and row[7] is not None and row[5] is not None]
    told = [(*_pair(row[0][1:]), Decimal(repr(row[7])) - Decimal(repr(row[5]))) for row in rows]
    return {symbol: before for symbol, quote, before in told if quote == "USD" and before > 0}


BITFINEX: Final = Exchange(
    name="bitfinex",
    title={"ko": "비트파이넥스", "en": "Bitfinex"},
    quotes=("USD", "USDT", "EUR", "GBP", "BTC"),
    ws_url="wss://api-pub.bitfinex.com/ws/2",
    rest_url="https://api-pub.bitfinex.com",
    markets=(Request("/v2/conf/pub:list:pair:exchange"),),
    parse_markets=parse_markets,
    subscribe=lambda markets, _m, _now: [_subscription(one.code, kind) for one in markets for kind in CHANNELS],
    parse=parse,
    keepalive=Keepalive(20.0, lambda now: f'{{"event":"ping","cid":{now}}}'),
    candles=Candles(_candles, parse_candles, most=1500, per_s=0.4),  # 30 a minute
    rolling=Rolling(Request("/v2/tickers?symbols=ALL"), parse_rolling, "USD"),
    silence_s=60.0,
    most_markets=12,  # 25 channels
    connects_per_s=0.3,  # 20 a minute
    frame_gap_s=0.05,
)
