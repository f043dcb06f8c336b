"""Every exchange of the registry against its simulator, with everything that goes wrong, all of them at once."""

import asyncio
import bisect
from decimal import Decimal
from functools import partial
from itertools import pairwise

import msgspec
import pytest

from tests.conftest import make_board
from tests.venues import COINS, Stage, each, until
from ticker import clock
from ticker.collect import rest
from ticker.collect.backfill import Backfill
from ticker.errors import BadFrame
from ticker.exchanges import EXCHANGES
from ticker.history import ref_minute
from ticker.market import Prices
from ticker.model import MINUTE, Market
from ticker.sample import unpack
from ticker.sim.kit import before


async def test_subscribing_brings_the_exact_price_of_every_market() -> None:
    async def check(stage: Stage) -> None:
        async with stage.feeding() as log:
            await stage.hear()
            symbols = {market.listed or market.symbol: market.symbol for market in stage.markets}
            prices = {(symbols[tick.symbol], tick.price) for _, tick in log.ticks if tick.symbol in symbols}
            assert prices == {(symbol, coin.price) for symbol, coin in stage.coins.items()}
            assert {tick.quote for _, tick in log.ticks} == {stage.markets[0].quote}
            assert (log.reasons, log.drops, len(log.opened_epochs)) == ([], [], 1)

    await each(check)


async def test_a_refused_subscription_is_retried_with_patience() -> None:
    """Without the backoff the gaps are a few ms; without `Refused` nothing is counted.

    Seen failing with a backoff that never waits.
    """

    async def check(stage: Stage) -> None:
        stage.venue.faults.refuse = True
        async with stage.feeding() as log:
            await until(lambda: len(stage.venue.dials) >= 3)
            gaps = [later - earlier for earlier, later in pairwise(stage.venue.dials)]
            assert all(gap >= least for gap, least in zip(gaps, (50, 100), strict=False)), gaps
            assert "refused" in log.drops
            stage.venue.faults.refuse = False
            await stage.hear()

    await each(check)


async def test_an_unknown_market_costs_only_itself() -> None:
    """Where one unknown market refuses its whole frame, the next connection asks for each market alone.

    Seen failing without the memory that a frame was refused.
    """

    async def check(stage: Stage) -> None:
        known = stage.markets[0]
        code = known.code.replace("BSV", "NOPE").replace("bsv", "nope").replace("BCHSV", "NOPE")
        assert code != known.code
        unknown = Market(known.exchange, "NOPE", known.quote, code)
        async with stage.feeding(also=[unknown], silence_s=1.0) as log:
            await stage.hear()
            await until(lambda: len(stage.venue.clients) == 1)
            await stage.hear()
            assert log.reasons == []

    await each(check)


async def test_silent_after_the_ack_and_pings_without_data_are_not_alive() -> None:
    """Keepalives are answered, heartbeats come, no data: only the watchdog of data notices.

    Seen failing without the watchdog.
    """

    async def check(stage: Stage) -> None:
        stage.venue.faults.silent = True
        if beat := stage.venue.protocol.beat:
            beat = msgspec.structs.replace(beat, every_s=0.05)
            stage.venue.protocol = msgspec.structs.replace(stage.venue.protocol, beat=beat)
        async with stage.feeding(silence_s=0.3, keepalive=stage.kept_alive(0.05)) as log:
            await until(lambda: log.reasons)
            assert log.reasons[0].startswith("no data for 0.3 s")
            assert not log.ticks
            stage.venue.faults.silent = False
            await stage.hear()

    await each(check)


