"""How the exchanges and boards of a collector stand, and what happened to them last."""

import logging
from collections import Counter
from collections.abc import Iterable
from typing import Final

from ticker.market import Prices
from ticker.model import Instant
from ticker.quotes import Quote
from ticker.report import Incident, Report, SourceReport

MOST_INCIDENTS: Final = 50
SAME_MS: Final = 300_000
"""Connections of one exchange lost within this time of each other are one incident."""
HEARD_MS: Final = 60_000
"""Within this time of its subscription a market is heard, or it was refused, or nobody trades it."""
MOST_SILENT: Final = 20

log = logging.getLogger(__name__)


class Standing:
    """What is reported once a second."""

    def __init__(self, counts: Counter[tuple[str, str]]) -> None:
        self._counts = counts
        self._incidents: list[Incident] = []
        """Newest first."""
        self._shown: dict[tuple[str, str], str] = {}
        """(board, symbol) -> the exchange its price came from."""
        self._silent: dict[str, list[str]] = {}
        """Exchange -> the markets it told nothing of, as they were logged last."""

    def restore(self, incidents: Iterable[Incident]) -> None:
        """Take over what the last collector knew."""
        known = {_name(incident): incident for incident in (*incidents, *self._incidents)}
        self._incidents = sorted(known.values(), key=lambda incident: -incident.ts)[:MOST_INCIDENTS]

    def lost(self, exchange: str, now: Instant) -> None:
        """A connection ended, or could not be opened."""
        same = next((i for i in self._incidents if i.kind == "reconnect" and i.source == exchange), None)
        if same is not None and now.wall - (same.last_ts or same.ts) < SAME_MS:
            same.last_ts, same.times = now.wall, same.times + 1
        else:
            self._add(Incident(ts=now.wall, kind="reconnect", source=exchange))

    def report(self, prices: Prices, now: Instant) -> Report:
        """Everything there is to tell now."""
        self._follow_sources(prices, now)
        sources = self._sources(prices, now)
        for name, source in sources.items():
            self._say(name, source.silent_markets)
        return Report(
            sources=sources,
            premium={name: premium.legs(now) for name, premium in prices.premiums.items()},
            incidents=self._incidents,
        )

    def states(self, prices: Prices, now: Instant) -> dict[str, str]:
        """By exchange: `live` while each connection delivers, `stale` when one does not, `down` when none ever did."""
        return {name: source.state for name, source in self._sources(prices, now).items()}

    def _sources(self, prices: Prices, now: Instant) -> dict[str, SourceReport]:
        quotes: dict[str, list[Quote]] = {name: [] for name in prices.exchanges}
        for quote in prices.quotes:
            quotes[quote.market.exchange].append(quote)
        return {name: self._source(prices, name, some, now) for name, some in quotes.items()}

    def _source(self, prices: Prices, exchange: str, quotes: Iterable[Quote], now: Instant) -> SourceReport:
        fresh = [link.fresh(now) for (name, _), link in prices.quotes.links.items() if name == exchange]
        last = max((quote.received for quote in quotes), default=0)
        silent = [f"{quote.market.symbol}/{quote.market.quote}" for quote in quotes if _silent(quote, now)]
        return SourceReport(
            state="live" if fresh and all(fresh) else "stale" if last else "down",
            last_tick_ts=last or None,
            ticks=self._counts[exchange, "accepted"],
            reconnects=self._counts[exchange, "closed"],
            silent_markets=silent[:MOST_SILENT],
        )

    def _say(self, exchange: str, silent: list[str]) -> None:
        """What an exchange tells nothing of, once."""
        if set(silent) - set(self._silent.get(exchange, ())):
            log.warning("%s: nothing came of %s, though its connection is fine", exchange, ", ".join(silent))
        self._silent[exchange] = silent

    def _follow_sources(self, prices: Prices, now: Instant) -> None:
        """Rows that went from one exchange to another within the last second, together one incident a board."""
        moved: dict[tuple[str, str, str], list[str]] = {}
        for board, rows in prices.rows.items():
            for symbol, row in rows.items():
                before = self._shown.get((board, symbol))
                if row.source is None or row.source == before:
                    continue
                self._shown[board, symbol] = row.source
                if before is not None:
                    moved.setdefault((board, before, row.source), []).append(symbol)
        for (board, before, to), symbols in moved.items():
            self._add(Incident(ts=now.wall, kind="source", source=before, board=board, symbols=symbols, to=to))

    def _add(self, incident: Incident) -> None:
        self._incidents.insert(0, incident)
        del self._incidents[MOST_INCIDENTS:]


def _silent(quote: Quote, now: Instant) -> bool:
    """Its connection has delivered for a while, others than it: it was refused, or nobody trades it."""
    link = quote.link
    if quote.suspended or quote.absent_since is not None or quote.current(now):
        return False
    return link.open and link.fresh(now) and now.mono - link.epoch >= HEARD_MS


def _name(incident: Incident) -> tuple[object, ...]:
    return incident.ts, incident.kind, incident.source, incident.board, incident.to
