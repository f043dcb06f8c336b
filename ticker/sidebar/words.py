"""Every word the sidebar shows, by language; `static/widget.js` says the same (a test compares)."""

from typing import Final

from msgspec import Struct

from ticker.model import Language


class Words(Struct, frozen=True):
    """The words of one language; `{}` marks where a value goes."""

    headers: dict[str, str]
    """Column -> header; `name` is the one above the coins' names."""
    currencies: dict[str, str]
    """Quote -> the currency's word, where it is not the quote itself."""
    states: dict[str, str]
    """State, or reason of a closed row -> what readers are told."""
    basis: str
    source: str
    others: str
    as_of: str
    dash: str
    """Between the year, the month and the day: no line may break there."""
    disclaimer: str
    simulated: str
    frozen: str
    excuse: str
    """In the place of prices that cannot be shown."""
    status: dict[str, str]
    """What the banner says of the connection; only where it is not live."""
    pause: str
    resume: str
    read: str


WORDS: Final[dict[Language, Words]] = {
    "ko": Words(
        headers={
            "name": "종목",
            "price": "현재가({})",
            "percent": "변동률",
            "change": "변동액({})",
            "source": "거래소",
            "time": "시각",
            "premium": "김프",
            "sparkline": "24시간",
        },
        currencies={"KRW": "원", "USD": "달러", "JPY": "엔"},
        states={
            "stale": "지연",
            "held": "확인 중",
            "suspended": "거래 정지",
            "delisted": "거래지원 종료",
            "pending": "수신 대기",
        },
        basis="* 24시간 변동률 기준",
        source="{} 시세",
        others="(별도 표기 종목은 {})",
        as_of="{} 기준",
        dash=".",
        disclaimer="시세는 참고용이며 지연·오류가 있을 수 있습니다. 투자 판단의 책임은 이용자에게 있습니다.",
        simulated="모의 시세입니다. 실제 거래 가격이 아닙니다.",
        frozen="시세 갱신을 잠시 멈췄습니다.",
        excuse="지금은 시세를 표시할 수 없습니다.",
        status={"down": "연결 끊김", "refused": "연결 불가"},
        pause="일시정지",
        resume="다시 시작",
        read="현재 시세 읽기",
    ),
    "en": Words(
        headers={
            "name": "Coin",
            "price": "Price ({})",
            "percent": "Change",
            "change": "Change ({})",
            "source": "Exchange",
            "time": "Time",
            "premium": "Premium",
            "sparkline": "24 hours",
        },
        currencies={},
        states={
            "stale": "delayed",
            "held": "checking",
            "suspended": "suspended",
            "delisted": "delisted",
            "pending": "waiting",
        },
        basis="* 24-hour change",
        source="{} prices",
        others=" (marked: {})",
        as_of="as of {}",
        dash="\u2011",
        disclaimer="For reference only; prices may be late or wrong. Investment decisions are your own responsibility.",
        simulated="Simulated prices. These are not real market prices.",
        frozen="Updates are paused for the moment.",
        excuse="Prices cannot be shown here right now.",
        status={"down": "offline", "refused": "unavailable"},
        pause="Pause",
        resume="Resume",
        read="Read prices",
    ),
}
