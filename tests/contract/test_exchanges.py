"""Every exchange of the registry: its documented frames, its real captures, and what no parser may do."""

import functools
import gzip
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oddities import odd
from ticker import money
from ticker.errors import BadFrame
from ticker.exchanges import EXCHANGES
from ticker.exchanges.exchange import Frame, read
from ticker.model import Event, Goodbye, Refused, Reply, Suspension, Tick

SAMPLES = Path(__file__).parents[1] / "samples"
CAPTURES = Path(__file__).parents[2].parent / "shared" / "captures"
HOSTILE = [
    b"",
    b"not json",
    b'{"type":"ticker"',
    b"\xff\xfe",
    b"[" * 2000,
    b"[" * 2000 + b"]" * 2000,
    b"null",
    b"0",
    b'"text"',
    b"[]",
    b"[[]]",
    b"{}",
    b"\x1f\x8b broken",
]
NO_PRICES = [
    *("NaN", "Infinity", "-1", "0", "-0.0", "1e400", "1e16", "1e-16", "null", "true", "[]", "{}"),
    *('"NaN"', '"Infinity"', '"-1"', '"0"', '"1_000"', '"１２３"', '"٣"', '" 1 "', '"1,000"', '"0x10"', '"1e16"', '""'),
]
HERE = "where the price was"


@functools.cache
def samples(name: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (SAMPLES / f"{name}.jsonl").read_bytes().splitlines() if line.strip()]


def framed(sample: dict[str, Any]) -> Frame:
    text: str = sample["frame"]
    return gzip.compress(text.encode()) if sample.get("gzip") else text


def told(event: Event) -> list[Any]:
    match event:
        case Tick(symbol, quote, price, ts):
            return ["tick", symbol, quote, money.plain(price), ts]
        case Suspension(symbol, quote, suspended, delisted):
            return ["suspension", symbol, quote, suspended, *(["delisted"] if delisted else [])]
        case Reply(text):
            return ["reply", text]
        case Refused():
            return ["refused"]
        case Goodbye():
            return ["goodbye"]


@pytest.mark.parametrize("name", EXCHANGES)
def test_documented_frames_mean_what_they_say(name: str) -> None:
    memory: dict[str, Any] = {}
    for sample in samples(name):
        assert [told(event) for event in read(EXCHANGES[name], framed(sample), memory)] == sample["events"], sample


@pytest.mark.parametrize("name", EXCHANGES)
def test_binary_and_text_frames_mean_the_same(name: str) -> None:
    text, binary = {}, {}  # type: dict[str, Any], dict[str, Any]
    for sample in samples(name):
        if not sample.get("gzip"):
            frame: str = sample["frame"]
            assert read(EXCHANGES[name], frame, text) == read(EXCHANGES[name], frame.encode(), binary)


def ticks(name: str, frame: Frame, memory: dict[str, Any]) -> list[Tick]:
    """What prices a frame brings: none when it is dropped."""
    try:
        return [event for event in read(EXCHANGES[name], frame, dict(memory)) if isinstance(event, Tick)]
    except BadFrame:
        return []


@functools.cache
def remembered(name: str) -> dict[str, Any]:
    """What a connection knows after the documented frames: its channels, say."""
    memory: dict[str, Any] = {}
    for sample in samples(name):
        read(EXCHANGES[name], framed(sample), memory)
    return memory


def harmless(name: str, frame: Frame) -> None:
    """A frame is dropped, or its ticks are prices; nothing else may come of it."""
    for tick in ticks(name, frame, remembered(name)):
        assert Decimal("1e-15") <= tick.price <= Decimal("1e15")
        assert tick.ts is None or isinstance(tick.ts, int)


@pytest.mark.parametrize("frame", HOSTILE)
@pytest.mark.parametrize("name", EXCHANGES)
def test_malformed_frames_are_dropped(name: str, frame: bytes) -> None:
    """Seen failing without what turns a parser's error into a `BadFrame`."""
    harmless(name, frame)
    harmless(name, frame.decode("latin-1"))


@pytest.mark.parametrize("name", EXCHANGES)
def test_what_is_said_of_a_bad_frame_has_no_text_of_it(name: str) -> None:
    """Seen failing with the frame's beginning in the sentence, and with a parser's own words."""
    said = []
    for frame in (sample["frame"] for sample in samples(name)):
        for odd_one in (frame[: len(frame) // 2] + "hunter2", frame + "hunter2", f"hunter2 {frame}"):
            for form in (odd_one, odd_one.encode(), gzip.compress(odd_one.encode())):
                with pytest.raises(BadFrame) as error:
                    read(EXCHANGES[name], form, {})
                said.append(str(error.value))
    assert not [sentence for sentence in said if not re.fullmatch(r"\w+ in \d+ bytes", sentence)]


def without(prices: set[Decimal], value: Any) -> Any:
    """A frame's content with `HERE` for each of these prices, however deep."""
    if isinstance(value, dict):
        return {key: without(prices, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without(prices, inner) for inner in value]
    return HERE if money.number(value) in prices else value


@pytest.mark.parametrize("name", EXCHANGES)
def test_what_is_no_price_is_never_a_tick(name: str) -> None:
    """In each place a documented frame has a price in: objects, arrays, what is zipped.

    Seen failing without the least and the greatest price, and with numbers that may have "_" or full-width digits.
    """
    memory: dict[str, Any] = {}
    changed = 0
    for sample in samples(name):
        prices = {event.price for event in read(EXCHANGES[name], framed(sample), memory) if isinstance(event, Tick)}
        if not prices:
            continue
        content = orjson.dumps(without(prices, orjson.loads(sample["frame"]))).decode()
        assert HERE in content
        changed += 1
        for bad in NO_PRICES:
            odd = sample | {"frame": content.replace(f'"{HERE}"', bad)}
            assert not ticks(name, framed(odd), memory), odd
        cut = sample | {"frame": sample["frame"][: len(sample["frame"]) // 2]}
        assert not ticks(name, framed(cut), memory)
    assert changed


@pytest.mark.parametrize("name", EXCHANGES)
@settings(max_examples=100)
@given(data=st.data())
def test_no_exception_but_badframe_escapes_any_parser(name: str, data: st.DataObject) -> None:
    """Its documented frames with other values or other bytes in them.

    Seen failing without what turns a parser's error into a `BadFrame`: for all exchanges.
    """
    sample = data.draw(st.sampled_from(samples(name)))
    frame = data.draw(odd(sample["frame"].encode()))
    harmless(name, frame)
    harmless(name, gzip.compress(frame))
