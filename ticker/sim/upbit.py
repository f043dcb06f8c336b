"""Simulated Upbit: binary frames, no ack, unknown codes silent, the second subscription replaces the first."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import orjson
from aiohttp import web

from ticker.model import MINUTE
from ticker.sim.venue import Client, Protocol, Venue
from ticker.sim.world import Coin

KST: Final = timezone(timedelta(hours=9))
MOST_CANDLES: Final = 200


def message(venue: Venue, client: Client, text: str) -> list[str | bytes] | None:
    """`PING`, or one array that names a ticket, types with codes, and a format."""
    if text == "PING":
        return [b'{"status":"UP"}']
    problem = _subscribe(venue, client, text)
    if problem is None and not venue.faults.refuse:
        first = [venue.protocol.frame(coin, client, True) for code, coin in venue.coins.items() if code in client.codes]
        return [] if venue.faults.silent else first
    client.codes.clear()
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
    if not wanted:
        return "NO_TYPE"
    client.codes = {code for part in wanted for code in part.get("codes", ()) if code in venue.coins}
    client.simple = any(part.get("format") == "SIMPLE" for part in parts)
    return None


def ticker(coin: Coin, zone: timezone, first: bool) -> dict[str, Any]:
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


def markets(venue: Venue, _request: web.Request) -> web.Response:
    """`/v1/market/all`."""
    rows = [
        {"market": code, "korean_name": coin.symbol, "english_name": coin.symbol} for code, coin in venue.coins.items()
    ]
    return web.json_response(body=orjson.dumps(rows))


def answer(venue: Venue, code: str, end: int, count: int) -> web.Response:
    """Minute candles before `end`, newest first; minutes without trades are absent."""
    coin = venue.coins[code]
    minutes = sorted((minute for minute in coin.closes if minute < end), reverse=True)[: min(count, MOST_CANDLES)]
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


def candles(venue: Venue, request: web.Request) -> web.Response:
    """`/v1/candles/minutes/1`: `to` is UTC, or says its zone."""
    query = request.query
    if query.get("market") not in venue.coins:
        return web.json_response({"error": {"name": 404, "message": "Code not found"}}, status=404)
    to = datetime.fromisoformat(query["to"]) if "to" in query else datetime.now(UTC)
    end = round((to if to.tzinfo else to.replace(tzinfo=UTC)).timestamp() * 1000)
    return answer(venue, query["market"], end, int(query.get("count", 1)))


PROTOCOL: Final = Protocol(
    name="upbit",
    path="/websocket/v1",
    message=message,
    frame=lambda coin, _client, first: orjson.dumps(ticker(coin, UTC, first)),
    routes={"/v1/market/all": markets, "/v1/candles/minutes/1": candles},
    rest_per_s=10,
    connects_per_s=5,
)
