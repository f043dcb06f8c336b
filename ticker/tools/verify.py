"""I/O: `ticker verify`: how a shown percent came about, recomputed from what Redis holds."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import aiohttp
from msgspec import Struct

from ticker import clock, money
from ticker.collect import rest
from ticker.exchanges import Exchange
from ticker.exchanges.exchange import PARSE_ERRORS
from ticker.history import LENGTH, ref_minute
from ticker.listing import RENAMED
from ticker.model import DAY, MINUTE, Board, BoardState, Row
from ticker.reach import why_not
from ticker.sample import unpack
from ticker.store import Reader

AROUND: Final = 3
"""Minutes shown before and after the one that counts."""
KEPT: Final = LENGTH * MINUTE
"""How old a sample may be before Redis forgets it."""
LATE: Final = 2 * MINUTE
PATIENCE_S: Final = 8.0
NOTHING: Final = "—"
UNREACHABLE: Final = (*rest.NO_ANSWER, *PARSE_ERRORS)


class Account(Struct, frozen=True):
    """What is to be said, and whether the shown percent is the recomputed one."""

    lines: list[str]
    agrees: bool


async def verify(url: str, board: Board, symbol: str, exchanges: Mapping[str, Exchange], proxy: str | None) -> Account:
    """The account of one row, and what its exchange itself says."""
    async with Reader(url) as reader:
        now = clock.now().wall
        state = await reader.board(board.name)
        row = state.rows.get(symbol) or Row(symbol=symbol)
        market = f"{row.source}:{symbol}/{board.quote}"
        counts = (row.ref_ts or ref_minute(now) + MINUTE) - MINUTE  # the start of the minute that counts
        found = await reader.samples(market, counts + DAY + MINUTE - AROUND * MINUTE) if row.source else []
    account = judge(board, state, row, found[: 2 * AROUND + 1], now)
    exchange = exchanges.get(row.source or "")
    if exchange is None or row.price is None:
        return account
    if board.simulated:
        own = "not asked: this one is simulated"
    else:
        own = await rolling(exchange, board, symbol, Decimal(row.price), proxy)
    return Account([*account.lines, f"{exchange.title['en']}'s own rolling figure: {own}"], account.agrees)


def judge(board: Board, state: BoardState, row: Row, samples: list[tuple[int, int]], now: int) -> Account:
    """The account of a row from the samples (minute start, sample) around the minute that counts."""
    head = f"{row.symbol} on board {board.name}"
    if row.price is None or row.ts is None or row.received_ts is None:
        return Account([f"{head}: no price yet, so there is nothing to verify"], agrees=row.change_pct is None)
    zone, minute = ZoneInfo(board.timezone), (row.ref_ts or ref_minute(now) + MINUTE) - MINUTE
    lines = [
        f"{head}: market {row.source}:{row.symbol}/{board.quote}, state {row.reason or row.state}",
        f"price   {money.grouped(row.price, row.decimals)}",
        f"        traded {moment(row.ts, zone)}, received {moment(row.received_ts, zone)}",
        f"ref     {NOTHING if row.ref is None else money.grouped(row.ref, row.decimals)}",
        f"        basis {row.basis or NOTHING}, {NOTHING if row.ref_ts is None else moment(row.ref_ts, zone)}",
        "samples around now - 24 h, by the end of their minute:",
        *(_sample(at, sample, minute, row.decimals, zone) for at, sample in samples),
        *_remarks(state, row, now),
    ]
    known = unpack(dict(samples).get(minute, 0))
    agrees, verdict = _verdict(row, known, forgotten=now - minute > KEPT)
    ref = known if row.basis == "history" and known is not None else Decimal(row.ref) if row.ref else known
    if ref is not None:
        lines.append(_arithmetic(Decimal(row.price), ref))
    shown = NOTHING if row.change_pct is None else f"{row.change_pct} %"
    return Account([*lines, f"shown   {shown}: {verdict}"], agrees)


def _verdict(row: Row, known: Decimal | None, *, forgotten: bool) -> tuple[bool, str]:
    """Whether the shown percent is right, and why (not)."""
    if row.price is None or row.ref is None or row.change_pct is None:
        if row.ref is not None or row.change_pct is not None:
            return False, "DISAGREES: a percent and its reference must come together"
        return known is None, "right: no reference is known" if known is None else "DISAGREES: the samples know one"
    ref, why = Decimal(row.ref), "of the reference"
    if row.basis == "history" and not forgotten:
        if known is None:
            return False, "DISAGREES: no sample of that minute is in Redis"
        ref, why = known, "of the sample"
    recomputed = money.plain(money.percent(Decimal(row.price), ref))
    if recomputed != row.change_pct:
        return False, f"DISAGREES with {recomputed} %, the recomputed one"
    if ref != Decimal(row.ref):
        return False, f"DISAGREES: the reference is not the sample {money.plain(ref)}"
    return True, f"agrees with {recomputed} %, recomputed from the price {why}"


def _arithmetic(price: Decimal, ref: Decimal) -> str:
    now, before = money.plain(price), money.plain(ref)
    exact = money.WIDE.divide((price - ref) * 100, ref)
    return f"({now} - {before}) / {before} * 100 = {exact:.8f}, half away from zero {money.percent(price, ref)}"


def _sample(at: int, sample: int, minute: int, decimals: int, zone: ZoneInfo) -> str:
    price = unpack(sample)
    shown = NOTHING if price is None else money.grouped(money.plain(price), decimals)
    return f"  {'>' if at == minute else ' '} {moment(at + MINUTE, zone)}  {shown}"


def _remarks(state: BoardState, row: Row, now: int) -> list[str]:
    found = []
    if row.symbol in state.hidden:
        found.append("an editor hides this row")
    if state.frozen:
        found.append("an editor has frozen this board: price and reference are those of that moment")
    elif row.ref_ts is not None and ref_minute(now) + MINUTE - row.ref_ts >= LATE:
        found.append("the reference lies behind the clock: the collector is silent (see `ticker doctor`)")
    return found


def moment(ms: int, zone: ZoneInfo) -> str:
    """`2026-11-24 10:42:07 Asia/Seoul`."""
    at = datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)
    return f"{at:%Y-%m-%d %H:%M:%S} {zone.key}"


async def rolling(exchange: Exchange, board: Board, symbol: str, price: Decimal, proxy: str | None) -> str:
    """What the exchange itself says of the last 24 hours, asked now, or why it says nothing."""
    figure = exchange.rolling
    if figure is None or figure.quote != board.quote:
        return "it publishes none"
    try:
        async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession(trust_env=False) as session:
            body = await rest.fetch(session, exchange, figure.request, rest.Pace(1.0), proxy=proxy)
        found = figure.parse(body)
    except UNREACHABLE as error:
        return f"not known: {why_not(error, exchange.rest_url, proxy)}"
    before = found.get(symbol) or found.get(RENAMED.get(symbol, symbol))
    if before is None or not money.is_price(before):
        return f"it tells none of {symbol}"
    return f"{money.plain(money.percent(price, before))} % from {money.grouped(money.plain(before))}"
