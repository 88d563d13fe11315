"""The address and scheme of a client behind trusted and untrusted proxies."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http.wire import fields
from trio_chat.http.fields import Headers
from trio_chat.http.forwarded import address_of_head, client_address, connection_scheme

PROXY = "10.0.0.1"
OURS = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def behind_proxy(*headers: tuple[bytes, bytes]) -> str:
    return client_address(PROXY, headers, OURS)


def forwarded_for(value: bytes) -> str:
    return behind_proxy((b"x-forwarded-for", value))


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("a socket of another family", "a socket of another family"),
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
    assert forwarded_for(value) == address


def test_several_forwarded_lines_are_one_list() -> None:
    name = b"x-forwarded-for"
    assert behind_proxy((name, b"1.1.1.1"), (name, b"198.51.100.1"), (name, b"10.0.0.9")) == (
        "198.51.100.1"
    )


def test_a_proxy_with_an_ipv4_mapped_address_is_trusted() -> None:
    headers = fields(x_forwarded_for=b"198.51.100.1")
    assert client_address("::ffff:10.0.0.1", headers, OURS) == "198.51.100.1"


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
    assert forwarded_for(value) == address


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
    ("said", "scheme"),
    [
        (b"https", "https"),
        (b"HTTPS", "https"),
        (b"wss", "https"),
        (b"http", "http"),
        (b"ws", "http"),
        (b"http, https", "https"),
        (b"gopher", "http"),
        (b"", "http"),
    ],
)
def test_a_trusted_proxy_reports_the_scheme(said: bytes, scheme: str) -> None:
    headers = fields(x_forwarded_proto=said)
    assert connection_scheme(PROXY, headers, OURS, secure=False) == scheme


@pytest.mark.parametrize("said", [b"http", b"ws"])
def test_the_scheme_of_a_trusted_proxy_overrides_the_connection(said: bytes) -> None:
    headers = fields(x_forwarded_proto=said)
    assert connection_scheme(PROXY, headers, OURS, secure=True) == "http"


@pytest.mark.parametrize("peer", ["192.0.2.1", "a socket of another family"])
def test_an_untrusted_peer_cannot_set_the_scheme(peer: str) -> None:
    headers = fields(x_forwarded_proto=b"https")
    assert connection_scheme(peer, headers, OURS, secure=False) == "http"
    assert connection_scheme(peer, fields(x_forwarded_proto=b"http"), OURS, secure=True) == "https"


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        (b"X-Forwarded-For: 198.51.100.1, 10.0.0.9\r\n", "198.51.100.1"),
        (b"x-forwarded-for:198.51.100.1\r\nx-forwarded-for: 198.51.100.2\r\n", "198.51.100.2"),
        (b"X-Real-IP: 198.51.100.3\r\n", "198.51.100.3"),
        (b"X-Forwarded-For: nobody\r\n", PROXY),
        (b"Not-X-Forwarded-For: 198.51.100.4\r\n", PROXY),
        (b"", PROXY),
    ],
)
def test_the_address_of_an_unparsed_head_is_found(fields: bytes, address: str) -> None:
    head = b"GET / HTTP/1.1\r\nHost: chat.test\r\n" + fields + b"\r\n"
    assert address_of_head(PROXY, head, OURS) == address
    assert address_of_head("192.0.2.1", head, OURS) == "192.0.2.1"
    assert address_of_head("a socket of another family", head, OURS).startswith("a socket")
