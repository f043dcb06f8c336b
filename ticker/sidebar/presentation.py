"""What a board says around its rows, in one language: pure, and the same for the server's markup and for widget.js."""

from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from ticker.model import Board, BoardState, Language
from ticker.sidebar.words import WORDS

SEOUL: Final = "Asia/Seoul"


class Presentation(Struct, frozen=True):
    """Part of every snapshot, so that an element without the server's markup is complete; `{}` is a value's place."""

    percent_digits: int | Literal["trim"]
    timezone: str
    utc_offset_s: int
    """Of the time zone at the board's newest change; every time on the board is written with it."""
    unit: str
    """The currency as readers call it: 원; KRW where the language has no word."""
    notices: list[str]
    """What readers must know before the prices: simulated, held still, the editor's own notice."""
    footnote: str
    """`{}` is the main source's name."""
    others: str
    """Added where rows come from other sources too, which are `{}`."""
    as_of: str
    """`{}` is the newest price's date and time; the zone is named except to Korean readers of a Korean clock."""
    disclaimer: str


def presentation(board: Board, state: BoardState, lang: Language) -> Presentation:
    """What every snapshot of this board carries beside CONTRACT section 4."""
    words = WORDS[lang]
    own = (board.footnote or {}).get(lang)
    offset = datetime.fromtimestamp(state.ts // 1000, ZoneInfo(board.timezone)).utcoffset() or timedelta()
    zone = "" if (lang, board.timezone) == ("ko", SEOUL) else f"\xa0{zone_name(board.timezone, offset)}"
    said = (words.simulated if board.simulated else None, words.frozen if state.frozen else None, state.notice)
    return Presentation(
        percent_digits=board.percent_digits,
        timezone=board.timezone,
        utc_offset_s=int(offset.total_seconds()),
        unit=words.currencies.get(board.quote, board.quote),
        notices=[text for text in said if text],
        footnote=own or f"{words.basis} · {words.source}",
        others="" if own else words.others,
        as_of=words.as_of.replace("{}", f"{{}}{zone}"),
        disclaimer=(board.disclaimer or {}).get(lang) or words.disclaimer,
    )


def zone_name(timezone: str, offset: timedelta) -> str:
    """KST, UTC, or the offset as browsers write it: GMT-5, GMT+5:30."""
    if timezone == SEOUL:
        return "KST"
    minutes = offset // timedelta(minutes=1)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"GMT{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}"


def local(ts: int, offset_s: int) -> datetime:
    """The moment on the board's own clock, whatever the reader's zone."""
    return datetime.fromtimestamp(ts // 1000 + offset_s, UTC)
