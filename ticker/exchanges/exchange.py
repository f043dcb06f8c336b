"""What an exchange is to this program: a frozen value of constants and pure functions.

A module beside this one holds only what is particular to its exchange. Tests and the demo aim it at a simulator with
`msgspec.structs.replace(UPBIT, ws_url=..., rest_url=...)`; nothing is patched and nothing inherits.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from ticker.errors import BadFrame
from ticker.model import Event, Market

Frame: TypeAlias = str | bytes
Memory: TypeAlias = dict[str, Any]
"""What one connection must remember between frames (channel ids, request numbers): empty at its start, never shared."""

PARSE_ERRORS: Final = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What reading a malformed frame can raise in pure code (OSError: a broken gzip body)."""


class Request(Struct, frozen=True):
    """One HTTP request to the exchange's REST address."""

    path: str
    """Appended to `rest_url`, query included."""
    method: str = "GET"


class Keepalive(Struct, frozen=True):
    """How a connection is kept open: a text frame each `every_s` seconds, or protocol pings when `text` is None."""

    every_s: float
    text: Callable[[int], str] | None = None
    """From the time in ms to the frame."""


class Candles(Struct, frozen=True):
    """Minute candles by HTTP: the price history at start and after a gap."""

    request: Callable[[Market, int, int], Request]
    """(market, end, count): the `count` minute candles that end at or before `end` (ms, exclusive, a whole minute)."""
    parse: Callable[[bytes], list[tuple[int, Decimal]]]
    """The body as (minute start in ms, closing price), in any order; minutes without trades may be missing."""
    most: int
    """The greatest `count` one request may ask for."""
    per_s: float
    """Requests per second to stay within the venue's limit, with room to spare."""


class Rolling(Struct, frozen=True):
    """The venue's own documented rolling 24-hour figure by HTTP, for the time our history does not cover."""

    request: Request
    parse: Callable[[bytes], dict[str, Decimal]]
    """The body as symbol -> the price 24 hours ago."""
    quote: str


class Exchange(Struct, frozen=True, kw_only=True):
    """One exchange. Everything is a constant or a pure function; I/O lives in `feed` and `backfill`."""

    name: str
    title: dict[str, str]
    """Its name by language, as readers know it."""
    quotes: tuple[str, ...]
    """The quote currencies it is used for."""
    ws_url: str
    rest_url: str
    markets: tuple[Request, ...]
    """The requests that together give the complete market list."""
    parse_markets: Callable[[bytes], list[Market]]
    """One body of `markets`; suspended and delisted ones are marked, where they are told."""
    subscribe: Callable[[Sequence[Market], Memory, int], list[str]]
    """(markets, memory, now in ms): the frames that subscribe one connection, sent in order right after it opens."""
    parse: Callable[[Frame, Memory], Iterable[Event]]
    """One received frame; call it through `read`, which turns every failure into BadFrame."""
    keepalive: Keepalive
    candles: Candles | None = None
    rolling: Rolling | None = None
    tick_table: tuple[tuple[str, str], ...] = ()
    """Price steps by price: (from this price, step), highest first; used where a market has no `tick_size`."""
    silence_s: float = 15.0
    """The longest silence of a whole connection that is normal; the watchdog waits no longer."""
    most_markets: int = 1000
    """Markets one connection may carry; more are spread over several connections."""
    connects_per_s: float = 1.0
    frame_gap_s: float = 0.25
    """Pause between the subscribe frames of one connection."""
    refuses_frames: bool = False
    """One unknown market refuses all the others of its subscribe frame."""
    max_age_s: float | None = None
    """A connection older than this is replaced by a new one before the venue cuts it."""
    token: Request | None = None
    """A request whose answer `address` turns into the websocket URL (KuCoin)."""
    address: Callable[[str, bytes], str] | None = None
    """(ws_url, token answer) -> the URL to dial."""


def only(fields: str, names: str = "", within: str = "") -> Callable[[Frame], Any]:
    """A decoder of just these fields of a JSON object or a list of them; the rest of a frame is skipped unread.

    A field that is absent is None. `names` are what the fields are called here, in the same order, where that differs.
    The object or list may lie in one of the fields `within` of another such object.
    """
    here = (names or fields).split()
    renamed = dict(zip(here, fields.split(), strict=True))
    inner: Any = msgspec.defstruct("Inner", [(name, Any, None) for name in here], rename=renamed, gc=False)
    one_or_more: Any = inner | list[inner]
    holders = [(name, one_or_more | None, None) for name in within.split()]
    outer: Any = msgspec.defstruct("Outer", holders, bases=(inner,), rename=renamed, gc=False)
    return msgspec.json.Decoder(outer | list[inner]).decode


def read(exchange: Exchange, frame: Frame, memory: Memory) -> list[Event]:
    """What a received frame means; BadFrame, without a word of it, when it is malformed, whatever the way."""
    try:
        events = exchange.parse(frame, memory)
        return events if type(events) is list else list(events)
    except PARSE_ERRORS as error:
        raise BadFrame(f"{type(error).__name__} in {len(frame)} bytes") from error
