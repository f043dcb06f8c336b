"""CONTRACT section 4: every route, its headers, its short forms and its errors."""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp.test_utils import make_mocked_request
from yarl import URL

from tests.server import Node, T, row, serving
from ticker.serve.answers import Connection
from ticker.serve.query import UNREADABLE, Refusal
from ticker.sidebar import page
from ticker.sidebar.style import RELEASED

COMMON = {
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Age, Retry-After",
}
CACHING = "public, max-age=1, stale-while-revalidate=5, stale-if-error=60"
SHORT_FORMS = [
    "/v1/snapshot",
    "/v1/snapshot/krw",
    "/v1/snapshot/usdt?lang=en",
    "/v1/snapshot/krw?symbols=BTC",
    "/v1/history/krw/BTC",
    "/v1/boards",
    "/v1/holds",
    "/embed/krw",
    "/fragment/krw?assets=1",
    "/widget.js",
    "/widget.css",
]


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with serving() as made:
        yield made


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as made:
        yield made


async def got(
    session: aiohttp.ClientSession, url: str, method: str = "GET", **headers: str
) -> tuple[int, Mapping[str, str], bytes]:
    asked = {"Accept-Encoding": "identity"} | {name.replace("_", "-"): value for name, value in headers.items()}
    async with session.request(method, url, headers=asked) as answer:
        return answer.status, answer.headers, await answer.read()


async def told(session: aiohttp.ClientSession, url: str) -> Any:
    status, headers, body = await got(session, url)
    assert (status, headers["Content-Type"]) == (200, "application/json"), url
    return orjson.loads(body)


@pytest.mark.parametrize("path", SHORT_FORMS)
async def test_every_body_has_a_tag_and_short_forms(node: Node, session: aiohttp.ClientSession, path: str) -> None:
    url = node.url + path
    status, plain, body = await got(session, url)
    assert status == 200
    assert plain["ETag"].startswith('W/"')
    assert plain["Vary"] == "Accept-Encoding"
    assert "Cache-Control" in plain
    assert COMMON.items() <= dict(plain).items()
    assert "Server" not in plain
    assert "Access-Control-Allow-Credentials" not in plain
    status, zipped, small = await got(session, url, Accept_Encoding="br, gzip")
    assert (status, zipped["Content-Encoding"], gzip.decompress(small)) == (200, "gzip", body)
    status, _, refused = await got(session, url, Accept_Encoding="gzip;q=0")
    assert (status, refused) == (200, body)
    for known in (plain["ETag"], plain["ETag"].removeprefix("W/"), f'"x", {plain["ETag"]}', "*"):
        status, headers, nothing = await got(session, url, If_None_Match=known)
        assert (status, nothing, headers["ETag"]) == (304, b"", plain["ETag"])
        assert headers["Cache-Control"] == plain["Cache-Control"]
    status, headers, nothing = await got(session, url, "HEAD")
    assert (status, headers["Content-Length"], nothing) == (200, str(len(body)), b"")
    assert headers["ETag"] == plain["ETag"]
    assert (await got(session, url, If_None_Match='W/"x"'))[0] == 200


async def test_a_snapshot_is_what_the_contract_says(node: Node, session: aiohttp.ClientSession) -> None:
    body = await told(session, f"{node.url}/v1/snapshot/krw")
    first = ["v", "board", "quote", "title", "notice", "frozen", "sources", "seq", "ts"]
    assert (list(body)[:9], list(body)[-1]) == (first, "rows")
    assert [body[name] for name in first[:6]] == [1, "krw", "KRW", "시세", None, False]
    assert (body["sources"], body["seq"], body["ts"]) == ({"upbit": "업비트", "bithumb": "빗썸"}, 1, T)
    assert [r["price"] for r in body["rows"]] == ["100", "10", None]
    assert (await got(session, f"{node.url}/v1/snapshot"))[1]["Cache-Control"] == CACHING


