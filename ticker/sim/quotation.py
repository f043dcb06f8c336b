"""What simulated Upbit and Bithumb share: binary frames, no ack, unknown codes silent, a second list replaces one."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final

import orjson
from aiohttp import web

from ticker.model import MINUTE
from ticker.sim.venue import Client, Frames, Venue
from ticker.sim.world import Coin

KST: Final = timezone(timedelta(hours=9))
KINDS: Final = {"ticker", "trade", "orderbook"}
"""What may be subscribed; only tickers are sent."""
SHORT: Final = {
    "type": "ty",
    "code": "cd",
    "trade_price": "tp",
    "trade_date": "tdt",
    "trade_time": "ttm",
    "stream_type": "st",
    "trade_timestamp": "ttms",
    "market_state": "ms",
    "is_trading_suspended": "its",
    "delisting_date": "dd",
    "market_warning": "mw",
    "timestamp": "tms",
}
MOST_CANDLES: Final = 200


def message(venue: Venue, client: Client, text: str) -> Frames:
    """`PING`, or one array that names a ticket, types with codes, and a format."""
    if text == "PING":
        return [b'{"status":"UP"}']
    problem = _subscribe(venue, client, text)
    if problem is None and not venue.faults.refuse:
        first = [venue.protocol.frame(coin, client, True) for code, coin in venue.coins.items() if code in client.codes]
        return [] if venue.faults.silent else first
    client.codes.clear()
    client.closing = True
    return [orjson.dumps({"error": {"name": problem or "INVALID_PARAM", "message": "잘못된 요청입니다."}})]


def _subscribe(venue: Venue, client: Client, text: str) -> str | None:
    """The name of what is wrong with a subscription, or None after it was taken."""
    try:
        parts = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "WRONG_FORMAT"
    if not isinstance(parts, list) or not any("ticket" in part for part in parts):
        return "NO_TICKET"
    wanted = [part for part in parts if "type" in part]
    if not wanted or not all(part.get("codes") for part in wanted):
        return "NO_CODES" if wanted else "NO_TYPE"
    if any(part["type"] not in KINDS for part in wanted):
        return "INVALID_PARAM"
    client.codes = {code for part in wanted if part["type"] == "ticker" for code in part["codes"]} & venue.coins.keys()
    client.simple = any(part.get("format") == "SIMPLE" for part in parts)
    return None


def ticker(coin: Coin, zone: tzinfo, first: bool) -> dict[str, Any]:
    """The fields of a ticker frame; numbers may come with an exponent."""
    at = datetime.fromtimestamp(coin.ts / 1000, zone)
    return {
        "type": "ticker",
        "code": coin.code,
        "trade_price": float(coin.price),
        "trade_date": at.strftime("%Y%m%d"),
        "trade_time": at.strftime("%H%M%S"),
        "trade_timestamp": coin.ts,
        "market_state": "ACTIVE",
        "is_trading_suspended": False,
        "delisting_date": None,
        "market_warning": "NONE",
        "timestamp": coin.ts + 40,
        "stream_type": "SNAPSHOT" if first else "REALTIME",
    }


def frame(coin: Coin, client: Client, zone: tzinfo, *, first: bool) -> bytes:
    """A ticker in the format the client asked for."""
    fields = ticker(coin, zone, first)
    return orjson.dumps({SHORT[key]: value for key, value in fields.items()} if client.simple else fields)


def tickers(venue: Venue, request: web.Request) -> web.Response:
    """`/v1/ticker?markets=`: one unknown code fails the whole call."""
    codes = request.query.get("markets", "").split(",")
    if not venue.coins.keys() >= set(codes):
        return web.json_response({"error": {"name": 404, "message": "Code not found"}}, status=404)
    rows = [ticker(venue.coins[code], UTC, True) | {"market": code} for code in codes]
    return web.json_response(body=orjson.dumps(rows))


def markets(venue: Venue, _request: web.Request) -> web.Response:
    """`/v1/market/all`."""
    rows = [
        {"market": code, "korean_name": coin.symbol, "english_name": coin.symbol} for code, coin in venue.coins.items()
    ]
    return web.json_response(body=orjson.dumps(rows))


def candles(venue: Venue, request: web.Request, zone: tzinfo, unknown: int = 404) -> web.Response:
    """Minute candles before `to`, in this zone, newest first; minutes without trades are absent."""
    query = request.query
    if (code := query.get("market")) not in venue.coins:
        return web.json_response({"error": {"name": 404, "message": "Code not found"}}, status=unknown)
    to = datetime.fromisoformat(query["to"]) if "to" in query else datetime.now(zone)
    end = round((to if to.tzinfo else to.replace(tzinfo=zone)).timestamp() * 1000)
    count = min(int(query.get("count", 1)), MOST_CANDLES)
    coin = venue.coins[code]
    minutes = sorted((minute for minute in coin.closes if minute < end), reverse=True)[:count]
    rows = [
        {
            "market": code,
            "candle_date_time_utc": datetime.fromtimestamp(minute / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            "candle_date_time_kst": datetime.fromtimestamp(minute / 1000, KST).strftime("%Y-%m-%dT%H:%M:%S"),
            "trade_price": float(coin.closes[minute]),
            "timestamp": minute + MINUTE - 1,
            "unit": 1,
        }
        for minute in minutes
    ]
    return web.json_response(body=orjson.dumps(rows))
