"""The check of origins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.http.origin import origin_allowed


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


@pytest.mark.parametrize(
    "entry",
    ["https://app.test", "https://app.test:443", "HTTPS://App.Test"],
)
def test_an_allowed_origin_may_connect(entry: str) -> None:
    assert origin_allowed(b"https://app.test", b"chat.test", "http", ["http://else.test", entry])


@pytest.mark.parametrize("entry", ["app.test", "http://app.test", "https://app.test:444", ""])
def test_an_allowed_origin_is_scheme_host_and_port(entry: str) -> None:
    assert not origin_allowed(b"https://app.test", b"chat.test", "http", [entry])


@pytest.mark.parametrize("host", ["chat.test", "Chat.Test:8080", "[::1]:8080"])
def test_a_page_under_a_server_name_may_connect(host: str) -> None:
    names = ["chat.test", "[::1]"]
    assert origin_allowed(f"http://{host}".encode(), host.encode(), "http", (), names)


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1", "chat.test.evil.test", "chat.test."])
def test_a_page_under_another_name_of_this_host_is_foreign(host: str) -> None:
    origin = f"http://{host}".encode()
    assert origin_allowed(origin, host.encode(), "http", ())
    assert not origin_allowed(origin, host.encode(), "http", (), ["chat.test"])


def test_server_names_restrict_neither_allowed_origins_nor_programs() -> None:
    names = ["chat.test"]
    assert origin_allowed(b"https://app.test", b"evil.test", "http", ["https://app.test"], names)
    assert origin_allowed(b"https://any.test", b"evil.test", "http", ["*"], names)
    assert origin_allowed(None, b"evil.test", "http", (), names)


def test_malformed_origins_are_never_equal() -> None:
    assert not origin_allowed(b"rubbish", b"chat.test", "http", ["rubbish"])


def test_a_star_allows_every_origin_but_null() -> None:
    assert origin_allowed(b"https://any.test", b"chat.test", "http", ["*"])
    assert not origin_allowed(b"NULL", b"chat.test", "http", ["*", "null"])


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_any_bytes_are_compared_without_failing(origin: bytes, host: bytes) -> None:
    assert origin_allowed(origin, host, "http", ["http://a.test"]) in {True, False}