async def test_the_body_changes_only_with_a_row_or_the_board(node: Node, session: aiohttp.ClientSession) -> None:
    before = await got(session, f"{node.url}/v1/snapshot/krw")
    assert (await got(session, f"{node.url}/v1/snapshot"))[2] == before[2]
    node.say(row("BTC", "103"))
    status, headers, body = await got(session, f"{node.url}/v1/snapshot", If_None_Match=before[1]["ETag"])
    assert (status, orjson.loads(body)["seq"], orjson.loads(body)["ts"]) == (200, 2, T + 2)
    async with serving() as other:
        other.say(row("BTC", "103"))
        assert (await got(session, f"{other.url}/v1/snapshot"))[1]["ETag"] == headers["ETag"]


async def test_filters(node: Node, session: aiohttp.ClientSession) -> None:
    some = await told(session, f"{node.url}/v1/snapshot?symbols=XRP,BTC&lang=en&utm=x&symbols=ETH")
    assert (some["title"], [r["symbol"] for r in some["rows"]]) == ("Prices", ["BTC", "XRP"])
    everything = await told(session, f"{node.url}/v1/snapshot/krw?symbols=&callback=x&interval_ms=fast")
    assert len(everything["rows"]) == 3


async def test_before_the_first_price_rows_are_pending(node: Node, session: aiohttp.ClientSession) -> None:
    body = await told(session, f"{node.url}/v1/snapshot/usdt")
    assert [(r["symbol"], r["price"], r["ref"], r["ts"], r["source"], r["state"]) for r in body["rows"]] == [
        ("BTC", None, None, None, None, "pending")
    ]


async def test_history(node: Node, session: aiohttp.ClientSession) -> None:
    url, minute = f"{node.url}/v1/history/krw/BTC", 60_000
    whole = await told(session, url)
    assert {k: v for k, v in whole.items() if k != "points"} == {
        "v": 1,
        "board": "krw",
        "symbol": "BTC",
        "quote": "KRW",
        "source": "upbit",
    }
    assert (len(whole["points"]), whole["points"][0]) == (1441, [T, "100"])
    three = (await told(session, f"{url}?points=3"))["points"]
    assert three == [[T + 480 * minute, "580"], [T + 960 * minute, "1060"], [T + 1440 * minute, "1540"]]
    for asked, count in (("points=0", 0), ("points=9999", 1441), (f"since={T + 1430 * minute}", 11), ("since=0", 1441)):
        assert len((await told(session, f"{url}?{asked}"))["points"]) == count, asked
    nothing = await told(session, f"{node.url}/v1/history/krw/XRP")
    assert (nothing["source"], nothing["points"]) == (None, [])


