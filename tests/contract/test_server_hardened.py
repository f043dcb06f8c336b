"""What every answer says to browsers, what no address leads to, and whose address counts."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.server import Node, heard, raw, serving, until
from ticker import admin
from ticker.serve import assets
from ticker.settings import Admin, Settings

NOINDEX = (
    "/embed/krw",
    "/fragment/krw",
    "/v1/snapshot",
    "/v1/boards",
    "/v1/holds",
    "/v1/history/krw/BTC",
    "/v1/status",
)
PAGES = ("/", "/status", "/embed/krw")
FILES = ("/widget.js", "/widget.css", "/openapi.json", "/nothing", "/v1/nothing", "/healthz", "/readyz")
ABROAD = [
    *("/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "/....//etc/passwd", "//etc/passwd"),
    *("/released/../../ticker/settings.py", "/widget.js/../../pyproject.toml", "/schemas/v1/../../../pyproject.toml"),
    *("/schemas/v1/..%2f..%2f..%2fpyproject.toml", "/..%5c..%5cpyproject.toml", "/%00", "/widget.js%00.html", "/."),
    *(
        "/file:///etc/passwd",
        "/released/",
        "/released/..",
        "/static/widget.js",
        "/.env",
        "/ticker.toml",
        "/%252e%252e/x",
    ),
]


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with serving() as made:
        yield made


@pytest.mark.parametrize("path", [*PAGES, *NOINDEX[1:], *FILES])
async def test_every_answer_is_what_it_says_and_carries_no_cookie(node: Node, path: str) -> None:
    """Seen failing with a page without its Referrer-Policy."""
    async with aiohttp.ClientSession() as session, session.get(node.url + path) as answer:
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert not {"Server", "Set-Cookie", "Access-Control-Allow-Credentials", "X-Powered-By"} & set(headers)
        if path in NOINDEX:
            assert (headers["X-Robots-Tag"], headers["Cross-Origin-Resource-Policy"]) == ("noindex", "cross-origin")
        if path in PAGES:
            policy = dict(part.split(maxsplit=1) for part in headers["Content-Security-Policy"].split(";"))
            assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
            assert "unsafe" not in headers["Content-Security-Policy"]
            assert policy["frame-ancestors"] == ("*" if path == "/embed/krw" else "'self'")
            assert headers["Referrer-Policy"] == "no-referrer"


async def test_only_the_pages_that_are_named_may_frame_a_sidebar() -> None:
    """Seen failing with a policy of `*` whatever the settings say."""
    named = ["https://news.example", "https://*.news.example"]
    async with (
        serving(frame_ancestors=named) as node,
        aiohttp.ClientSession() as session,
        session.get(f"{node.url}/embed/krw") as answer,
    ):
        assert f"frame-ancestors {' '.join(named)};" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ABROAD)
async def test_no_address_leads_out_of_the_files_that_are_served(node: Node, path: str) -> None:
    """Seen failing with a path that is looked up on the disk."""
    async with raw(node) as (reader, writer):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
    assert answer.split(b" ")[1] in {b"400", b"404"}
    assert answer.partition(b"\r\n\r\n")[2].startswith(b'{"error":')


def test_only_files_of_the_static_folder_are_served() -> None:
    served = assets.load()
    assert {name.partition("/")[0] for name in served if "/" in name} == {"schemas"}
    assert not [name for name in served if name.startswith(".") or ".." in name]


FORWARDED: list[tuple[dict[str, Any], str, str, bool]] = [
    ({}, "1.1.1.1", "2.2.2.2", False),
    ({"trusted_proxies": ["10.0.0.0/8"]}, "1.1.1.1", "2.2.2.2", False),
    ({"trusted_proxies": ["127.0.0.0/8"]}, "1.1.1.1", "2.2.2.2", True),
    ({"trusted_proxies": ["127.0.0.0/8"]}, "6.6.6.6, 1.1.1.1", "7.7.7.7, 1.1.1.1", False),
    ({"trusted_proxies": ["127.0.0.0/8"]}, "6.6.6.6, 1.1.1.1, 127.0.0.9", "1.1.1.1", False),
    ({"trusted_proxies": ["127.0.0.0/8"]}, "2001:db8::1", "[2001:db8:0:0:ffff::2]:443", False),
    ({"trusted_proxies": ["127.0.0.0/8"]}, "2001:db8::1", "2001:db8:0:1::1", True),
    ({"trusted_proxies": ["127.0.0.0/8"]}, "x" * 4000, "x" * 3999, False),
]


@pytest.mark.parametrize(("changes", "first", "second", "two"), FORWARDED)
async def test_whose_address_counts_is_not_the_strangers_to_say(
    changes: dict[str, Any], first: str, second: str, two: bool
) -> None:
    """Seen failing with the leftmost entry, anybody believed, no /64, or a table that forgets nobody."""
    async with serving(max_per_ip=1, **changes) as node:
        async with connect(f"{node.ws}/krw", additional_headers={"X-Forwarded-For": first}) as client:
            await heard(client)
            allowed = contextlib.nullcontext() if two else pytest.raises(InvalidStatus, match="429")
            with allowed:
                async with connect(f"{node.ws}/krw", additional_headers={"X-Forwarded-For": second}) as other:
                    await heard(other)
        await until(lambda: node.door.lobby.clients == 0)
        assert not node.door.lobby._addresses  # who left is forgotten: the table is no longer than the readers


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_the_operators_port_tells_figures_and_obeys_nobody(method: str) -> None:
    """Seen failing with a route that takes whatever method it is asked by."""
    async with admin.serve(Admin(port=0), CollectorRegistry(), lambda: True) as url, aiohttp.ClientSession() as session:
        for path in ("/metrics", "/healthz", "/readyz"):
            async with session.get(url + path) as told, session.request(method, url + path) as refused:
                assert (told.status, refused.status) == (200, 405)
        for path in ("/", "/reload", "/quit", "/v1/boards"):
            async with session.request(method, url + path) as answer:
                assert answer.status == 404


def test_nothing_but_the_sidebar_is_open_to_others_by_default() -> None:
    """Seen failing with `0.0.0.0` as the default of `admin.host`."""
    settings = Settings()
    assert (settings.admin.host, settings.server.host, settings.server.trusted_proxies) == (
        "127.0.0.1",
        "127.0.0.1",
        [],
    )
