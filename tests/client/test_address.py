import ssl

import pytest

from trio_chat.client.address import parse_url


@pytest.mark.parametrize(
    ("url", "port", "target"),
    [
        ("ws://chat.test/ws", 80, "/ws"),
        ("ws://chat.test:9000/other?x=1", 9000, "/other?x=1"),
        ("http://chat.test:8080/", 8080, "/ws"),
        ("http://chat.test", 80, "/ws"),
        ("wss://chat.test/ws", 443, "/ws"),
        ("https://chat.test:8443", 8443, "/ws"),
    ],
)
def test_a_url_says_where_the_server_is(url: str, port: int, target: str) -> None:
    address = parse_url(url)
    assert (address.host, address.port, address.target) == ("chat.test", port, target)
    assert (address.ssl_context is not None) == (url[:3] == "wss" or url[:5] == "https")


def test_an_address_of_version_6_is_in_brackets_where_a_port_follows() -> None:
    assert parse_url("ws://[::1]:8080/ws").authority == "[::1]:8080"
    assert parse_url("ws://chat.test:8080/ws").authority == "chat.test:8080"


def test_whom_to_trust_can_be_said() -> None:
    context = ssl.create_default_context()
    assert parse_url("wss://chat.test/ws", context).ssl_context is context


@pytest.mark.parametrize("url", ["chat.test", "ftp://chat.test/", "ws:///ws", "ws://chat.test:x/"])
def test_what_is_no_url_of_a_chat_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_url(url)


def test_whom_to_trust_is_of_no_use_without_tls() -> None:
    with pytest.raises(ValueError, match="without TLS"):
        parse_url("ws://chat.test/ws", ssl.create_default_context())
