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
def test_a_url_is_parsed(url: str, port: int, target: str) -> None:
    address = parse_url(url)
    assert (address.host, address.port, address.target) == ("chat.test", port, target)
    assert (address.ssl_context is not None) == (url[:3] == "wss" or url[:5] == "https")


def test_an_ipv6_address_is_in_brackets_before_a_port() -> None:
    assert parse_url("ws://[::1]:8080/ws").authority == "[::1]:8080"
    assert parse_url("ws://chat.test:8080/ws").authority == "chat.test:8080"


def test_an_ssl_context_is_kept() -> None:
    context = ssl.create_default_context()
    assert parse_url("wss://chat.test/ws", context).ssl_context is context


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("chat.test", "not a ws:"),
        ("ftp://chat.test/", "not a ws:"),
        ("ws:///ws", "not a ws:"),
        ("ws://chat.test:x/", "Port"),
        ("ws://chat.test:99999/", "Port"),
        (" ws://chat.test/ws", "blank"),
        ("ws://chat.test/ws\n", "blank"),
        ("ws://chat.test/my room", "blank"),
        ("ws://chat.test/\x7f", "blank"),
        ("ws://ann:secret@chat.test/ws", "tokens only"),
        ("ws://chat.test/caf\xe9", "percent-encoded"),
        ("ws://" + "\xe9" * 64 + ".test/", "not the name of a host"),
    ],
)
def test_an_invalid_url_is_refused(url: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as refusal:
        parse_url(url)
    assert "secret" not in str(refusal.value)


def test_a_host_name_may_be_in_any_script() -> None:
    assert parse_url("ws://caf\xe9.test/ws").host == "xn--caf-dma.test"


def test_an_ssl_context_needs_tls() -> None:
    with pytest.raises(ValueError, match="without TLS"):
        parse_url("ws://chat.test/ws", ssl.create_default_context())