async def test_its_own_keepalive_and_its_own_pongs_keep_a_connection() -> None:
    """The simulators cut whoever is silent, and whoever owes an answer to a beat.

    Seen failing with a keepalive that comes a thousand times later.
    """

    async def check(stage: Stage) -> None:
        if beat := stage.venue.protocol.beat:
            beat = msgspec.structs.replace(beat, every_s=0.5)
            stage.venue.protocol = msgspec.structs.replace(stage.venue.protocol, beat=beat)
        async with stage.feeding(keepalive=stage.kept_alive(0.15)) as log:
            await until(stage.subscribed)
            (client,) = stage.venue.clients
            await asyncio.sleep(1.4)
            assert (stage.venue.clients, log.reasons, log.drops) == ({client}, [], [])

    await each(check, idle_s=1.0)


async def test_a_frame_cut_in_the_middle_begins_a_new_epoch() -> None:
    """Seen failing with one epoch for a feed's whole life."""

    async def check(stage: Stage) -> None:
        async with stage.feeding() as log:
            await stage.hear()
            await stage.venue.cut()
            await until(lambda: len(log.opened_epochs) == 2)
            await stage.hear()
            assert (len(log.reasons), log.drops) == (1, [])
            assert len(set(log.opened_epochs)) == 2

    await each(check)


async def test_garbage_is_dropped_and_counted_and_the_connection_stays() -> None:
    """Half a gzip, and text that is no JSON.

    Seen failing with a `BadFrame` that ends the connection.
    """

    async def check(stage: Stage) -> None:
        async with stage.feeding() as log:
            await until(stage.subscribed)
            for garbage in (b"\x1f\x8b broken", b'{"type":"ticker","code":"KRW-BTC"'):
                stage.venue.faults.garbage = garbage
                await stage.publish()
            await until(lambda: log.drops.count("malformed") >= 2 * len(COINS))
            stage.venue.faults.garbage = None
            await stage.hear()
            assert (set(log.drops), log.reasons) == ({"malformed"}, [])

    await each(check)


async def test_maintenance_is_asked_with_growing_patience_and_ends() -> None:
    """Seen failing with a wait that never doubles."""

    async def check(stage: Stage) -> None:
        async with stage.feeding() as log:
            await stage.hear()
            stage.venue.faults.farewell = 1012
            await stage.venue.close(1001)
            await until(lambda: len(log.reasons) >= 3)
            assert "1001" in log.reasons[0]
            assert all("1012" in reason for reason in log.reasons[1:])
            assert stage.venue.dials[2] - stage.venue.dials[1] >= 100
            stage.venue.faults.farewell = None
            await stage.hear()

    await each(check)


async def test_an_announced_end_and_a_greatest_age_are_handed_over_without_a_gap() -> None:
    """Those that announce an end announce it; the others' connections grow old.

    Seen failing with a connection that ends at its goodbye or its age.
    """

    async def check(stage: Stage) -> None:
        announces = bool(stage.venue.protocol.goodbye(stage.venue))
        async with stage.feeding(max_age_s=None if announces else 0.4) as log:
            await stage.hear()
            (first,) = stage.venue.clients
            stage.venue.faults.silent = True
            await stage.venue.announce()
            await until(lambda: len(stage.venue.clients) == 2)
            assert first in stage.venue.clients  # until the new one delivers
            stage.venue.faults.silent = False
            await until(lambda: first not in stage.venue.clients)
            await stage.hear()
            assert (log.reasons, len(set(log.opened_epochs))) == ([], 1)

    await each(check)


@pytest.mark.parametrize("status", [429, 418])
async def test_a_limit_at_the_handshake_is_obeyed(status: int) -> None:
    """Without it the second dial comes at once: the jitter is nothing here.

    Seen failing with Retry-After unread.
    """

    async def check(stage: Stage) -> None:
        stage.venue.faults.reject, stage.venue.faults.retry_after = status, "0.3"
        async with stage.feeding(jitter=0.0, token=None) as log:
            await until(lambda: log.reasons)
            assert log.reasons == [f"HTTP {status} at the handshake"]
            stage.venue.faults.reject = None
            await until(lambda: len(stage.venue.dials) >= 2)
            assert stage.venue.dials[1] - stage.venue.dials[0] >= 300

    await each(check)


