import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticker.serve.head import Head, accepts_gzip, board_in, garbled, is_known, is_upgrade, read

LINE = b"GET /v1/snapshot/krw HTTP/1.1\r\n"
UPGRADE = {"host": "x", "upgrade": "websocket", "connection": "Upgrade"}


def headed(*headers: bytes, line: bytes = LINE) -> Head | None:
    return read(line + b"".join(header + b"\r\n" for header in headers) + b"\r\n")


def test_a_plain_request_is_read() -> None:
    head = headed(b"Host: x:80", b"Accept:  text/html \t", b"X-Empty:", line=b"HEAD /a/b?x=1&y=%20z&x=2&e HTTP/1.1\r\n")
    assert head == Head(
        "HEAD", "/a/b", {"x": "1", "y": " z", "e": ""}, {"host": "x:80", "accept": "text/html", "x-empty": ""}
    )


def test_repeated_lists_are_joined_and_repeated_riddles_are_not_read() -> None:
    head = headed(b"Host: x", b"X-Forwarded-For: 1.1.1.1", b"x-forwarded-for: 2.2.2.2")
    assert head is not None
    assert head.headers["x-forwarded-for"] == "1.1.1.1, 2.2.2.2"
    for name in (b"Host", b"Origin", b"Upgrade", b"If-None-Match", b"Sec-WebSocket-Key", b"Sec-WebSocket-Version"):
        assert headed(b"Host: x", name + b": a", name + b": a") is None


@pytest.mark.parametrize(
    "data",
    [
        b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
        b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /#a HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /?a#b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\x80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n a: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nbare\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\nC: d\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rC: d\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: \x7f\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n",
        b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_whatever_is_unusual_is_left_to_another_reader(data: bytes) -> None:
    assert read(data) is None


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    read(data + b"\r\n\r\n")
    read(LINE + b"Host: x\r\n" + data + b"\r\n\r\n")
    read(b"GET /" + data + b" HTTP/1.1\r\nHost: x\r\n\r\n")


@given(st.binary(max_size=40).filter(lambda value: b"\r\n" not in value))
def test_a_header_never_becomes_two(value: bytes) -> None:
    head = headed(b"Host: x", b"A: " + value)
    assert head is None or set(head.headers) == {"host", "a"}


@pytest.mark.parametrize(
    ("change", "asks"),
    [
        ({}, True),
        ({"upgrade": "WebSocket", "connection": "keep-alive, upgrade"}, True),
        ({"upgrade": "h2c"}, False),
        ({"connection": "keep-alive"}, False),
        ({"connection": "no-upgrade"}, False),
    ],
)
def test_a_websocket_is_asked_for_by_both_headers(change: dict[str, str], asks: bool) -> None:
    assert is_upgrade(Head("GET", "/", {}, UPGRADE | change)) is asks
    assert not is_upgrade(Head("HEAD", "/", {}, UPGRADE | change))


@pytest.mark.parametrize(
    ("path", "board"),
    [
        ("/v1/stream", ""),
        ("/v1/stream/krw", "krw"),
        ("/v1/stream/kr%77", "krw"),
        ("/v1/stream/a%2Fb", "a/b"),
        ("/v1/stream/", None),
        ("/v1/streamkrw", None),
        ("/v1/stream/krw/x", None),
        ("/v1/stream%2Fkrw", None),
        ("/", None),
    ],
)
def test_the_board_of_a_path(path: str, board: str | None) -> None:
    assert board_in(path, "/v1/stream") == board


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("br, *", True),
        ("*;q=0, gzip", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("identity", False),
        ("notgzip", False),
        ("", False),
    ],
)
def test_gzip_is_taken_where_it_is_accepted(value: str, accepted: bool) -> None:
    assert accepts_gzip({"accept-encoding": value}) is accepted


@pytest.mark.parametrize(
    ("value", "known"),
    [('W/"ab"', True), ('"ab"', True), ('"x", W/"ab"', True), ("*", True), ('W/"abc"', False), ("ab", False)],
)
def test_tags_are_compared_weakly(value: str, known: bool) -> None:
    assert is_known('W/"ab"', value) is known
    assert not is_known('W/"ab"', "")


def test_a_lonely_line_feed_is_noticed_before_the_head_is_complete() -> None:
    assert garbled(b"GET / HTTP/1.1\nHost")
    assert not garbled(b"GET / HTTP/1.1\r\nHost: x\r")


def test_a_length_of_nothing_is_no_body_and_any_other_is_somebody_elses_question() -> None:
    """Java's client sends `Content-Length: 0` with its handshake."""
    ask = b"GET /v1/stream HTTP/1.1\r\nHost: x\r\n%s\r\n"
    found = read(ask % b"Content-Length: 0\r\n")
    assert found
    assert found.headers == {"host": "x"}
    for riddle in (
        b"Content-Length: 1",
        b"Content-Length: 00",
        b"Content-Length: 0\r\nContent-Length: 0",
        b"Content-Length: ",
    ):
        assert read(ask % (riddle + b"\r\n")) is None
