from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticker.serve.address import client_of, origin_of, public_url
from ticker.settings import Server

PROXIES = ["10.0.0.0/8", "2001:db8:ffff::/48"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "1.1.1.1", "203.0.113.9"),  # a stranger's word
        ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1"),  # the leftmost entry is the reader's own invention
        ("10.0.0.1", "1.1.1.1, 10.2.2.2", "1.1.1.1"),
        ("10.0.0.1", " , 1.1.1.1 ,", "1.1.1.1"),
        ("10.0.0.1", "10.2.2.2", "10.2.2.2"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::ffff:10.0.0.1", "1.1.1.1:50123", "1.1.1.1"),  # how a socket for IPv4 and IPv6 shows 10.0.0.1
        ("2001:db8:ffff::1", "[2001:db8:1:2:3::4]:443", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3:4:5:6", "1.1.1.1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "", "fe80::/64"),
        ("10.0.0.1", "unknown", "unknown"),
        ("10.0.0.1", "x" * 100, "x" * 45),
        ("", "1.1.1.1", ""),
    ],
)
def test_a_readers_address_is_read_from_the_right_past_trusted_proxies(peer: str, forwarded: str, client: str) -> None:
    """Seen failing with the leftmost entry."""
    assert client_of(peer, forwarded, PROXIES) == client


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_makes_it_fail(peer: str, forwarded: str) -> None:
    assert len(client_of(peer, forwarded, ["0.0.0.0/0", "::/0"])) <= 49


@given(st.text(max_size=60))
def test_without_trusted_proxies_the_header_says_nothing(forwarded: str) -> None:
    assert client_of("1.2.3.4", forwarded, []) == "1.2.3.4"


FORWARDED = {
    "host": "inner:8080",
    "x-forwarded-host": "news.example, other",
    "x-forwarded-proto": "https",
    "x-forwarded-prefix": "/ticker/",
}


@pytest.mark.parametrize(
    ("settings", "peer", "url"),
    [
        ({}, "10.0.0.1", "http://inner:8080"),
        ({"trusted_proxies": PROXIES}, "10.0.0.1", "https://news.example/ticker"),
        ({"trusted_proxies": PROXIES}, "11.0.0.1", "http://inner:8080"),
        ({"public_url": "https://a.example/t/"}, "10.0.0.1", "https://a.example/t"),
    ],
)
def test_the_public_address(settings: dict[str, Any], peer: str, url: str) -> None:
    """Seen failing with the headers of anybody believed."""
    assert public_url(FORWARDED, peer, Server(**settings)) == url


@pytest.mark.parametrize(
    "prefix",
    [
        ".evil.example",
        "@evil.example",
        ":8000",
        "//evil.example",
        "/a//b",
        "/a/.evil.example?",
        "/a#",
        "/a b",
        '/a"><script>',
        "\\evil",
        "/a\n",
        "/가",
        "evil",
    ],
)
def test_a_prefix_that_is_no_path_is_none(prefix: str) -> None:
    """Seen failing with every prefix taken: pages would have loaded their script from another host."""
    server = Server(trusted_proxies=PROXIES)
    assert public_url(FORWARDED | {"x-forwarded-prefix": prefix}, "10.0.0.1", server) == "https://news.example"


@pytest.mark.parametrize("prefix", ["", "/", "/ticker", "/a/b.c/~d-e_f/"])
def test_a_prefix_that_is_a_path_is_taken(prefix: str) -> None:
    server, path = Server(trusted_proxies=PROXIES), prefix.rstrip("/")
    assert public_url(FORWARDED | {"x-forwarded-prefix": prefix}, "10.0.0.1", server) == f"https://news.example{path}"


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("news.example:8443", "news.example:8443"),
        ("[2001:DB8::1]:443", "[2001:DB8::1]:443"),
        ("xn--9n2bp8q.kr", "xn--9n2bp8q.kr"),
        ("evil.example/x", "inner:8080"),
        ("user@evil.example", "inner:8080"),
        ("evil.example?", "inner:8080"),
        ("a:b:1", "inner:8080"),
        ("[evil.example]", "inner:8080"),
        ('x"><script>', "inner:8080"),
    ],
)
def test_a_forwarded_host_that_is_none_is_not_taken(host: str, known: str) -> None:
    """Seen failing with every host taken."""
    server = Server(trusted_proxies=PROXIES)
    assert public_url(FORWARDED | {"x-forwarded-host": host}, "10.0.0.1", server) == f"https://{known}/ticker"


@pytest.mark.parametrize(
    ("origin", "settings", "may"),
    [
        (None, {}, True),
        ("null", {}, True),
        ("http://Inner:8080", {}, True),
        ("https://news.example", {}, False),
        ("https://news.example", {"trusted_proxies": PROXIES}, True),
        ("https://own.example", {"public_url": "https://own.example/t"}, True),
        ("https://friend.example", {}, True),
        ("https://Friend.example:444", {}, False),
        ("https://friend.example.evil.example", {}, False),
        ("http://[", {}, False),
        ("", {}, False),
    ],
)
def test_our_own_origin_and_listed_ones_may_listen(origin: str | None, settings: dict[str, Any], may: bool) -> None:
    """Seen failing with every origin let in."""
    headers = FORWARDED if origin is None else FORWARDED | {"origin": origin}
    server = Server(allowed_origins=["https://friend.example/"], **settings)
    assert (origin_of(headers, "10.0.0.1", server) is not None) is may
    assert origin_of(headers, "10.0.0.1", Server(**settings)) is not None


@pytest.mark.parametrize(
    ("origin", "allowed", "label"),
    [
        (None, ["https://a.test"], "none"),
        ("null", ["https://a.test"], "null"),
        ("https://own.test", ["https://a.test"], "own"),
        ("https://A.test", ["https://a.test/"], "https://a.test"),
        ("https://b.test", ["https://a.test"], None),
        ("https://b.test", ["https://a.test", "*"], "other"),
        ("https://a.test", ["https://a.test", "*"], "https://a.test"),
    ],
)
def test_an_origin_has_no_name_that_is_not_in_the_settings(
    origin: str | None, allowed: list[str], label: str | None
) -> None:
    headers = {"host": "own.test"} | ({"origin": origin} if origin else {})
    assert origin_of(headers, "10.0.0.1", Server(allowed_origins=allowed)) == label
