"""What exchanges might send, made of what they do send: other values in it, or other bytes."""

import itertools
from collections.abc import Iterator
from typing import Any, Final

import orjson
from hypothesis import strategies as st

VALUES: Final[st.SearchStrategy[Any]] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "code", "data", "event", "channel", "error", "ty", "cd"]), inner, max_size=4
        )
    ),
    max_leaves=6,
)


@st.composite
def odd(draw: st.DrawFn, documented: bytes) -> bytes:
    """A documented frame or answer with up to three values in it, or up to six bytes, changed."""
    if draw(st.booleans()):
        return _other_bytes(draw, documented)
    try:
        return _other_values(draw, documented)
    except orjson.JSONDecodeError:
        return _other_bytes(draw, documented)


def _other_bytes(draw: st.DrawFn, documented: bytes) -> bytes:
    content = bytearray(documented)
    change = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    for place, byte in draw(st.lists(change, min_size=1, max_size=6)):
        content[place] = byte
    return bytes(content)


def _other_values(draw: st.DrawFn, documented: bytes) -> bytes:
    content = orjson.loads(documented)
    size = sum(1 for _ in _within(content))
    others = draw(st.dictionaries(st.integers(0, size - 1), VALUES, min_size=1, max_size=3))
    return orjson.dumps(_replaced(content, others, itertools.count()))


def _within(content: Any) -> Iterator[Any]:
    """The value and every one inside it, in the order of a frame."""
    yield content
    inner = content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    for value in inner:
        yield from _within(value)


def _replaced(content: Any, others: dict[int, Any], number: Iterator[int]) -> Any:
    """The value with these others in the numbered places, counted like `_within`."""
    here = next(number)
    if isinstance(content, dict):
        content = {key: _replaced(value, others, number) for key, value in content.items()}
    elif isinstance(content, list):
        content = [_replaced(value, others, number) for value in content]
    return others.get(here, content)
