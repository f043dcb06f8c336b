"""Pure: the head of an HTTP request, read strictly; whatever is unusual is not read here at all."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote

from msgspec import Struct

LONGEST: Final = 16 * 1024
LONGEST_LINE: Final = 8000
MOST_HEADERS: Final = 100
END: Final = b"\r\n\r\n"
REQUEST_LINE: Final = re.compile(rb"(GET|HEAD) (/[!-~]{0,2000}) HTTP/1\.1")
HEADER: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t -~\x80-\xff]*)")
BARE_LINE_FEED: Final = re.compile(rb"(?<!\r)\n")
NOT_AT_ALL: Final = re.compile(r"\s*q\s*=\s*0(\.0{0,3})?\s*")
SINGLE: Final = frozenset({"host", "origin", "upgrade", "if-none-match", "sec-websocket-key", "sec-websocket-version"})
"""Headers whose repetition is a riddle, not a list."""
RIDDLES: Final = frozenset({"content-length", "transfer-encoding", "expect"})
"""Headers of requests that have a body or ask before they send one; a length of 0 says that there is none."""


class Head(Struct, frozen=True):
    """A request without a body."""

    method: str
    path: str
    """As it was sent, without the query."""
    query: dict[str, str]
    """Decoded; of a repeated parameter the first counts."""
    headers: dict[str, str]
    """By lower-case name; repeated ones joined with commas."""


def read(data: bytes) -> Head | None:
    """The head in `data`, which ends with an empty line; None where another reader must decide."""
    lines = data[: -len(END)].split(b"\r\n")
    request = REQUEST_LINE.fullmatch(lines[0])
    headers = request and _headers(lines[1:])
    if headers and headers.get("content-length") == "0":
        del headers["content-length"]
    if not request or not headers or "host" not in headers or headers.keys() & RIDDLES:
        return None
    path, _, query = request[2].decode().partition("?")
    if "#" in path or "#" in query:
        return None
    return Head(request[1].decode(), path, _parameters(query), headers)


def _headers(lines: list[bytes]) -> dict[str, str] | None:
    headers: dict[str, str] = {}
    if len(lines) > MOST_HEADERS:
        return None
    for line in lines:
        header = HEADER.fullmatch(line)
        if header is None or len(line) > LONGEST_LINE:
            return None
        name, value = header[1].decode().lower(), header[2].decode("latin-1").rstrip(" \t")
        if name in headers:
            if name in SINGLE:
                return None
            value = f"{headers[name]}, {value}"
        headers[name] = value
    return headers


def _parameters(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True) if query else ():
        found.setdefault(name, value)
    return found


def is_upgrade(head: Head) -> bool:
    """Whether it asks for a websocket."""
    tokens = {token.strip() for token in head.headers.get("connection", "").lower().split(",")}
    return head.method == "GET" and head.headers.get("upgrade", "").lower() == "websocket" and "upgrade" in tokens


def board_in(path: str, route: str) -> str | None:
    """The board in `/v1/stream/krw`, empty in `/v1/stream`; None where the path is not this route."""
    if path == route:
        return ""
    base, slash, board = path.rpartition("/")
    return unquote(board) if slash and board and base == route else None


def garbled(data: bytes) -> bool:
    """Whether a line of an unfinished head ends as none of HTTP/1.1 does: no empty line will come for us."""
    return BARE_LINE_FEED.search(data) is not None


def accepts_gzip(headers: Mapping[str, str]) -> bool:
    """Whether an answer may be compressed (RFC 9110 section 12.5.3)."""
    weights = {}
    for part in headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = part.partition(";")
        weights[coding.strip()] = not NOT_AT_ALL.fullmatch(weight)
    return weights.get("gzip", weights.get("*", False))


def is_known(etag: str, known: str) -> bool:
    """Whether a weak tag is among those of `If-None-Match`, compared weakly (RFC 9110 section 13.1.2)."""
    return known.strip() == "*" or etag.removeprefix("W/") in known
