"""Crypto.com Exchange, spot markets in USD, USDT, BTC and EUR.

Source: https://exchange-developer.crypto.com/exchange/v1/docs (as probes of 2026-09 quote it, read 2026-11). What its
"change" means: `c` is a fraction, about 24 hours; no price of then is told: computed from it until our history decides.

- It sends `public/heartbeat` each 30 seconds and wants its id back, or it closes at the third.
- 400 channels a connection; more are refused with 40107, an unknown market with 40003 and alone.
- Its futures share the stream and the lists: only names with an underscore are spot.
- A market that nobody ever traded has a ticker without a price. Candles come oldest first.
"""

from collections.abc import Sequence
from decimal import Context, Decimal
from typing import Any, Final

import orjson

from ticker import money
from ticker.exchanges.exchange import Candles, Exchange, Frame, Keepalive, Memory, Request, Rolling
from ticker.model import MINUTE, SYMBOL, Event, Market, Refused, Reply, Tick

PRICES: Final = {"ticker": "a", "trade": "p"}
API: Final = "/exchange/v1/public"
DIGITS: Final = Context(prec=10)
CHUNK: Final = 100


def _subscriptions(markets: Sequence[Market], _memory: Memory, _now: int) -> list[str]:
    channels = [f"ticker.{market.code}" for market in markets]
    chunks = [channels[i : i + CHUNK] for i in range(0, len(channels), CHUNK)]
    return [
        orjson.dumps({"id": i, "method": "subscribe", "params": {"channels": some}}).decode()
        for i, some in enumerate(chunks, 1)
    ]


def parse(frame: Frame, _memory: Memory) -> list[Event]:
    """A ticker or trades, oldest first; a heartbeat; an error; acks, candles and order books are nothing."""
    message = orjson.loads(frame)
    if message["method"] == "public/heartbeat":
        return [Reply(f'{{"id":{int(message["id"])},"method":"public/respond-heartbeat"}}')]
    if message.get("code"):
        return [Refused(f"{message['code']} {message.get('message')} {message.get('channel')}"[:60])]
    result = message.get("result") or {}
    key, code = PRICES.get(result.get("channel", "")), result.get("instrument_name", "")
    if key is None or "_" not in code:
        return []
    symbol, quote = code.split("_")
    rows = sorted((row for row in result["data"] if row[key] is not None), key=lambda row: row["t"])
    return [Tick(symbol, quote, money.price(row[key]), int(row["t"])) for row in rows]


def _rows(body: bytes) -> Any:
    answer = orjson.loads(body)
    if answer["code"] != 0:
        raise ValueError(f"{answer['code']} {answer.get('message')}"[:100])
    return answer["result"]["data"]


def parse_markets(body: bytes) -> list[Market]:
    """`public/get-instruments`: of all kinds."""
    rows = [row for row in _rows(body) if row["inst_type"] == "CCY_PAIR" and SYMBOL.fullmatch(row["base_ccy"])]
    pairs = [(row, ("cryptocom", row["base_ccy"], row["quote_ccy"], row["symbol"])) for row in rows]
    steps = [(row["tradable"], pair, money.plain(money.price(row["price_tick_size"]))) for row, pair in pairs]
    return [Market(*pair, step, suspended=tradable is not True) for tradable, pair, step in steps]


def _candles(market: Market, end: int, count: int) -> Request:
    span = f"start_ts={end - count * MINUTE}&end_ts={end - 1}&count={count}"
    return Request(f"{API}/get-candlestick?instrument_name={market.code}&timeframe=1m&{span}")


def parse_candles(body: bytes) -> list[tuple[int, Decimal]]:
    """Rows with `t`, the minute's ms, and `c`."""
    return [(int(row["t"]), money.price(row["c"])) for row in _rows(body)]


def parse_rolling(body: bytes) -> dict[str, Decimal]:
    """`public/get-tickers`: last / (1 + change) of the USD markets, to ten figures."""
    rows = [row for row in _rows(body) if row["i"].endswith("_USD")]
    told = [(row["i"].removesuffix("_USD"), money.number(row.get("a")), money.number(row.get("c"))) for row in rows]
    return {symbol: DIGITS.divide(last, 1 + c) for symbol, last, c in told if last and c is not None and c > -1}


CRYPTOCOM: Final = Exchange(
    name="cryptocom",
    title={"ko": "크립토닷컴", "en": "Crypto.com"},
    quotes=("USD", "USDT", "BTC", "EUR"),
    ws_url="wss://stream.crypto.com/exchange/v1/market",
    rest_url="https://api.crypto.com",
    markets=(Request(f"{API}/get-instruments"),),
    parse_markets=parse_markets,
    subscribe=_subscriptions,
    parse=parse,
    keepalive=Keepalive(20.0),
    candles=Candles(_candles, parse_candles, most=300, per_s=20.0),  # 100 a second
    rolling=Rolling(Request(f"{API}/get-tickers"), parse_rolling, "USD"),
    silence_s=30.0,
    most_markets=300,
)
