"""What every ring shares: a real Redis of its own, and boards and exchanges made for tests."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import settings

from ticker.exchanges.exchange import Candles, Exchange, Keepalive, Request
from ticker.model import Board, Market
from ticker.store import embedded

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")  # times are measured in bench/, never in tests


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A private Redis, empty, gone after the test."""
    with embedded.server(tmp_path / "redis") as url:
        yield url


def make_board(*symbols: str, sources: tuple[str, ...] = ("alpha", "beta"), name: str = "krw") -> Board:
    names = {symbol: {"ko": symbol, "en": symbol} for symbol in symbols}
    return Board(
        name=name, quote="KRW", symbols=symbols, sources=sources, title={"ko": "시세", "en": "Prices"}, names=names
    )


def make_exchange(name: str, candles: Candles | None = None) -> Exchange:
    return Exchange(
        name=name,
        title={"ko": name, "en": name},
        quotes=("KRW",),
        ws_url="ws://127.0.0.1:1",
        rest_url="http://127.0.0.1:1",
        markets=(Request("/markets"),),
        parse_markets=lambda _body: [],
        subscribe=lambda _markets, _memory, _now: [],
        parse=lambda _frame, _memory: [],
        keepalive=Keepalive(10.0),
        candles=candles,
        tick_table=(("1000", "1"), ("0", "0.1")),
    )


def make_market(exchange: str, symbol: str) -> Market:
    return Market(exchange, symbol, "KRW", f"KRW-{symbol}")


D = Decimal
