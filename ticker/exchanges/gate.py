"""Gate, spot markets in USDT, USDC, BTC, ETH and others.

Source: https://www.gate.com/docs/developers/apiv4 (spot websocket v4, REST; read 2026-11). What its "change" means:
`change_percentage` is about 24 hours; no price of then is told, so it is computed from the percent.

- A request carries its time, at most a minute off. One unknown pair refuses its whole frame (code 2).
- The time of a ticker is the frame's; a trade has its own, as text with a fraction of a millisecond.
- A service upgrade is announced by a frame without a channel. A client that sends nothing is cut.
- Candles are asked for by second, `from` and `to` both included, without a `limit`.
"""

from collections.abc import Sequence
from decimal import Context, Decimal
from typing import Any, Final

import orjson

from ticker import money
from ticker.exchanges.exchange import Candles, Exchange, Frame, Keepalive, Memory, Request, Rolling
from ticker.model import MINUTE, SYMBOL, Event, Goodbye, Market, Refused, Tick

UPGRADE: Final = "upgrade"
DIGITS: Final = Context(prec=10)
ALL_OF_IT: Final = Decimal(-100)


def _subscriptions(markets: Sequence[Market], _memory: Memory, now: int) -> list[str]:
    codes = [market.code for market in markets]
    frame = {"time": now // 1000, "channel": "spot.tickers", "event": "subscribe"}
    return [orjson.dumps({**frame, "payload": codes[i : i + 100]}).decode() for i in range(0, len(codes), 100)]


def parse(frame: Frame, _memory: Memory) -> list[Event]:
    """A ticker or a trade; an error; an announced upgrade; acks, pongs, candles and order books are nothing."""
    message = orjson.loads(frame)
    row, error = message.get("result"), message.get("error")
    if error:
        return [Refused(f"{error.get('code')} {error.get('message')}"[:60])]
    if UPGRADE in {message.get("type"), isinstance(row, dict) and row.get("type")}:
        return [Goodbye(UPGRADE)]
    channel = message.get("channel") if message.get("event") == "update" else None
    if channel == "spot.tickers":
        return [_tick(row, row["last"], message.get("time_ms") or message["time"] * 1000)]
    return [_tick(row, row["price"], row["create_time_ms"])] if channel in {"spot.trades", "spot.trades_v2"} else []


def _tick(row: dict[str, Any], price: object, ts: object) -> Tick:
    symbol, quote = row["currency_pair"].split("_")
    return Tick(symbol, quote, money.price(price), int(str(ts).partition(".")[0]))


def parse_markets(body: bytes) -> list[Market]:
    """`/api/v4/spot/currency_pairs`: `precision` is the digits of a price; some pairs can only be bought or sold."""
    return [
        Market(
            *("gate", row["base"], row["quote"], row["id"]),
            tick_size=money.plain(Decimal(1).scaleb(-row["precision"])),
            suspended=row["trade_status"] == "untradable",
        )
        for row in orjson.loads(body)
        if SYMBOL.fullmatch(row["base"])
    ]


def _candles(market: Market, end: int, count: int) -> Request:
    span = f"from={(end - count * MINUTE) // 1000}&to={(end - MINUTE) // 1000}"
    return Request(f"/api/v4/spot/candlesticks?currency_pair={market.code}&interval=1m&{span}")


def parse_candles(body: bytes) -> list[tuple[int, Decimal]]:
    """Rows of (second, volume, close, high, low, open, ...) in text, oldest first."""
    return [(int(row[0]) * 1000, money.price(row[2])) for row in orjson.loads(body)]


def parse_rolling(body: bytes) -> dict[str, Decimal]:
    """`/api/v4/spot/tickers`: last / (1 + percent / 100) of the USDT markets, to ten figures."""
    rows = [row for row in orjson.loads(body) if row["currency_pair"].endswith("_USDT")]
    told = [(row, money.number(row["last"]), money.number(row["change_percentage"])) for row in rows]
    return {
        row["currency_pair"].removesuffix("_USDT"): DIGITS.divide(last, 1 + percent / 100)
        for row, last, percent in told
        if last and percent is not None and percent > ALL_OF_IT
    }


GATE: Final = Exchange(
    name="gate",
    title={"ko": "게이트", "en": "Gate"},
    quotes=("USDT", "USDC", "BTC", "ETH"),
    ws_url="wss://api.gateio.ws/ws/v4/",
    rest_url="https://api.gateio.ws",
    markets=(Request("/api/v4/spot/currency_pairs"),),
    parse_markets=parse_markets,
    subscribe=_subscriptions,
    parse=parse,
    refuses_frames=True,
    keepalive=Keepalive(15.0, lambda now: f'{{"time":{now // 1000},"channel":"spot.ping"}}'),
    candles=Candles(_candles, parse_candles, most=900, per_s=10.0),  # 200 in ten seconds
    rolling=Rolling(Request("/api/v4/spot/tickers"), parse_rolling, "USDT"),
)
