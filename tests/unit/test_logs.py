"""Whatever a stranger can make us say, one event is one line, and the terminal does nothing it is told."""

import io
import logging
import sys

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticker.logs import JsonLines, formatter
from ticker.settings import Log


def said(form: logging.Formatter, message: str, *, failed: bool = False) -> str:
    try:
        raise ZeroDivisionError(message) if failed else KeyError
    except (ZeroDivisionError, KeyError):
        found = sys.exc_info() if failed else None
    record = logging.LogRecord("ticker.serve", logging.WARNING, "", 1, "%s", (message,), found)
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    stream.write(form.format(record))
    stream.flush()
    return form.format(record)


any_text = st.text(st.characters(exclude_categories=())) | st.text("\n\r\x1b\x85\u2028\ud800a")


@given(any_text)
def test_one_event_is_one_line_of_json(message: str) -> None:
    """Seen failing on a broken letter, which a request's path may hold, when it is not escaped."""
    line = said(JsonLines(), message, failed=True)
    assert "\n" not in line
    assert "\r" not in line
    assert orjson.loads(line)["level"] == "warning"


@given(any_text)
def test_one_event_is_one_visible_line_of_text(message: str) -> None:
    """Seen failing with an escape sequence that reaches the operator's terminal."""
    line = said(formatter(Log(format="text")), message)
    assert line.isprintable()
    assert line.splitlines() == [line]


@given(any_text)
def test_the_lines_of_a_mistake_of_ours_pass_for_no_event(message: str) -> None:
    """Seen failing with a traceback as Python writes it."""
    first, *rest = said(formatter(Log(format="text")), message, failed=True).split("\n")
    assert " WARNING " in first
    assert rest
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


def test_a_worker_is_named_in_its_lines() -> None:
    assert orjson.loads(said(formatter(Log(format="json"), "1"), "SIGHUP: read"))["worker"] == "1"
    assert said(formatter(Log(format="text"), "1"), "SIGHUP: read").endswith("WARNING worker 1: SIGHUP: read")


@pytest.mark.parametrize("form", [JsonLines(), formatter(Log(format="text"))])
def test_what_people_can_read_stays_as_it_is(form: logging.Formatter) -> None:
    assert "업비트: 점검 — done" in said(form, "업비트: 점검 — done")
