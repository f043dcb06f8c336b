"""Record files: what was written is read back, and what cannot be read names its file and line."""

import contextlib
import gzip
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ticker.errors import BadFrame, UsageError
from ticker.exchanges import EXCHANGES
from ticker.exchanges.exchange import Frame, read
from ticker.tools.tape import Line, Recorder, decode


def written(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def recorded(path: Path, *frames: Frame) -> list[Frame]:
    with path.open("wb") as file:
        recorder = Recorder(file)
        recorder.opened("upbit", "0-1-5", "wss://example.org")
        recorder.frame("upbit", "0-1-5", "sent", "[]")
        for frame in frames:
            recorder.frame("upbit", "0-1-5", "recv", frame)
        assert recorder.lines == len(frames) + 2
    return [line.frame for line in decode(path)]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=st.lists(st.text() | st.binary() | st.binary().map(gzip.compress), max_size=5))
def test_every_frame_is_read_back_as_it_was(tmp_path: Path, frames: list[Frame]) -> None:
    assert recorded(tmp_path / "tape", *frames) == frames


def test_a_compressed_frame_is_kept_as_it_is_beside_its_text(tmp_path: Path) -> None:
    frame = gzip.compress(b'{"ping":1}')
    assert recorded(tmp_path / "tape", frame) == [frame]
    line = orjson.loads((tmp_path / "tape").read_bytes().splitlines()[-1])
    assert (line["dir"], line["frame"], line["text"]) == ("recv", "binary", '{"ping":1}')


def test_only_received_frames_come_out_with_their_connection(tmp_path: Path) -> None:
    path = written(
        tmp_path / "tape",
        '{"t":1,"dir":"open","exchange":"upbit","conn":"a","url":"wss://x"}',
        '{"t":1.25,"dir":"sent","exchange":"upbit","conn":"a","text":"sub"}',
        "",
        '{"t":1.5,"dir":"recv","exchange":"upbit","conn":"a","frame":"binary","text":"{}","note":"kept"}',
        '{"t":1.75,"dir":"recv","exchange":"bithumb","conn":7,"frame":"text","text":"빗썸"}',
    )
    assert list(decode(path)) == [Line(1.5, "upbit", "a", b"{}"), Line(1.75, "bithumb", "7", "빗썸")]


def test_lines_that_name_nobody_take_the_given_exchange_and_each_opening_begins_a_connection(tmp_path: Path) -> None:
    recv = '{"t":2,"dir":"recv","text":"x"}'
    path = written(tmp_path / "tape", '{"t":1,"dir":"open"}', recv, '{"t":3,"dir":"open"}', recv)
    assert [(line.exchange, line.conn) for line in decode(path, "upbit")] == [("upbit", "#1"), ("upbit", "#2")]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("not json", "not a line of a record file"),
        ('{"t":1,"dir":"recv"', "not a line of a record file"),
        ("[]", "not a line of a record file"),
        ("null", "not a line of a record file"),
        ("[" * 2000 + "]" * 2000, "not a line of a record file"),
        ('{"dir":"recv","text":"x"}', "missing required field `t`"),
        ('{"t":1,"text":"x"}', "missing required field `dir`"),
        ('{"t":"noon","dir":"recv","text":"x"}', "Expected `float`"),
        ('{"t":NaN,"dir":"recv","text":"x"}', "not a line of a record file"),
        ('{"t":1,"dir":"received","text":"x"}', "Invalid enum value 'received'"),
        ('{"t":1,"dir":["recv"],"text":"x"}', "Expected `str`"),
        ('{"t":1,"dir":"recv","exchange":["upbit"],"text":"x"}', "Expected `str"),
        ('{"t":1,"dir":"recv","exchange":"upbit","text":5}', "Expected `str"),
        ('{"t":1,"dir":"recv","exchange":"upbit","gzip_b64":"%%"}', "Invalid base64"),
        ('{"t":1,"dir":"recv","exchange":"upbit"}', "neither `text` nor `gzip_b64`"),
        ('{"t":1,"dir":"recv","exchange":"nowhere","text":"x"}', "no exchange 'nowhere'"),
        ('{"t":1,"dir":"recv","text":"x"}', "add --exchange NAME"),
    ],
)
def test_a_bad_line_is_named_with_its_file_and_number(tmp_path: Path, line: str, says: str) -> None:
    good = '{"t":1,"dir":"recv","exchange":"upbit","text":"x"}'
    lines = decode(written(tmp_path / "tape", good, line))
    assert next(lines).frame == "x"
    with pytest.raises(UsageError) as raised:
        next(lines)
    assert str(raised.value).startswith(f"{tmp_path / 'tape'}:2: ")
    assert says in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing: No such file"):
        list(decode(tmp_path / "nothing"))


def test_a_binary_file_is_no_record_file(tmp_path: Path) -> None:
    (tmp_path / "tape").write_bytes(b"\xff\xfe\x00{}")
    with pytest.raises(UsageError, match=":1: not a line"):
        list(decode(tmp_path / "tape", "upbit"))


ODD_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 10**30, 1e300, "", "x", "recv", "binary", "\ud800", "%%", "AA==", "H4sIAAAA", [], {}, ["x"]]
)
ODD_LINES = st.dictionaries(
    st.sampled_from(["t", "dir", "exchange", "conn", "url", "frame", "gzip_b64", "text"]), ODD_VALUES, max_size=8
).map(lambda fields: json.dumps({"t": 1, "dir": "recv", "exchange": "upbit", "text": "x"} | fields).encode())


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.binary(max_size=30) | ODD_LINES, max_size=3))
def test_no_file_raises_anything_but_a_sentence(tmp_path: Path, lines: list[bytes]) -> None:
    """Seen failing without the catch around a line's decoding."""
    (tmp_path / "tape").write_bytes(b"\n".join(lines))
    said = ""
    try:
        for line in decode(tmp_path / "tape", "upbit"):
            with contextlib.suppress(BadFrame):
                assert read(EXCHANGES[line.exchange], line.frame, {}) == []
    except UsageError as error:
        said = str(error)
    assert said.splitlines() == [said][: len(said)]
