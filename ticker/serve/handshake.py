"""Pure: the answer to a websocket's opening handshake (RFC 6455 section 4.2), compression included (RFC 7692)."""

import base64
import binascii
import hashlib
from typing import Final

from ticker.serve.head import Head, is_upgrade
from ticker.serve.message import WINDOW
from ticker.serve.query import Refusal

GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VERSION: Final = "13"
KEY_BYTES: Final = 16
WINDOWS: Final = {str(bits): bits for bits in range(8, 16)}
AGREED: Final = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


def accept(head: Head) -> tuple[bytes, bool]:
    """The head of the answer, and whether messages may be compressed; a Refusal for a handshake that is none."""
    if not is_upgrade(head) or head.headers.get("sec-websocket-version") != VERSION:
        raise Refusal("upgrade_required", "this address is for websockets of version 13")
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {_answer(head.headers.get('sec-websocket-key', ''))}",
    ]
    deflate = compression(head.headers.get("sec-websocket-extensions", ""))
    if deflate:
        lines.append(f"Sec-WebSocket-Extensions: {deflate}")
    return "\r\n".join([*lines, "", ""]).encode(), deflate is not None


def _answer(key: str) -> str:
    try:
        size = len(base64.b64decode(key, validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if size != KEY_BYTES:
        raise Refusal("bad_request", "Sec-WebSocket-Key is 16 bytes in base64")
    return base64.b64encode(hashlib.sha1(key.encode() + GUID, usedforsecurity=False).digest()).decode()


def compression(offers: str) -> str | None:
    """The answer to the first offer that suits us: no message depends on one before it, in neither direction."""
    for offer in offers.split(","):
        name, *parameters = [part.strip() for part in offer.split(";")]
        if name == "permessage-deflate" and (agreed := _agreed(parameters)):
            return agreed
    return None


def _agreed(parameters: list[str]) -> str | None:
    """The answer to one offer; None where it asks for what we cannot do, or is malformed."""
    found: dict[str, str] = {}
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name in found:
            return None
        found[name.rstrip()] = value.strip().strip('"')
    wanted = found.pop("server_max_window_bits", None)
    ours = found.pop("client_max_window_bits", "15") or "15"
    flags = (found.pop("server_no_context_takeover", ""), found.pop("client_no_context_takeover", ""))
    if found or any(flags) or ours not in WINDOWS:
        return None
    if wanted is None:
        return AGREED
    return f"{AGREED}; server_max_window_bits={wanted}" if WINDOWS.get(wanted, 0) >= WINDOW else None
