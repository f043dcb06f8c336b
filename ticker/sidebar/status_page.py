"""The page at `/status`: what `/v1/status` says, in words an editor understands. Pure: time comes from the data."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape
from typing import Any, Final
from zoneinfo import ZoneInfo

from ticker import money
from ticker.model import Board, Language
from ticker.sidebar.cells import source_name
from ticker.sidebar.presentation import SEOUL
from ticker.sidebar.status_words import STATUS_WORDS, StatusWords
from ticker.sidebar.style import STATIC, source_hash, squeeze
from ticker.sidebar.words import WORDS

STYLE: Final = squeeze((STATIC / "status.css").read_text(encoding="utf-8"))
STYLE_HASH: Final = source_hash(STYLE)
REFRESH_S: Final = 30
SPANS: Final = ((60, 0), (3600, 1), (86_400, 2), (10**12, 3))
"""Below so many seconds an age is told in this unit of `StatusWords.ago`."""
UNITS: Final = (1, 60, 3600, 86_400)


class _Page:
    """One telling, in one language."""

    def __init__(self, told: Mapping[str, Any], boards: Mapping[str, Board], lang: Language) -> None:
        self.told = told
        self.boards = boards
        self.lang = lang
        self.words: StatusWords = STATUS_WORDS[lang]
        self.zone = ZoneInfo(next((board.timezone for board in boards.values()), SEOUL))

    def coin(self, symbol: str) -> str:
        """The coin's name on the first board that has it."""
        names = (board.names[symbol][self.lang] for board in self.boards.values() if symbol in board.names)
        return next(names, symbol)

    def source(self, name: str) -> str:
        """The exchange by the name readers know."""
        return source_name(name, self.lang)

    def clock(self, ts: int, form: str = "%H:%M:%S") -> str:
        """A moment on the first board's own clock."""
        return datetime.fromtimestamp(ts // 1000, self.zone).strftime(form)

    def time(self, ts: int) -> str:
        """The time of day, with the date when it is not today's."""
        today = self.clock(ts, "%j") == self.clock(self.told["ts"], "%j")
        return f"<time>{self.clock(ts, '%H:%M:%S' if today else '%m.%d %H:%M')}</time>"

    def ago(self, ts: int | None) -> str:
        """How long ago, in the largest fitting unit; a dash for never."""
        if ts is None:
            return "—"
        seconds = max(0, self.told["ts"] - ts) // 1000
        unit = next(unit for below, unit in SPANS if seconds < below)
        return self.words.ago[unit].format(seconds // UNITS[unit])


def page(told: Mapping[str, Any], boards: Mapping[str, Board], lang: Language, *, refreshing: bool = True) -> str:
    """The whole page; its one `<style>` is `STYLE_HASH`, it needs no script and reloads itself unless told not to."""
    at = _Page(told, boards, lang)
    refresh = f'<meta http-equiv="refresh" content="{REFRESH_S}">' if refreshing else ""
    words = at.words
    head = (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"{refresh}<title>{words.verdicts[told['state']][0]} · {words.title}</title><style>{STYLE}</style></head>"
    )
    top = f"<h1>{words.title}</h1>{_verdict(at)}{_when(at, refreshing)}{_simulated(at)}"
    sections = (
        _section(words.exchanges, _exchanges(at)),
        _section(words.held, _held(at)),
        _section(words.incidents, _incidents(at)),
        *(_section(words.premium, _premium(at, premium)) for premium in told["premium"]),
    )
    sections = (_section(words.boards, _boards(at)), *(() if _unknown(told) else sections))
    return f"{head}<body><header>{top}</header><main>{''.join(sections)}</main>{_footer(at)}</body></html>"


def _section(title: str, inner: str) -> str:
    return f"<section><h2>{title}</h2>{inner}</section>"


def _verdict(at: _Page) -> str:
    word, sentence = at.words.verdicts[at.told["state"]]
    text = " ".join((sentence, *_causes(at)))
    return f'<p class="verdict {at.told["state"]}" role="status"><b>{word}</b> <span>{escape(text)}</span></p>'


def _causes(at: _Page) -> Iterable[str]:
    causes, told = at.words.causes, at.told
    if frozen := [board["board"] for board in told["boards"] if board["frozen"]]:
        yield causes["frozen"].format(", ".join(frozen))
    if told["collector"]["state"] == "silent":
        yield causes["silent"]
    if told["redis"]["state"] == "unreachable":
        yield causes["unknown" if _unknown(told) else "unreachable"]
    if odd := [at.source(one["source"]) for one in told["exchanges"] if one["state"] != "live"]:
        yield causes["exchanges"].format(", ".join(odd))
    if told["held"]:
        yield causes["held"].format(len(told["held"]))
    if late := sum(board["rows"]["stale"] for board in told["boards"]):
        yield causes["stale"].format(late)


def _unknown(told: Mapping[str, Any]) -> bool:
    """Whether this server has never heard of the collector, and cannot ask."""
    return told["redis"]["state"] == "unreachable" and not told["exchanges"]


def _when(at: _Page, refreshing: bool) -> str:
    other = "en" if at.lang == "ko" else "ko"
    moment = at.clock(at.told["ts"], "%Y.%m.%d %H:%M:%S" if at.lang == "ko" else "%Y-%m-%d %H:%M:%S")
    zone = "KST" if at.zone.key == SEOUL else at.zone.key
    said, change = at.words.refreshes if refreshing else at.words.stays
    kept, changed = ("", "&amp;refresh=off") if refreshing else ("&amp;refresh=off", "")
    return (
        f'<p class="when">{at.words.when.format(f"{moment} {zone}")} · {said} '
        f'(<a href="?lang={at.lang}{changed}">{change}</a>) · '
        f'<a href="?lang={other}{kept}" hreflang="{other}" lang="{other}">{at.words.other}</a></p>'
    )


def _simulated(at: _Page) -> str:
    simulated = any(board.simulated for board in at.boards.values())
    return f'<p class="when"><b>{WORDS[at.lang].simulated}</b></p>' if simulated else ""


def _table(at: _Page, columns: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(f'<th scope="col">{at.words.headers[column]}</th>' for column in columns)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _row(name: str, *cells: str) -> str:
    return f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _state(kind: str, word: str) -> str:
    return f'<span class="state {kind}">{word}</span>'


def _boards(at: _Page) -> str:
    return _table(at, ("board", "state", "rows", "oldest"), (_board(at, board) for board in at.told["boards"]))


def _board(at: _Page, board: Mapping[str, Any]) -> str:
    rows, oldest = board["rows"], board["oldest"]
    kind = "frozen" if board["frozen"] else "down" if not rows["live"] else "stale" if rows["stale"] else "live"
    counts = " · ".join(at.words.rows[state].format(count) for state, count in rows.items() if count)
    tone = {"down": "still", "live": "ok", "frozen": "held"}.get(kind, kind)
    age = f"{escape(oldest['name'][at.lang])} <small>{escape(at.source(oldest['source']))}</small> " if oldest else ""
    title = f"{escape(board['title'][at.lang])} <small>{escape(board['board'])}</small>"
    return _row(
        title, _state(tone, at.words.board_states[kind]), counts, age + at.ago(oldest["ts"] if oldest else None)
    )


def _exchanges(at: _Page) -> str:
    columns = ("exchange", "state", "last", "ticks", "reconnects")
    return _table(at, columns, (_exchange(at, one) for one in at.told["exchanges"]))


def _exchange(at: _Page, one: Mapping[str, Any]) -> str:
    state = {"live": "ok", "stale": "stale"}.get(one["state"], "down")
    word = at.words.source_states.get(one["state"], one["state"])
    return _row(
        escape(one["name"][at.lang]),
        _state(state, escape(word)),
        at.ago(one["last_tick_ts"]),
        f"{one['ticks']:,}",
        f"{one['reconnects']:,}",
    )


def _list(lines: Iterable[str], nothing: str) -> str:
    inner = "".join(lines)
    return f"<ol>{inner}</ol>" if inner else f'<p class="none">{nothing}</p>'


def _held(at: _Page) -> str:
    return _list(
        (_line(at, hold["ts"], at.words.holding.format(**_price_of(at, hold))) for hold in at.told["held"]),
        at.words.nothing_held,
    )


def _line(at: _Page, ts: int, text: str) -> str:
    return f"<li>{at.time(ts)}<span>{escape(text)}</span></li>"


def _price_of(at: _Page, hold: Mapping[str, Any]) -> dict[str, str]:
    """The parts of a sentence about a suspicious price."""
    symbol = hold.get("symbol") or next(iter(hold.get("symbols") or ()), "")
    price, good = money.grouped(hold["price"] or "0"), money.grouped(hold["last_good"] or "0")
    return {"source": at.source(hold["source"]), "coin": at.coin(symbol), "price": price, "last_good": good}


def _incidents(at: _Page) -> str:
    return _list((_line(at, one["ts"], _sentence(at, one)) for one in at.told["incidents"]), at.words.no_incidents)


def _sentence(at: _Page, one: Mapping[str, Any]) -> str:
    if one["kind"] == "hold":
        outcome = at.words.outcomes.get(one["outcome"]) or str(one["outcome"])
        return at.words.hold.format(**_price_of(at, one), outcome=outcome)
    if one["kind"] == "source":
        source, to = at.source(one["source"]), at.source(one["to"] or "")
        return at.words.moved.format(board=one["board"], source=source, to=to, coins=_coins(at, one["symbols"]))
    more = at.words.times.format(one["times"], at.clock(one["last_ts"] or one["ts"])) if one["times"] > 1 else ""
    return at.words.reconnect.format(source=at.source(one["source"])) + more


def _coins(at: _Page, symbols: list[str]) -> str:
    first = at.coin(symbols[0]) if symbols else ""
    return at.words.several.format(first, len(symbols) - 1) if len(symbols) > 1 else first


def _premium(at: _Page, premium: Mapping[str, Any]) -> str:
    rate = premium["rate"]
    if rate is None:
        return f'<p class="none">{at.words.no_rate}</p>'
    price, source = money.grouped(rate["price"]), at.source(rate["source"])
    line = at.words.rate.format(price=price, source=source, time=at.clock(rate["ts"]))
    rows = (
        _row(
            escape(at.coin(leg["symbol"])),
            money.grouped(leg["price"]),
            escape(at.source(leg["source"])),
            at.time(leg["ts"]),
        )
        for leg in premium["abroad"]
    )
    return f"<p>{line}</p>{_table(at, ('coin', 'price', 'exchange', 'time'), rows)}"


def _footer(at: _Page) -> str:
    age, redis = at.told["collector"]["heartbeat_age_ms"], at.told["redis"]
    heard = at.words.never if age is None else at.ago(at.told["ts"] - age)
    store = at.words.redis.format(redis["lag_ms"] or 0) if redis["state"] == "ok" else at.words.unreachable
    link = f'<a href="v1/status">{at.words.machine}</a>'
    return f"<footer>{at.words.collector.format(heard)} · {store} · {link}</footer>"
