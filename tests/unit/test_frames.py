import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from ticker.serve.frames import BINARY, CLOSE, CONT, PING, PONG, TEXT, Frames, Violation, check_close
from ticker.serve.message import header


def frame(opcode: int, data: bytes, *, fin: bool = True, rsv: int = 0, mask: bytes = b"\x11\x22\x33\x44") -> bytes:
    plain = header(fin << 7 | rsv << 4 | opcode, len(data))
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    return plain[:1] + bytes((plain[1] | 0x80,)) + plain[2:] + mask + masked


def fed(*pieces: bytes, largest: int = 4096, deflate: bool = False) -> list[tuple[int, bytes]]:
    frames = Frames(largest, 64, may_deflate=deflate)
    return [found for piece in pieces for found in frames.feed(piece)]


def code(act: Callable[[], object]) -> int:
    with pytest.raises(Violation) as broken:
        act()
    return broken.value.code


def squeezed(data: bytes, level: int = 6) -> bytes:
    deflate = zlib.compressobj(level, zlib.DEFLATED, -15)
    return (deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


def test_messages_and_control_frames_come_whole_and_in_order() -> None:
    said = frame(TEXT, b"he", fin=False) + frame(PING, b"!") + frame(CONT, b"", fin=False) + frame(CONT, b"llo")
    said += frame(BINARY, b"\xff") + frame(PONG, b"") + frame(CLOSE, b"\x03\xe8")
    expected = [(PING, b"!"), (TEXT, b"hello"), (BINARY, b"\xff"), (PONG, b""), (CLOSE, b"\x03\xe8")]
    assert fed(said) == expected
    assert fed(*(said[at : at + 1] for at in range(len(said)))) == expected


message = st.tuples(st.sampled_from([TEXT, BINARY]), st.text(max_size=300).map(str.encode), st.integers(1, 4))


@given(st.lists(message, max_size=6), st.binary(min_size=4, max_size=4), st.integers(1, 40), st.booleans())
def test_what_was_said_is_heard_however_it_is_cut(
    messages: list[tuple[int, bytes, int]], mask: bytes, step: int, deflate: bool
) -> None:
    data = b""
    for opcode, content, pieces in messages:
        sent = squeezed(content) if deflate else content
        size = len(sent) // pieces + 1
        parts = [sent[at : at + size] for at in range(0, max(1, len(sent)), size)]
        for number, part in enumerate(parts):
            first, last = number == 0, number == len(parts) - 1
            data += frame(opcode if first else CONT, part, fin=last, rsv=4 * (deflate and first), mask=mask)
    heard = fed(*(data[at : at + step] for at in range(0, len(data), step)), deflate=deflate, largest=1 << 20)
    assert heard == [(opcode, content) for opcode, content, _ in messages]


@given(st.binary(max_size=70_000), st.sampled_from([Opcode.BINARY, Opcode.PING]))
def test_frames_of_another_library_are_read(data: bytes, opcode: Opcode) -> None:
    data = data[:125] if opcode is Opcode.PING else data
    assert fed(Frame(opcode, data).serialize(mask=True), largest=1 << 20) == [(int(opcode), data)]


@given(st.lists(st.binary(max_size=40), max_size=5), st.booleans())
def test_no_bytes_do_worse_than_break_the_rules(pieces: list[bytes], deflate: bool) -> None:
    try:
        fed(*pieces, deflate=deflate)
    except Violation as violation:
        assert violation.code in {1002, 1007, 1009}  # noqa: PT017 - most bytes are no violation at all


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\x00",  # not masked
        frame(3, b""),
        frame(11, b""),
        frame(TEXT, b"", rsv=2),
        frame(TEXT, b"", rsv=1),
        frame(TEXT, b"", rsv=4),  # no compression was agreed
        frame(PING, b"", fin=False),
        frame(PING, b"x" * 126),
        frame(CONT, b"x"),
        frame(TEXT, b"x", fin=False) + frame(TEXT, b"x"),
        frame(TEXT, b"x", fin=False) + frame(CONT, b"x") + frame(CONT, b"x"),
    ],
)
def test_broken_frames(data: bytes) -> None:
    assert code(lambda: fed(data)) == 1002


@pytest.mark.parametrize(
    "data",
    [
        frame(PING, b"", rsv=4),
        frame(TEXT, b"", fin=False, rsv=4) + frame(CONT, b"", rsv=4),
    ],
)
def test_only_the_first_frame_of_a_message_says_that_it_is_compressed(data: bytes) -> None:
    assert code(lambda: fed(data, deflate=True)) == 1002


@pytest.mark.parametrize("data", [b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf0\x9f\x92", b"ok\xf8"])
def test_a_text_is_utf_8(data: bytes) -> None:
    assert code(lambda: fed(frame(TEXT, data))) == 1007
    assert code(lambda: fed(frame(TEXT, squeezed(data), rsv=4), deflate=True)) == 1007
    assert fed(frame(BINARY, data)) == [(BINARY, data)]


def test_a_message_is_bounded_before_it_has_come() -> None:
    assert fed(frame(TEXT, b"x" * 4096)) == [(TEXT, b"x" * 4096)]
    for start in (frame(TEXT, b"x" * 4097)[:8], b"\x81\xff" + b"\xff" * 12):
        assert code(lambda start=start: fed(start)) == 1009  # type: ignore[misc]
    assert code(lambda: fed(frame(TEXT, b"x" * 4000, fin=False), frame(CONT, b"x" * 97))) == 1009
    assert code(lambda: fed(frame(TEXT, b"", fin=False), frame(CONT, b"", fin=False) * 64)) == 1009


def test_a_bomb_is_not_unpacked() -> None:
    assert code(lambda: fed(frame(TEXT, squeezed(bytes(1 << 20), 9), rsv=4), deflate=True)) == 1009
    assert code(lambda: fed(frame(TEXT, squeezed(bytes(4097)), rsv=4), deflate=True)) == 1009
    assert fed(frame(TEXT, squeezed(bytes(4096)), rsv=4), deflate=True) == [(TEXT, bytes(4096))]


def test_what_is_not_compressed_as_agreed_is_refused() -> None:
    assert code(lambda: fed(frame(TEXT, b"\xff\xff", rsv=4), deflate=True)) == 1007


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x03\xe8",
        b"\x03\xe8bye",
        b"\x0b\xb8",
        b"\x13\x87",
        b"\x03\xf4",
        *(b"\x03" + bytes((b,)) for b in (0xE9, 0xEF)),
    ],
)
def test_close_codes_for_everybody(content: bytes) -> None:
    check_close(content)


@pytest.mark.parametrize("said", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
def test_close_codes_for_nobody(said: int) -> None:
    assert code(lambda: check_close(said.to_bytes(2, "big"))) == 1002


def test_a_reason_is_text_and_a_code_is_whole() -> None:
    assert code(lambda: check_close(b"\x03")) == 1002
    assert code(lambda: check_close(b"\x03\xe8\xff")) == 1007
