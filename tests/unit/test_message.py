import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticker.serve.message import DEFLATED, EVENT, PLAIN, WINDOW, WORTH_IT, Message, header


@pytest.mark.parametrize(
    ("length", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65535, b"\x81\x7e\xff\xff"),
        (65536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_lengths_are_written_as_short_as_the_protocol_asks(length: int, head: bytes) -> None:
    assert header(0x81, length) == head
    assert Message(b"x" * length).form(PLAIN)[: len(head)] == head


def test_each_form_is_made_once() -> None:
    message = Message(b"x" * 1000)
    for kind in (PLAIN, DEFLATED, EVENT):
        assert message.form(kind) is message.form(kind)


def test_an_event_is_one_line() -> None:
    assert Message(b'{"a":1}').form(EVENT) == b'data: {"a":1}\n\n'


def test_short_messages_are_not_compressed() -> None:
    short = Message(b"x" * (WORTH_IT - 1))
    assert short.form(DEFLATED) == short.form(PLAIN)
    assert Message(b"x" * WORTH_IT).form(DEFLATED)[0] == 0xC1


@given(st.binary(min_size=WORTH_IT, max_size=20_000))
def test_a_compressed_message_stands_alone_and_fits_the_smallest_window(payload: bytes) -> None:
    frame = Message(payload).form(DEFLATED)
    size = {126: 4, 127: 10}.get(frame[1], 2)
    inflate = zlib.decompressobj(-WINDOW)
    assert inflate.decompress(frame[size:] + b"\0\0\xff\xff") == payload
    assert frame[:size] == header(0xC1, len(frame) - size)
