import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.uri import parse_uri

from ticker.serve.handshake import AGREED, accept, compression
from ticker.serve.head import Head, read
from ticker.serve.query import Refusal

GOOD = {
    "host": "x",
    "upgrade": "websocket",
    "connection": "keep-alive, Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def asked(**changes: str) -> Head:
    return Head("GET", "/v1/stream", {}, GOOD | {name.replace("_", "-"): value for name, value in changes.items()})


def test_the_answer_is_that_of_the_rfcs_example() -> None:
    answer, deflate = accept(asked())
    assert answer == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    )
    assert not deflate


@pytest.mark.parametrize("compressed", [True, False])
def test_another_library_takes_the_answer(compressed: bool) -> None:
    offers = [ClientPerMessageDeflateFactory(client_max_window_bits=True)] if compressed else None
    client = ClientProtocol(parse_uri("ws://x/v1/stream"), extensions=offers)
    client.send_request(client.connect())
    head = read(b"".join(client.data_to_send()))
    assert head is not None
    answer, deflate = accept(head)
    client.receive_data(answer)
    client.events_received()
    assert client.handshake_exc is None
    assert deflate is compressed is bool(client.extensions)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"upgrade": "h2c"}, "upgrade_required"),
        ({"connection": "close"}, "upgrade_required"),
        ({"sec_websocket_version": "8"}, "upgrade_required"),
        ({"sec_websocket_version": "13, 8"}, "upgrade_required"),
        ({"sec_websocket_key": ""}, "bad_request"),
        ({"sec_websocket_key": "dGhlIHNhbXBsZQ=="}, "bad_request"),
        ({"sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==!"}, "bad_request"),
        ({"sec_websocket_key": "dGhlIHNhbXBsZSBub25jZ\xe9=="}, "bad_request"),
    ],
)
def test_a_handshake_that_is_none_is_refused(change: dict[str, str], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        accept(asked(**change))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("offers", "answer"),
    [
        ("permessage-deflate", AGREED),
        ("permessage-deflate; client_max_window_bits", AGREED),  # browsers
        ("permessage-deflate; client_max_window_bits=10; server_no_context_takeover", AGREED),
        ("permessage-deflate ; client_no_context_takeover;x=1, permessage-deflate", AGREED),
        ("permessage-deflate;server_max_window_bits=15", f"{AGREED}; server_max_window_bits=15"),
        ("permessage-deflate; server_max_window_bits=12", f"{AGREED}; server_max_window_bits=12"),
        ('permessage-deflate; server_max_window_bits="13"', f"{AGREED}; server_max_window_bits=13"),
        ("x-webkit-deflate-frame, permessage-deflate", AGREED),
        ("permessage-deflate; server_max_window_bits=9, permessage-deflate", AGREED),
        ("", None),
        ("x-webkit-deflate-frame", None),
        ("permessage-deflate; server_max_window_bits=11", None),  # smaller than the window everybody shares
        ("permessage-deflate; server_max_window_bits", None),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; client_max_window_bits=7", None),
        ("permessage-deflate; client_max_window_bits; client_max_window_bits", None),
        ("permessage-deflate; server_no_context_takeover=1", None),
        ("permessage-deflate; unknown", None),
        ("permessage-deflate;", None),
    ],
)
def test_compression_is_agreed_on_where_it_suits(offers: str, answer: str | None) -> None:
    assert compression(offers) == answer


@given(st.text(max_size=60), st.text(max_size=30))
def test_no_text_makes_it_fail(offers: str, key: str) -> None:
    compression("permessage-deflate;" + offers)
    with pytest.raises(Refusal):
        accept(asked(sec_websocket_key=key, sec_websocket_extensions=offers))