async def test_boards_and_holds(node: Node, session: aiohttp.ClientSession) -> None:
    body = await told(session, f"{node.url}/v1/boards")
    assert body["boards"][0] == {
        "board": "krw",
        "quote": "KRW",
        "title": {"ko": "시세", "en": "Prices"},
        "symbols": [{"symbol": s, "name": {"ko": s, "en": s}} for s in ("BTC", "ETH", "XRP")],
        "sources": [
            {"source": "upbit", "name": {"ko": "업비트", "en": "Upbit"}, "state": "live", "last_tick_ts": T},
            {"source": "bithumb", "name": {"ko": "빗썸", "en": "Bithumb"}, "state": "down", "last_tick_ts": None},
        ],
    }
    assert (body["v"], [b["board"] for b in body["boards"]], body["limits"]["max_symbols"]) == (1, ["krw", "usdt"], 200)
    held = {"ts": T, "source": "upbit", "symbol": "BTC", "price": "1", "last_good": "2"}
    assert await told(session, f"{node.url}/v1/holds") == {
        "v": 1,
        "holds": [held | {"released_ts": None, "outcome": None, "quote": None}],
    }


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/snapshot/nope", 404, "unknown_board"),
        ("/v1/snapshot/a%2Fb", 404, "unknown_board"),
        ("/v1/snapshot/krw?symbols=BTC,NOPE", 400, "unknown_symbol"),
        ("/v1/snapshot/krw?lang=fr", 400, "unknown_language"),
        ("/v1/history/nope/BTC", 404, "unknown_board"),
        ("/v1/history/krw/NOPE", 400, "unknown_symbol"),
        ("/v1/history/krw/BTC?points=-1", 400, "bad_parameter"),
        ("/v1/history/krw/BTC?since=yesterday", 400, "bad_parameter"),
        ("/embed/nope", 404, "unknown_board"),
        ("/fragment/nope", 404, "unknown_board"),
        ("/embed/krw?theme=neon", 400, "bad_parameter"),
        ("/fragment/krw?limit=many", 400, "bad_parameter"),
        ("/fragment/krw?assets=2", 400, "bad_parameter"),
        ("/v1/snapshot/", 404, "not_found"),
        ("/v1/snapshotkrw", 404, "not_found"),
        ("/v1/streamkrw", 404, "not_found"),
        ("/v1/snapshot%2Fkrw", 404, "not_found"),
        ("/nothing", 404, "not_found"),
        ("/..%2f..%2fetc/passwd", 404, "not_found"),
        ("/.git", 404, "not_found"),
    ],
)
async def test_an_error_is_an_object_with_its_code(
    node: Node, session: aiohttp.ClientSession, path: str, status: int, code: str
) -> None:
    async with session.get(URL(node.url + path, encoded=True)) as answer:
        error = (await answer.json())["error"]
        assert (answer.status, error["code"], set(error)) == (status, code, {"code", "message"})
        assert (COMMON | {"Cache-Control": "no-store"}).items() <= dict(answer.headers).items()


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/embed/krw?theme=neon", 400, "지금은 시세를 표시할 수 없습니다."),
        ("/embed/krw?theme=neon&lang=en", 400, "Prices cannot be shown here right now."),
        ("/embed/<b>", 404, "there is no board &#x27;&lt;b&gt;&#x27;; see /v1/boards"),
    ],
)
async def test_a_reader_is_told_in_a_page_that_there_are_no_prices(
    node: Node, session: aiohttp.ClientSession, path: str, status: int, sentence: str
) -> None:
    """Seen failing with a program's error object in the iframe."""
    async with session.get(node.url + path, headers={"Accept": "text/html,*/*;q=0.8"}) as answer:
        assert (answer.status, answer.content_type) == (status, "text/html")
        assert sentence in await answer.text()
        assert page.STYLE_HASH in answer.headers["Content-Security-Policy"]
        assert (COMMON | {"Cache-Control": "no-store"}).items() <= dict(answer.headers).items()


async def test_parameters_of_other_people_are_ignored(node: Node, session: aiohttp.ClientSession) -> None:
    for path in ("/embed/krw?assets=2&utm_source=x", "/fragment/krw?fbclid=y&theme="):
        assert (await got(session, node.url + path))[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", ["/v1/snapshot", "/v1/stream", "/", "/healthz"])
async def test_only_get_and_head_are_answered(
    node: Node, session: aiohttp.ClientSession, method: str, path: str
) -> None:
    status, headers, body = await got(session, node.url + path, method)
    assert (status, orjson.loads(body)["error"]["code"]) == (405, "method_not_allowed")
    assert headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["/v1/snapshot", "/v1/history/krw/BTC", "/v1/events", "/embed/krw"])
async def test_a_page_elsewhere_may_ask_with_the_tag_it_has(
    node: Node, session: aiohttp.ClientSession, path: str
) -> None:
    """`If-None-Match` makes a browser ask for leave first; refused, no page on another site gets its 304."""
    asked = {"Origin": "https://news.example", "Access-Control-Request-Method": "GET"}
    asked["Access-Control-Request-Headers"] = "if-none-match"
    async with session.options(node.url + path, headers=asked) as answer:
        assert (answer.status, await answer.read()) == (204, b"")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "GET" in answer.headers["Access-Control-Allow-Methods"]
        assert "If-None-Match" in answer.headers["Access-Control-Allow-Headers"]


async def test_nobody_may_ask_at_an_address_with_nothing_behind_it(node: Node, session: aiohttp.ClientSession) -> None:
    async with session.options(f"{node.url}/v1/nothing") as answer:
        assert answer.status == 404


async def test_before_redis_was_read_nothing_is_pretended(session: aiohttp.ClientSession) -> None:
    async with serving(ready=False) as node:
        for path in ("/readyz", "/v1/snapshot", "/v1/snapshot/krw?symbols=BTC", "/embed/krw", "/fragment/krw"):
            status, headers, body = await got(session, node.url + path)
            assert (status, headers["Retry-After"], orjson.loads(body)["error"]["code"]) == (503, "1", "not_ready"), (
                path
            )
        assert (await got(session, f"{node.url}/healthz"))[0] == 200