@pytest.mark.parametrize("status", [429, 418])
async def test_a_limit_of_requests_is_obeyed(status: int) -> None:
    """Seen failing with a pace that nothing holds."""

    async def check(stage: Stage) -> None:
        now, pace = asyncio.get_running_loop().time, rest.Pace(1000)
        stage.venue.faults.reject, stage.venue.faults.retry_after = status, "0.2"
        with pytest.raises(BadFrame, match=f"HTTP {status}"):
            await rest.list_markets(stage.session, stage.exchange, pace)
        stage.venue.faults.reject, start = None, now()
        assert await rest.list_markets(stage.session, stage.exchange, pace)
        assert now() - start >= 0.19

    await each(check)


async def test_a_token_is_asked_for_anew_each_time() -> None:
    """With the old token the venue's answer is an error and a close, for ever.

    Seen failing with the first token kept.
    """

    async def check(stage: Stage) -> None:
        async with stage.feeding() as log:
            await stage.hear()
            stage.venue.faults.expired = stage.venue.tokens
            await stage.venue.drop()
            await until(lambda: len(log.opened_epochs) == 2)
            await stage.hear()
            assert (log.drops, len(log.reasons)) == ([], 1)
            assert stage.venue.tokens == 2

    await each(check, [name for name, exchange in EXCHANGES.items() if exchange.token])


async def test_more_markets_than_a_connection_carries_are_spread_over_several() -> None:
    async def check(stage: Stage) -> None:
        async with stage.feeding(most_markets=2):
            await until(stage.subscribed)
            await stage.hear()
            assert len(stage.venue.clients) == 3

    await each(check)


async def test_the_candles_of_yesterday_are_what_was_traded_minute_by_minute() -> None:
    """Paged back to now - 24 h in each venue's own order and units, silent minutes carried forward.

    Seen failing with each candle repeated for a minute too many.
    """

    async def check(stage: Stage) -> None:
        quote = stage.markets[0].quote
        board = msgspec.structs.replace(make_board("BTC", "BSV", sources=(stage.exchange.name,)), quote=quote)
        prices = Prices({"board": board}, EXCHANGES, 15)
        prices.watch(market for market in stage.markets if market.symbol in board.symbols)
        fetch = partial(rest.fetch, stage.session, stage.exchange, pace=rest.Pace(1000))
        backfill = Backfill(stage.exchange, prices, fetch, clock.now, lambda *_: None)
        assert stage.exchange.candles
        while await backfill.round(stage.exchange.candles):
            pass
        for one in prices.quotes:
            first, series = ref_minute(clock.now().wall), prices.history.series(one.key)
            minutes = range(first, stage.venue.world.start - 3 * MINUTE, MINUTE)
            closes = sorted(stage.coins[one.market.symbol].closes.items())
            traded = {m: closes[bisect.bisect_right(closes, (m, Decimal("inf"))) - 1][1] for m in minutes}
            found = {minute: price for minute in minutes if (price := unpack(series.get(minute))) is not None}
            assert {m: (found[m], traded[m]) for m in found if found[m] != traded[m]} == {}
            assert traded.keys() - found.keys() <= {first, first + MINUTE}  # where a page is always 1,440 minutes

    await each(
        check, [name for name, exchange in EXCHANGES.items() if exchange.candles], frozen=False, coins=["BTC", "BSV"]
    )


async def test_its_own_price_of_24_hours_ago_is_that_price() -> None:
    async def check(stage: Stage) -> None:
        rolling = stage.exchange.rolling
        assert rolling
        body = await rest.fetch(stage.session, stage.exchange, rolling.request, rest.Pace(1000))
        found, now = rolling.parse(body), clock.now().wall
        for market in stage.markets:
            ago = before(stage.coins[market.symbol], now)
            assert abs(found[market.listed or market.symbol] / ago - 1) < Decimal("1e-4"), market

    await each(check, [name for name, exchange in EXCHANGES.items() if exchange.rolling])
