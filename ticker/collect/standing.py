"""How the exchanges and boards of a collector stand, and what happened to them last."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from ticker.market import Prices
from ticker.model import Instant
from ticker.report import Incident, Report, SourceReport

MOST_INCIDENTS: Final = 50
SAME_MS: Final = 300_000
"""Connections of one exchange lost within this time of each other are one incident."""


class Standing:
    """What is reported once a second."""

    def __init__(self, counts: Counter[tuple[str, str]]) -> None:
        self._counts = counts
        self._incidents: list[Incident] = []
        """Newest first."""
        self._shown: dict[tuple[str, str], str] = {}
        """(board, symbol) -> the exchange its price came from."""

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
        return Report(
            sources={name: self._source(prices, name, now) for name in prices.exchanges},
            premium={name: premium.legs(now) for name, premium in prices.premiums.items()},
            incidents=self._incidents,
        )

    def states(self, prices: Prices, now: Instant) -> dict[str, str]:
        """By exchange: `live` while each connection delivers, `stale` when one does not, `down` when none ever did."""
        return {name: self._source(prices, name, now).state for name in prices.exchanges}

    def _source(self, prices: Prices, exchange: str, now: Instant) -> SourceReport:
        fresh = [link.fresh(now) for (name, _), link in prices.quotes.links.items() if name == exchange]
        last = max((quote.received for quote in prices.quotes if quote.market.exchange == exchange), default=0)
        return SourceReport(
            state="live" if fresh and all(fresh) else "stale" if last else "down",
            last_tick_ts=last or None,
            ticks=self._counts[exchange, "accepted"],
            reconnects=self._counts[exchange, "closed"],
        )

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


def _name(incident: Incident) -> tuple[object, ...]:
    return incident.ts, incident.kind, incident.source, incident.board, incident.to
