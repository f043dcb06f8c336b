"""Every word of the status page, by language; `{}` marks where a value goes."""

from typing import Final

from msgspec import Struct

from ticker.model import Language


class StatusWords(Struct, frozen=True):
    """The words of one language."""

    title: str
    verdicts: dict[str, tuple[str, str]]
    """Overall state -> a word, and a sentence."""
    causes: dict[str, str]
    """What the sentence names when something is wrong."""
    when: str
    refreshes: tuple[str, str]
    """That the page reloads itself, and the link that ends it."""
    stays: tuple[str, str]
    """That it does not, and the link that begins it."""
    other: str
    """The other language, in that language."""
    boards: str
    exchanges: str
    held: str
    incidents: str
    premium: str
    headers: dict[str, str]
    board_states: dict[str, str]
    source_states: dict[str, str]
    rows: dict[str, str]
    """A row's state -> so many of them."""
    nothing_held: str
    no_incidents: str
    holding: str
    reconnect: str
    times: str
    moved: str
    several: str
    hold: str
    outcomes: dict[str | None, str]
    rate: str
    no_rate: str
    collector: str
    never: str
    redis: str
    unreachable: str
    machine: str
    ago: tuple[str, str, str, str]
    """Seconds, minutes, hours, days."""


STATUS_WORDS: Final[dict[Language, StatusWords]] = {
    "ko": StatusWords(
        title="시세 서비스 상태",
        verdicts={
            "ok": ("정상", "모든 시세판이 정상입니다."),
            "degraded": ("주의", "시세판은 움직이고 있지만 살펴볼 것이 있습니다."),
            "down": ("장애", "실시간 가격이 없는 시세판이 있습니다. 마지막 가격이 있으면 그 시각과 함께 보여 줍니다."),
        },
        causes={
            "frozen": "편집자가 고정한 시세판: {}.",
            "silent": "수집기가 응답하지 않습니다.",
            "unknown": "저장소(Redis)에 연결되지 않아 거래소의 상태를 아직 알 수 없습니다.",
            "unreachable": "저장소(Redis)에 연결되지 않아 아래 내용은 마지막으로 확인한 것입니다.",
            "exchanges": "연결이 원활하지 않은 거래소: {}.",
            "held": "확인 중인 가격이 {}건 있습니다.",
            "stale": "지연된 종목이 {}개 있습니다.",
        },
        when="{} 기준",
        refreshes=("30초마다 새로 고칩니다", "멈추기"),
        stays=("새로 고침을 멈췄습니다", "다시 켜기"),
        other="English",
        boards="시세판",
        exchanges="거래소",
        held="확인 중인 가격",
        incidents="최근에 있었던 일",
        premium="김치 프리미엄에 쓰인 가격",
        headers={
            "board": "시세판",
            "state": "상태",
            "rows": "종목",
            "oldest": "가장 오래된 가격",
            "exchange": "거래소",
            "last": "마지막 시세",
            "ticks": "받은 시세",
            "reconnects": "끊김",
            "coin": "종목",
            "price": "가격",
            "time": "시각",
        },
        board_states={"live": "정상", "stale": "일부 지연", "down": "멈춤", "frozen": "고정됨"},
        source_states={"live": "정상", "stale": "지연", "down": "연결 안 됨"},
        rows={
            "live": "실시간 {}",
            "stale": "지연 {}",
            "held": "확인 중 {}",
            "closed": "거래 중단 {}",
            "pending": "대기 {}",
        },
        nothing_held="없습니다.",
        no_incidents="없습니다.",
        holding="{source} {coin} {price}: 직전 가격({last_good})과 차이가 커서 확인하는 동안 직전 가격을 보여 줍니다.",
        reconnect="{source} 연결이 끊겼습니다.",
        times=" 모두 {}번이며 마지막은 {}입니다.",
        moved="{board} 시세판의 거래소가 바뀌었습니다: {source} → {to} ({coins}).",
        several="{} 외 {}종목",
        hold="{source} {coin} {price}: 직전 가격은 {last_good}. {outcome}.",
        outcomes={
            None: "확인하고 있습니다",
            "confirmed": "다른 거래소에서 확인되어 반영했습니다",
            "repeated": "같은 가격이 이어져 반영했습니다",
            "rejected": "잘못된 가격으로 보고 버렸습니다",
            "accepted": "편집자가 반영했습니다",
        },
        rate="1 USDT = {price} ({source}, {time})",
        no_rate="USDT 시세가 없어 계산하지 않고 있습니다.",
        collector="수집기 {}",
        never="응답 없음",
        redis="저장 지연 {} ms",
        unreachable="저장소 연결 안 됨",
        machine="JSON으로 보기",
        ago=("{}초\u00a0전", "{}분\u00a0전", "{}시간\u00a0전", "{}일\u00a0전"),
    ),
    "en": StatusWords(
        title="Price service status",
        verdicts={
            "ok": ("All good", "Every board works as it should."),
            "degraded": ("Attention", "The boards are moving, but something needs a look."),
            "down": ("Outage", "A board has no live price. Its last prices, if any, are shown with their time."),
        },
        causes={
            "frozen": "Frozen by an editor: {}.",
            "silent": "The collector does not answer.",
            "unknown": "The store (Redis) cannot be reached, and nothing is known of the exchanges yet.",
            "unreachable": "The store (Redis) cannot be reached; what follows is what was last known.",
            "exchanges": "Exchanges with connection trouble: {}.",
            "held": "Prices being checked: {}.",
            "stale": "Coins that are late: {}.",
        },
        when="As of {}",
        refreshes=("refreshes every 30 seconds", "stop"),
        stays=("does not refresh", "start"),
        other="한국어",
        boards="Boards",
        exchanges="Exchanges",
        held="Prices being checked",
        incidents="What happened lately",
        premium="Prices behind the Kimchi premium",
        headers={
            "board": "Board",
            "state": "State",
            "rows": "Coins",
            "oldest": "Oldest price",
            "exchange": "Exchange",
            "last": "Last price",
            "ticks": "Prices taken",
            "reconnects": "Cuts",
            "coin": "Coin",
            "price": "Price",
            "time": "Time",
        },
        board_states={"live": "fine", "stale": "partly late", "down": "stopped", "frozen": "frozen"},
        source_states={"live": "fine", "stale": "late", "down": "not connected"},
        rows={
            "live": "{} live",
            "stale": "{} late",
            "held": "{} being checked",
            "closed": "{} closed",
            "pending": "{} waiting",
        },
        nothing_held="None.",
        no_incidents="Nothing.",
        holding="{source} {coin} {price}: far from {last_good}, the last price, which is shown until this is checked.",
        reconnect="The connection to {source} was lost.",
        times=" {} times in all, last at {}.",
        moved="The exchange of board {board} changed: {source} → {to} ({coins}).",
        several="{} and {} more",
        hold="{source} {coin} {price}: the price before was {last_good}. {outcome}.",
        outcomes={
            None: "Being checked",
            "confirmed": "Another exchange confirmed it, so it is shown",
            "repeated": "It came again and again, so it is shown",
            "rejected": "Taken for a mistake and dropped",
            "accepted": "An editor accepted it",
        },
        rate="1 USDT = {price} ({source}, {time})",
        no_rate="Not calculated, for there is no price of USDT.",
        collector="collector {}",
        never="does not answer",
        redis="store lag {} ms",
        unreachable="store unreachable",
        machine="as JSON",
        ago=("{}\u00a0s\u00a0ago", "{}\u00a0min\u00a0ago", "{}\u00a0h\u00a0ago", "{}\u00a0d\u00a0ago"),
    ),
}
