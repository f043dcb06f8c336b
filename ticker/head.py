"""Pure: the head of an HTTP request, read strictly; whatever is unusual is not read here at all."""

import re
from typing import Final
from urllib.parse import parse_qsl, unquote

from msgspec import Struct

LONGEST: Final = 16 * 1024
END: Final = b"\r\n\r\n"
REQUEST_LINE: Final = re.compile(rb"(GET|HEAD) (/[!-~]{0,2000}) HTTP/1\.1")
HEADER: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t -~\x80-\xff]*)")


class Head(Struct, frozen=True):
    """A request without a body."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """By lower-case name; every name occurs once."""


def read(data: bytes) -> Head | None:
    """The head in `data`, which ends with an empty line; None where a stricter reader must decide."""
    lines = data[: -len(END)].split(b"\r\n")
    request = REQUEST_LINE.fullmatch(lines[0])
    if request is None:
        return None
    headers: dict[str, str] = {}
    for line in lines[1:]:
        header = HEADER.fullmatch(line)
        if header is None:
            return None
        name = header[1].decode().lower()
        if name in headers:
            return None
        headers[name] = header[2].decode("latin-1").rstrip(" \t")
    if "host" not in headers or "content-length" in headers or "transfer-encoding" in headers or "expect" in headers:
        return None
    target, _, query = request[2].decode().partition("?")
    if "#" in target or "#" in query:
        return None
    return Head(request[1].decode(), unquote(target), dict(parse_qsl(query, keep_blank_values=True)), headers)


def is_upgrade(head: Head) -> bool:
    """Whether it asks for a websocket."""
    return (
        head.method == "GET"
        and head.headers.get("upgrade", "").lower() == "websocket"
        and "upgrade" in head.headers.get("connection", "").lower()
    )
