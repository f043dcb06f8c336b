"""I/O: one exchange's life: what it lists, asked again each hour, and its feed and its history side by side.

A market that comes, goes or is renamed begins the feed anew; one that is suspended or resumed changes only its rows.
One list may be cut short: a market is gone once two in a row lack it, the second asked for a minute later.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import aiohttp

from ticker.collect import feed, rest
from ticker.collect.backfill import Backfill, Progress
from ticker.exchanges import Exchange
from ticker.exchanges.exchange import Request
from ticker.listing import choose, wanted_of
from ticker.market import Prices
from ticker.model import Instant, Market

log = logging.getLogger(__name__)

REFRESH_S: Final = 3600.0
AGAIN_S: Final = 60.0


class Follow:
    """Stays subscribed to what the boards want of an exchange and it lists."""

    def __init__(
        self,
        exchange: Exchange,
        prices: Prices,
        sink: feed.Sink,
        clock: Callable[[], Instant],
        progress: Progress,
        proxy: str | None = None,
        *,
        refresh_s: float = REFRESH_S,
        again_s: float = AGAIN_S,
    ) -> None:
        self._exchange = exchange
        self._wanted = wanted_of(prices.boards, exchange.name)
        self._prices = prices
        self._sink = sink
        self._clock = clock
        self._progress = progress
        self._proxy = proxy
        self._refresh_s = refresh_s
        self._again_s = again_s
        self._pace = rest.Pace(exchange.candles.per_s if exchange.candles else 1.0)
        self._watching = asyncio.Event()
        self._absent: list[str] = []
        self._doubted: dict[tuple[str, str], Market] = {}
        """(symbol, quote) -> the market that the last list lacked, and the one before did not."""

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Until cancelled; the history is asked for once the markets are known."""

        async def get(request: Request) -> bytes:
            return await rest.fetch(session, self._exchange, request, self._pace, proxy=self._proxy)

        backfill = Backfill(self._exchange, self._prices, get, self._clock, self._progress, self._proxy)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(session))
            await self._watching.wait()
            tasks.create_task(backfill.run())
            tasks.create_task(backfill.rolling())

    async def _follow(self, session: aiohttp.ClientSession) -> None:
        traded = await self._traded(session)
        while True:
            shards = feed.shards(self._exchange, traded)
            for shard, some in enumerate(shards):
                self._prices.watch(some, shard)
            self._prices.quotes.spread(self._exchange.name, len(shards))
            self._watching.set()
            async with asyncio.TaskGroup() as tasks:
                work = feed.run(self._exchange, traded, self._sink, self._clock, proxy=self._proxy)
                feeding = tasks.create_task(work)
                traded = await self._changed(session, {market.code for market in traded})
                feeding.cancel()
            self._prices.quotes.abandon({self._exchange.name}, self._clock())

    async def _changed(self, session: aiohttp.ClientSession, codes: set[str]) -> list[Market]:
        """The markets that are traded, once they are other ones than these."""
        while True:
            await asyncio.sleep(self._again_s if self._doubted else self._refresh_s)
            traded = await self._traded(session)
            if {market.code for market in traded} != codes:
                return traded

    async def _traded(self, session: aiohttp.ClientSession) -> list[Market]:
        """What is listed now of what is wanted, told to the rows; without what was delisted."""
        markets, absent = choose(
            self._wanted, await rest.listed(session, self._exchange, self._pace, proxy=self._proxy)
        )
        self._doubt(markets)
        if self._doubted:
            keys = ", ".join(market.key for market in self._doubted.values())
            log.warning("a market list without %s: asked for again in %g s", keys, self._again_s)
        elif absent != self._absent:
            self._absent = absent
            if absent:
                log.warning("%s does not list %s: left out", self._exchange.name, ", ".join(absent))
        markets += self._doubted.values()
        self._prices.quotes.listed(self._exchange.name, markets, self._clock())
        self._prices.touch()
        return [market for market in markets if market.code and not market.delisted]

    def _doubt(self, markets: list[Market]) -> None:
        """What this list lacks is gone only where the last one lacked it too."""
        listed = {(market.symbol, market.quote) for market in markets}
        ours = [quote for quote in self._prices.quotes if quote.market.exchange == self._exchange.name]
        missed = {q.pair: q.market for q in ours if q.absent_since is None and q.pair not in listed}
        self._doubted = {pair: market for pair, market in missed.items() if pair not in self._doubted}