async def test_a_store_that_cannot_be_read_is_said_and_stops_nothing_else(
    node: Node, session: aiohttp.ClientSession
) -> None:
    node.files.broken = Refusal(*UNREADABLE)
    for path in ("/v1/boards", "/v1/holds", "/v1/history/krw/BTC"):
        status, headers, body = await got(session, node.url + path)
        assert (status, headers["Retry-After"], orjson.loads(body)["error"]["code"]) == (503, "1", "not_ready"), path
    for path in ("/readyz", "/v1/snapshot", "/embed/krw"):
        assert (await got(session, node.url + path))[0] == 200


class Gone(Connection):
    """A connection that has ended before its question is looked at."""


async def test_a_reader_who_is_gone_before_its_stream_begins_is_no_complaint(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    """Seen failing with the end of its connection told of as that of Redis."""
    server, application = node.door.runner.server, node.door.runner.app
    assert server is not None
    gone = Gone(server, loop=asyncio.get_running_loop())
    await application._handle(make_mocked_request("GET", "/v1/events/krw", protocol=gone, transport=None))
    assert (caplog.messages, node.door.lobby.clients) == ([], 0)


async def test_our_own_mistake_is_an_answer_and_is_logged_once(node: Node, session: aiohttp.ClientSession) -> None:
    node.files.broken = ZeroDivisionError("secret")
    status, headers, body = await got(session, f"{node.url}/v1/history/krw/BTC")
    assert (status, orjson.loads(body)["error"]["code"], "Server" in headers) == (500, "internal", False)
    assert b"secret" not in body
    assert ["/v1/history/krw/BTC failed" in complaint for complaint in node.complaints] == [True]
    node.complaints.clear()


async def test_pages_are_closed_to_everything_but_themselves(node: Node, session: aiohttp.ClientSession) -> None:
    _, headers, _ = await got(session, f"{node.url}/embed/krw")
    assert headers["Content-Security-Policy"].startswith(
        "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-"
    )
    assert "frame-ancestors *" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    status, headers, _ = await got(session, f"{node.url}/")
    assert (status, headers["X-Content-Type-Options"]) == (200, "nosniff")


async def test_addresses_in_pages_are_those_of_the_reader(session: aiohttp.ClientSession) -> None:
    async with serving(trusted_proxies=["127.0.0.1"]) as node:
        url = f"{node.url}/fragment/krw?assets=1"
        _, _, body = await got(session, url, X_Forwarded_Proto="https", X_Forwarded_Host="news.example")
        assert b'src="https://news.example/widget.js"' in body
        _, _, body = await got(session, url, Host='"><script>alert(1)</script>')
        assert b"<script>alert" not in body


async def test_no_browser_is_refused_an_icon(node: Node, session: aiohttp.ClientSession) -> None:
    status, headers, _ = await got(session, f"{node.url}/favicon.ico")
    assert (status, headers["Content-Type"].partition(";")[0]) == (200, "image/svg+xml")


async def test_the_evergreen_script_is_the_newest_release(node: Node, session: aiohttp.ClientSession) -> None:
    assert RELEASED is not None
    _, evergreen, script = await got(session, f"{node.url}/widget.js")
    _, pinned, kept = await got(session, f"{node.url}/{RELEASED[0]}")
    assert script == kept
    assert evergreen["Cache-Control"] == "public, max-age=300"
    assert pinned["Cache-Control"] == "public, max-age=31536000, immutable"
    _, zipped, body = await got(session, f"{node.url}/widget.js", Accept_Encoding="gzip")
    assert zipped["Content-Encoding"] == "gzip"
    assert len(body) <= 6_000
    (sheet,) = re.findall(rb"widget[.][0-9a-f]+[.]css", script)
    status, headers, _ = await got(session, f"{node.url}/{sheet.decode()}")
    assert (status, headers["Content-Type"], headers["Access-Control-Allow-Origin"]) == (
        200,
        "text/css; charset=utf-8",
        "*",
    )
