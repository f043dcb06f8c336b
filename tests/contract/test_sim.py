"""The simulated exchanges keep the rules of the real ones: what a client may rely on, and what it may not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ticker import clock, money, sim
from ticker.exchanges import Exchange
from ticker.exchanges.exchange import read
from ticker.history import ref_minute
from ticker.model import DAY, MINUTE, Tick
from ticker.settings import BoardSettings, Settings
from ticker.sim.quotation import KST
from ticker.sim.venue import Venue
from ticker.sim.world import ARTICLE, KEPT, Coin

NOON = 1_795_500_000_000 // MINUTE * MINUTE


@contextlib.asynccontextmanager
async def running(name: str, **rules: Any) -> AsyncIterator[tuple[Venue, Exchange]]:
    (venue,) = [venue for venue in sim.venues(sim.World(clock.now().wall), clock.now) if venue.protocol.name == name]
    venue.protocol = msgspec.structs.replace(venue.protocol, **rules)
    async with sim.serve([venue]) as exchanges:
        yield venue, exchanges[name]


def dialled(exchange: Exchange, **options: Any) -> connect:
    return connect(exchange.ws_url, proxy=None, ping_interval=None, close_timeout=0.5, **options)


def asking(*codes: str, kind: str = "ticker") -> str:
    return orjson.dumps([{"ticket": "test"}, {"type": kind, "codes": codes}]).decode()


async def told(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(5):
        frame = await socket.recv()
    assert isinstance(frame, bytes)
    found: dict[str, Any] = orjson.loads(frame)
    return found


both = pytest.mark.parametrize("name", ["upbit", "bithumb"])


def test_a_configured_board_is_shown_where_the_demos_own_of_that_name_would_be() -> None:
    own = {name: BoardSettings("KRW", ["BTC"], ["upbit"]) for name in ("mine", "krw")}
    shown = sim.boards(Settings(boards=own))
    assert {name: len(board.symbols) for name, board in shown.items()} == {"article": len(ARTICLE), "krw": 1, "mine": 1}


# -- the world --------------------------------------------------------------------------------------------------------


def percent_at(coin: Coin, now: int) -> Decimal:
    closes = coin.closes
    return money.percent(coin.price, closes[max(minute for minute in closes if minute <= ref_minute(now))])


def test_a_frozen_world_keeps_the_articles_prices_and_percents_for_a_day() -> None:
    world = sim.World(NOON + 12_345, frozen=True)
    for now in range(world.start, world.start + DAY, 97 * MINUTE):
        world.advance(now)
        for symbol, (price, percent) in ARTICLE.items():
            coin = world.coins["bithumb"][symbol]
            assert (coin.price, percent_at(coin, now)) == (Decimal(price), Decimal(percent)), (symbol, now)


@both
def test_a_moving_world_begins_at_its_percents_and_stays_on_the_grid(name: str) -> None:
    world = sim.World(NOON)
    coins = world.coins[name].values()
    assert {coin.symbol: percent_at(coin, NOON) for coin in coins if coin.symbol in ARTICLE} == {
        symbol: Decimal(percent) for symbol, (_, percent) in ARTICLE.items()
    }
    for now in range(NOON, NOON + 2 * MINUTE, 500):
        for coin in world.advance(now):
            assert (coin.price % coin.step(coin.price), coin.ts) == (Decimal(0), now)
    bitcoin = world.coins[name]["BTC"]
    assert bitcoin.closes[bitcoin.ts - bitcoin.ts % MINUTE] == bitcoin.price
    assert {bitcoin.closes[minute] for minute in (NOON, NOON + MINUTE)} != {bitcoin.closes[NOON - 1440 * MINUTE]}


def test_the_same_start_makes_the_same_world() -> None:
    one, two = sim.World(NOON), sim.World(NOON)
    for now in range(NOON, NOON + MINUTE, 500):
        one.advance(now)
        two.advance(now)
    for name, coins in one.coins.items():
        assert {s: (c.price, c.ts) for s, c in coins.items()} == {
            s: (c.price, c.ts) for s, c in two.coins[name].items()
        }
        assert coins["XRP"].closes == two.coins[name]["XRP"].closes


def test_a_world_that_trades_for_days_remembers_one_of_them() -> None:
    coin = Coin("upbit", "BTC", Decimal(57_895_000), "3.79", NOON, frozen=False)
    before = len(coin.closes)
    for minute in range(3 * DAY // MINUTE):
        coin.trade(NOON + minute * MINUTE)
    assert len(coin.closes) <= before + KEPT
    assert ref_minute(NOON + 3 * DAY) in coin.closes


def test_yesterday_has_minutes_without_trades() -> None:
    coin = sim.World(NOON).coins["upbit"]["BTC"]
    last_hours = [coin.closes.get(NOON - back * MINUTE) for back in range(1, 600)]
    assert 30 < sum(close is None for close in last_hours) < 200


# -- the stream -------------------------------------------------------------------------------------------------------


@both
async def test_no_ack_a_snapshot_then_the_moving_price_in_binary_frames(name: str) -> None:
    async with running(name) as (venue, exchange), dialled(exchange) as socket:
        await socket.send(asking("KRW-BTC"))
        first = await told(socket)
        assert (first["type"], first["code"], first["stream_type"]) == ("ticker", "KRW-BTC", "SNAPSHOT")
        coin = venue.coins["KRW-BTC"]
        await venue.publish(coin)
        second = await told(socket)
        assert second["stream_type"] == "REALTIME"
        assert second["trade_timestamp"] <= coin.ts
        zone = KST if name == "bithumb" else UTC
        traded = datetime.fromtimestamp(second["trade_timestamp"] / 1000, zone)
        assert second["trade_date"] + second["trade_time"] == traded.strftime("%Y%m%d%H%M%S")


@both
async def test_unknown_and_lower_case_codes_are_silently_nothing(name: str) -> None:
    async with running(name) as (venue, exchange), dialled(exchange) as socket:
        await socket.send(asking("KRW-NOPE", "krw-btc", "KRW-ETH"))
        assert (await told(socket))["code"] == "KRW-ETH"
        for code in ("KRW-BTC", "KRW-ETH"):
            await venue.publish(venue.coins[code])
        assert (await told(socket))["code"] == "KRW-ETH"


@both
async def test_a_second_subscription_replaces_the_first(name: str) -> None:
    async with running(name) as (venue, exchange), dialled(exchange) as socket:
        await socket.send(asking("KRW-BTC"))
        assert (await told(socket))["code"] == "KRW-BTC"
        await socket.send(asking("KRW-ETH"))
        while (await told(socket))["code"] != "KRW-ETH":
            pass
        for code in ("KRW-BTC", "KRW-ETH"):
            await venue.publish(venue.coins[code])
        assert (await told(socket))["code"] == "KRW-ETH"


@both
async def test_a_text_ping_is_answered_by_a_status(name: str) -> None:
    async with running(name) as (_, exchange), dialled(exchange) as socket:
        await socket.send("PING")
        assert await told(socket) == {"status": "UP"}


@both
@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ("not json", "WRONG_FORMAT"),
        ("{}", "NO_TICKET"),
        ('[{"type":"ticker","codes":["KRW-BTC"]}]', "NO_TICKET"),
        ('[{"ticket":"x"}]', "NO_TYPE"),
        ('[{"ticket":"x"},{"type":"ticker","codes":[]}]', "NO_CODES"),
        ('[{"ticket":"x"},{"type":"nope","codes":["KRW-BTC"]}]', "INVALID_PARAM"),
    ],
)
async def test_a_wrong_request_is_told_why_and_closed_normally(name: str, request_: str, error: str) -> None:
    async with running(name) as (_, exchange), dialled(exchange) as socket:
        await socket.send(request_)
        assert (await told(socket))["error"]["name"] == error
        with pytest.raises(ConnectionClosed):
            await told(socket)
        assert socket.close_code == 1000


@both
async def test_the_simple_format_means_the_same_in_short(name: str) -> None:
    async with running(name) as (_, exchange), dialled(exchange) as socket:
        await socket.send('[{"ticket":"x"},{"type":"ticker","codes":["KRW-BTC"]},{"format":"SIMPLE"}]')
        frame = await socket.recv()
        short = orjson.loads(frame)
        assert (short["ty"], short["cd"], short["st"], "code" in short) == ("ticker", "KRW-BTC", "SNAPSHOT", False)
        ticks = [event for event in read(exchange, frame, {}) if isinstance(event, Tick)]
        assert [(tick.symbol, tick.ts) for tick in ticks] == [("BTC", short["ttms"])]
        assert Decimal(str(short["tp"])) == ticks[0].price > 0


async def test_a_client_that_says_nothing_is_cut_without_a_farewell_and_a_ping_keeps_it() -> None:
    async with running("upbit", idle_s=0.4) as (_, exchange), dialled(exchange) as quiet, dialled(exchange) as alive:
        for _ in range(8):
            await asyncio.sleep(0.1)
            await alive.ping()
        with pytest.raises(ConnectionClosed):
            await told(quiet)
        assert quiet.close_code == 1006
        await alive.send("PING")
        assert await told(alive) == {"status": "UP"}


async def test_connections_are_limited_by_the_second() -> None:
    async with running("upbit", connects_per_s=2) as (_, exchange), dialled(exchange), dialled(exchange):
        with pytest.raises(InvalidStatus, match="429"):
            await dialled(exchange)


async def test_connections_with_an_origin_are_limited_to_one_in_ten_seconds() -> None:
    origin = "https://news.example"
    async with running("upbit") as (_, exchange), dialled(exchange, origin=origin), dialled(exchange):
        with pytest.raises(InvalidStatus, match="429"):
            await dialled(exchange, origin=origin)


# -- REST -------------------------------------------------------------------------------------------------------------

Get = Callable[[str], Any]


@contextlib.asynccontextmanager
async def asked(name: str, **rules: Any) -> AsyncIterator[tuple[Venue, Get]]:
    async with running(name, **rules) as (venue, exchange), aiohttp.ClientSession() as session:

        async def get(path: str) -> tuple[int, Any]:
            async with session.get(exchange.rest_url + path) as answer:
                body = await answer.read()
                return answer.status, orjson.loads(body) if body[:1] in {b"[", b"{"} else body

        yield venue, get


def minute_of(row: dict[str, Any]) -> int:
    return round(datetime.fromisoformat(row["candle_date_time_utc"]).replace(tzinfo=UTC).timestamp()) * 1000


@both
async def test_candles_are_newest_first_before_the_end_with_silent_minutes_absent(name: str) -> None:
    async with asked(name) as (venue, get):
        coin = venue.coins["KRW-XRP"]
        end = venue.world.start // MINUTE * MINUTE - 60 * MINUTE
        to = datetime.fromtimestamp(end / 1000, KST if name == "bithumb" else UTC).strftime("%Y-%m-%dT%H:%M:%S")
        status, rows = await get(f"/v1/candles/minutes/1?market=KRW-XRP&to={to}&count=999")
        assert status == 200
        minutes = [minute_of(row) for row in rows]
        assert minutes == sorted((m for m in coin.closes if m < end), reverse=True)[:200]
        assert len(minutes) == 200 > len([m for m in range(minutes[-1], end, MINUTE) if m not in minutes]) > 0
        assert [Decimal(str(row["trade_price"])) for row in rows] == [coin.closes[m] for m in minutes]


async def test_a_zone_in_the_end_is_fine_at_upbit_and_an_error_at_bithumb() -> None:
    zoned = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    path = f"/v1/candles/minutes/1?market=KRW-BTC&to={zoned}&count=1"
    async with asked("upbit") as (_, get):
        status, rows = await get(path)
        assert (status, len(rows)) == (200, 1)
    async with asked("bithumb") as (_, get):
        assert (await get(path))[0] == 400


async def test_an_unknown_market_is_404_at_upbit_and_an_error_with_status_200_at_bithumb() -> None:
    path = "/v1/candles/minutes/1?market=KRW-NOPE&count=1"
    async with asked("upbit") as (_, get):
        assert (await get(path))[0] == 404
    async with asked("bithumb") as (_, get):
        status, body = await get(path)
        assert (status, "error" in body) == (200, True)


async def test_one_unknown_code_fails_a_whole_ticker_call() -> None:
    async with asked("upbit") as (_, get):
        status, rows = await get("/v1/ticker?markets=KRW-BTC,KRW-ETH")
        assert (status, [row["market"] for row in rows]) == (200, ["KRW-BTC", "KRW-ETH"])
        assert (await get("/v1/ticker?markets=KRW-BTC,KRW-NOPE"))[0] == 404


async def test_bithumbs_board_has_the_rolling_day_in_text_and_the_date_among_the_coins() -> None:
    async with asked("bithumb") as (venue, get):
        _, board = await get("/public/ticker/ALL_KRW")
        assert board["status"] == "0000"
        assert abs(int(board["data"].pop("date")) - clock.now().wall) < 5000
        assert board["data"].keys() == {coin.symbol for coin in venue.coins.values()}
        for symbol, (_, percent) in ARTICLE.items():
            assert abs(Decimal(board["data"][symbol]["fluctate_rate_24H"]) - Decimal(percent)) < 2, symbol


async def test_too_many_requests_are_429_and_those_who_go_on_are_blocked() -> None:
    async with asked("upbit", rest_per_s=2) as (_, get):
        seen = [(await get("/v1/market/all"))[0] for _ in range(8)]
        assert seen[:3] == [200, 200, 429]
        assert seen[-1] == 418


class Broken(sim.World):
    """It cannot go on."""

    def advance(self, now: int) -> list[Coin]:
        raise ArithmeticError(now)


async def test_a_simulation_that_fails_ends_whoever_uses_it() -> None:
    """Seen failing with a task that nobody waits for: every price stood still without a word."""
    with pytest.RaisesGroup(ArithmeticError):
        async with sim.serve(sim.venues(Broken(clock.now().wall), clock.now)):
            await asyncio.Event().wait()
