"""The client's address and scheme behind proxies, its origin, and its token."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http.wire import fields, parsed, upgrade_request
from trio_chat.http.access import (
    address_of_head,
    client_address,
    connection_scheme,
    find_token,
    origin_allowed,
)
from trio_chat.http.request import Request, parse
from trio_chat.http.response import Headers
from trio_chat.protocol.handshake import Refusal

# --- address -------------------------------------------------------------------------------------

PROXY = "10.0.0.1"
OURS = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
NO_ADDRESS = "a socket of another family"


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        (NO_ADDRESS, NO_ADDRESS),
    ],
)
def test_without_a_proxy_the_address_is_that_of_the_socket(peer: str, address: str) -> None:
    assert client_address(peer, fields(x_forwarded_for=b"198.51.100.1"), OURS) == address
    assert client_address(peer, (), ()) == address


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (b"198.51.100.1", "198.51.100.1"),
        (b"1.1.1.1, 198.51.100.1", "198.51.100.1"),
        (b"1.1.1.1, 198.51.100.1, 10.0.0.9", "198.51.100.1"),
        (b"1.1.1.1,198.51.100.1,fd00::9,10.0.0.9", "198.51.100.1"),
        (b"198.51.100.1:4711", "198.51.100.1"),
        (b"[2001:db8::1]:4711", "2001:db8::1"),
        (b"[2001:db8::1]", "2001:db8::1"),
        (b"2001:db8::1", "2001:db8::1"),
        (b"::ffff:198.51.100.1", "198.51.100.1"),
        (b" 198.51.100.1 , , ", "198.51.100.1"),
    ],
)
def test_behind_a_proxy_the_rightmost_untrusted_address_counts(value: bytes, address: str) -> None:
    for proxy in (PROXY, "::ffff:10.0.0.1"):
        assert client_address(proxy, fields(x_forwarded_for=value), OURS) == address


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (b"unknown", PROXY),
        (b"198.51.100.1, unknown", PROXY),
        (b"198.51.100.1, unknown, 10.0.0.9", "10.0.0.9"),
        (b"198.51.100.1, \xff", PROXY),
        (b"fe80::1%anything", PROXY),
        (b"198.51.100.1" + b",10.0.0.9" * 20, "10.0.0.9"),
    ],
)
def test_a_malformed_entry_falls_back_to_the_last_trusted_address(
    value: bytes, address: str
) -> None:
    assert client_address(PROXY, fields(x_forwarded_for=value), OURS) == address


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        (fields(x_real_ip=b"198.51.100.1"), "198.51.100.1"),
        (fields(x_real_ip=b"198.51.100.1", x_forwarded_for=b"203.0.113.1"), "203.0.113.1"),
        (fields(x_real_ip=b"198.51.100.1", x_forwarded_for=b"10.0.0.9"), "198.51.100.1"),
        (fields(x_real_ip=b"198.51.100.1", x_forwarded_for=b"rubbish"), PROXY),
        (fields(x_real_ip=b"rubbish"), PROXY),
        (fields(x_real_ip=b"rubbish", x_forwarded_for=b"10.0.0.9"), "10.0.0.9"),
        (((b"x-real-ip", b"198.51.100.1"), (b"x-real-ip", b"198.51.100.2")), PROXY),
        ((), PROXY),
    ],
)
def test_without_an_untrusted_hop_x_real_ip_counts(headers: Headers, address: str) -> None:
    assert client_address(PROXY, headers, OURS) == address


@given(st.lists(st.tuples(st.sampled_from([b"x-forwarded-for", b"x-real-ip"]), st.binary())))
def test_any_bytes_give_an_address(headers: list[tuple[bytes, bytes]]) -> None:
    address = client_address(PROXY, tuple(headers), OURS)
    assert str(ip_address(address)) == address


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        (b"X-Forwarded-For: 198.51.100.1, 10.0.0.9\r\n", "198.51.100.1"),
        (b"x-forwarded-for:198.51.100.1\r\nx-forwarded-for: 198.51.100.2\r\n", "198.51.100.2"),
        (b"X-Real-IP: 198.51.100.3\r\n", "198.51.100.3"),
        (b"X-Forwarded-For: nobody\r\n", PROXY),
        (b"Not-X-Forwarded-For: 198.51.100.4\r\n", PROXY),
        (b"", PROXY),
    ],
)
def test_the_address_of_an_unparsed_head_is_found(lines: bytes, address: str) -> None:
    head = b"GET / HTTP/1.1\r\nHost: chat.test\r\n" + lines + b"\r\n"
    assert address_of_head(PROXY, head, OURS) == address
    assert address_of_head("192.0.2.1", head, OURS) == "192.0.2.1"
    assert address_of_head(NO_ADDRESS, head, OURS) == NO_ADDRESS


@pytest.mark.parametrize(
    ("value", "scheme"),
    [
        (b"https", "https"),
        (b"HTTPS", "https"),
        (b"wss", "https"),
        (b"http", "http"),
        (b"ws", "http"),
        (b"http, https", "https"),
        (b"gopher", None),
        (b"", None),
    ],
)
def test_the_scheme_of_a_trusted_proxy_overrides_the_connection(
    value: bytes, scheme: str | None
) -> None:
    headers = fields(x_forwarded_proto=value)
    assert connection_scheme(PROXY, headers, OURS, secure=False) == (scheme or "http")
    assert connection_scheme(PROXY, headers, OURS, secure=True) == (scheme or "https")


@pytest.mark.parametrize("peer", ["192.0.2.1", NO_ADDRESS])
def test_an_untrusted_peer_cannot_set_the_scheme(peer: str) -> None:
    headers = fields(x_forwarded_proto=b"https")
    assert connection_scheme(peer, headers, OURS, secure=False) == "http"
    assert connection_scheme(peer, fields(x_forwarded_proto=b"http"), OURS, secure=True) == "https"


# --- origin --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        (None, b"chat.test", "http"),
        (b"http://chat.test", b"chat.test", "http"),
        (b"http://chat.test", b"chat.test:80", "http"),
        (b"http://chat.test:80", b"chat.test", "http"),
        (b"http://chat.test", b"chat.test:", "http"),
        (b"https://chat.test", b"chat.test:443", "https"),
        (b"http://chat.test:8080", b"chat.test:8080", "http"),
        (b"http://CHAT.test", b"chat.TEST", "http"),
        (b"http://[::1]:8080", b"[::1]:8080", "http"),
        (b"http://[::1]", b"[::1]", "http"),
    ],
)
def test_our_own_pages_may_connect(origin: bytes | None, host: bytes, scheme: str) -> None:
    assert origin_allowed(origin, host, scheme, ())


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        (b"null", b"chat.test", "http"),
        (b"http://evil.test", b"chat.test", "http"),
        (b"http://chat.test.evil.test", b"chat.test", "http"),
        (b"http://chat.test:8080", b"chat.test", "http"),
        (b"http://chat.test", b"chat.test:8080", "http"),
        (b"https://chat.test", b"chat.test", "http"),
        (b"http://chat.test", b"chat.test", "https"),
        (b"http://chat.test/", b"chat.test", "http"),
        (b"http://user@chat.test", b"chat.test", "http"),
        (b"http://chat.test http://evil.test", b"chat.test", "http"),
        (b"chat.test", b"chat.test", "http"),
        (b"", b"", "http"),
        (b"http://", b"", "http"),
        (b"http://a", b"a:b:c", "http"),
    ],
)
def test_foreign_pages_may_not_connect(origin: bytes, host: bytes, scheme: str) -> None:
    assert not origin_allowed(origin, host, scheme, ())


def test_an_allowed_origin_is_scheme_host_and_port() -> None:
    def allowed(entry: str) -> bool:
        return origin_allowed(b"https://app.test", b"chat.test", "http", ["http://b.test", entry])

    assert all(map(allowed, ["https://app.test", "https://app.test:443", "HTTPS://App.Test"]))
    assert not any(map(allowed, ["app.test", "http://app.test", "https://app.test:444", ""]))


def test_a_page_under_another_name_of_this_host_is_foreign() -> None:
    def allowed(host: str, *names: str) -> bool:
        return origin_allowed(f"http://{host}".encode(), host.encode(), "http", (), names)

    for host in ("chat.test", "Chat.Test:8080", "[::1]:8080"):
        assert allowed(host, "chat.test", "[::1]")
    for host in ("evil.test", "127.0.0.1", "chat.test.evil.test", "chat.test."):
        assert allowed(host)
        assert not allowed(host, "chat.test")


def test_server_names_restrict_neither_allowed_origins_nor_programs() -> None:
    names = ["chat.test"]
    assert origin_allowed(b"https://app.test", b"evil.test", "http", ["https://app.test"], names)
    assert origin_allowed(b"https://any.test", b"evil.test", "http", ["*"], names)
    assert origin_allowed(None, b"evil.test", "http", (), names)


def test_a_star_allows_every_origin_but_null_and_a_malformed_one_is_never_allowed() -> None:
    assert origin_allowed(b"https://any.test", b"chat.test", "http", ["*"])
    assert not origin_allowed(b"NULL", b"chat.test", "http", ["*", "null"])
    assert not origin_allowed(b"rubbish", b"chat.test", "http", ["rubbish"])


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_any_bytes_are_compared_without_failing(origin: bytes, host: bytes) -> None:
    assert origin_allowed(origin, host, "http", ["http://a.test"]) in {True, False}


# --- token ---------------------------------------------------------------------------------------

HEADER = b"Authorization: Bearer a.b.c"
SUBPROTOCOL = b"Sec-WebSocket-Protocol: trio-chat.v2, bearer.a.b.c"


def found(*lines: bytes, target: bytes = b"/ws") -> str | Refusal | None:
    return find_token(parsed(upgrade_request(target, *lines)))


@pytest.mark.parametrize(
    "line",
    [
        HEADER,
        b"authorization: bearer a.b.c",
        b"Authorization: BEARER   a.b.c ",
        SUBPROTOCOL,
        b"Sec-WebSocket-Protocol: bearer.a.b.c,trio-chat.v2",
        b"Sec-WebSocket-Protocol: x,,\tbearer.a.b.c\r\nSec-WebSocket-Protocol: trio-chat.v2",
    ],
)
def test_a_token_in_a_field_is_found(line: bytes) -> None:
    assert found(line) == "a.b.c"


@pytest.mark.parametrize(
    "target",
    b"/ws?token=a.b.c /ws?x=y&token=a.b.c&z /ws?%74oken=a%2Eb.c http://a/ws?token=a.b.c".split(),
)
def test_a_token_in_the_query_is_found(target: bytes) -> None:
    assert found(target=target) == "a.b.c"


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (b"Authorization: Basic YTpi",),
        (b"Authorization: Basic YTpi", b"Authorization: Digest x"),
        (b"Authorization: BearerX a",),
        (b"Sec-WebSocket-Protocol: trio-chat.v2",),
        (b"Sec-WebSocket-Protocol: Bearer.a.b.c",),
        (b"Cookie: token=a.b.c",),
        (b"X-Token: a.b.c",),
    ],
)
def test_a_request_without_a_token_has_none(lines: tuple[bytes, ...]) -> None:
    assert found(*lines, target=b"/ws?tokens=a&Token=b") is None


@pytest.mark.parametrize(
    ("line", "target"),
    [
        (b"Authorization: Bearer", b"/ws"),
        (b"Authorization: Bearer ", b"/ws"),
        (b"Sec-WebSocket-Protocol: bearer.", b"/ws"),
        (b"X: x", b"/ws?token="),
        (b"X: x", b"/ws?token"),
    ],
)
def test_an_empty_token_is_a_token(line: bytes, target: bytes) -> None:
    assert found(line, target=target) == ""


@pytest.mark.parametrize(
    ("lines", "target"),
    [
        ((HEADER, SUBPROTOCOL), b"/ws"),
        ((HEADER,), b"/ws?token=a.b.c"),
        ((SUBPROTOCOL,), b"/ws?token=a.b.c"),
        ((HEADER, HEADER), b"/ws"),
        ((SUBPROTOCOL, SUBPROTOCOL), b"/ws"),
        ((b"Sec-WebSocket-Protocol: bearer.a, bearer.b",), b"/ws"),
        ((), b"/ws?token=a&token=a"),
        ((HEADER,), b"/ws?token="),
    ],
)
def test_several_tokens_are_refused_even_if_equal(lines: tuple[bytes, ...], target: bytes) -> None:
    refusal = found(*lines, target=target)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 400
    assert dict(refusal.headers) == {b"www-authenticate": b'Bearer error="invalid_request"'}


@pytest.mark.parametrize("line", [b"Authorization: Bearer \xe9", b"Authorization: Basic \xff"])
def test_the_authorization_field_must_be_ascii(line: bytes) -> None:
    refusal = found(line)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 400


@given(
    target=st.binary(max_size=30).map(lambda tail: b"/ws?token=" + tail),
    credentials=st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=20),
)
def test_any_token_is_text_or_refused(target: bytes, credentials: str) -> None:
    request = parse(upgrade_request(target, b"Authorization: " + credentials.encode()))
    if isinstance(request, Request):
        assert isinstance(find_token(request), str | Refusal)
