"""Pure: which of two connections speaks for a market while one takes over from the other."""

from ticker.model import Suspension, Tick


class Succession:
    """Each market moves over by its first frame that is not older than what the older connection told meanwhile."""

    def __init__(self) -> None:
        self.heir: int | None = None
        """The number of the connection that is taking over, while it does."""
        self._moved: set[tuple[str, str]] = set()
        """The markets that the heir delivers already: what an older connection says of them is old."""
        self._told: dict[tuple[str, str], int] = {}
        """Market -> the time of what the older connection said of it last, meanwhile."""

    def begin(self, heir: int) -> None:
        """This connection is about to take over."""
        self.heir = heir

    def end(self) -> None:
        """Nobody is taking over (any more)."""
        self.heir = None
        self._moved.clear()
        self._told.clear()

    def allows(self, number: int, event: Tick | Suspension) -> bool:
        """Whether it is this connection's turn to speak of a market."""
        market, ts = (event.symbol, event.quote), (isinstance(event, Tick) and event.ts) or None
        if number != self.heir:
            self._told[market] = ts or 0
            return market not in self._moved
        if market not in self._moved and ts is not None and ts < self._told.get(market, 0):
            return False
        self._moved.add(market)
        return True
