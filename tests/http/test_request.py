"""What is read from a head: target, host, body, and whether the connection goes on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http.wire import get
from trio_chat.http.request import Request, parse
from trio_chat.protocol.handshake import Refusal


def parsed(head: bytes) -> Request:
    request = parse(head)
    assert isinstance(request, Request)
    return request


def status_of(head: bytes) -> int:
    refusal = parse(head)
    assert isinstance(refusal, Refusal)
    return refusal.status


def test_names_are_in_lower_case_and_values_unchanged() -> None:
    request = parsed(get(b"/", b"X-Thing: One, TWO"))
    assert request.headers == ((b"host", b"chat.test"), (b"x-thing", b"One, TWO"))


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", b""),
        (b"/ws?token=a%20b?c", "/ws", b"token=a%20b?c"),
        (b"/%77s", "/ws", b""),
        (b"/%2577s", "/%77s", b""),
        (b"/static/%C3%BC", "/static/\u00fc", b""),
        (b"/static/%FF", "", b""),
        (b"/static/%zz", "/static/%zz", b""),
        (b"/%00", "/\x00", b""),
        (b"http://other.test/echo?x", "/echo", b"x"),
        (b"HTTPS://other.test", "/", b""),
        (b"ws://other.test?x", "/", b"x"),
        (b"*", "*", b""),
        (b"ftp://other.test/echo", "ftp://other.test/echo", b""),
    ],
)
def test_the_target_is_split_and_decoded_once(target: bytes, path: str, query: bytes) -> None:
    request = parsed(get(target))
    assert (request.path, request.query) == (path, query)


def test_an_absolute_target_overrides_the_host() -> None:
    assert parsed(get(b"http://other.test:81/")).host == b"other.test:81"
    assert parsed(get(b"/")).host == b"chat.test"


@pytest.mark.parametrize(
    "host", [b"a", b"a.b-c_d~e:8080", b"127.0.0.1:", b"[::1]:8080", b"[::ffff:1.2.3.4]", b"a" * 255]
)
def test_a_host_is_a_name_or_an_address_with_an_optional_port(host: bytes) -> None:
    assert parsed(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host).host == host


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"a b",
        b"a/b",
        b"user@a",
        b"a:b",
        b"a:123456",
        b"[a",
        b"::1",
        b"\xe9",
        b"a" * 256,
        b"a,b",
    ],
)
def test_another_host_is_malformed(host: bytes) -> None:
    assert status_of(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host) == 400


@pytest.mark.parametrize("target", [b"http:///", b"http://user@a/", b"http://?x"])
def test_an_absolute_target_needs_a_valid_host(target: bytes) -> None:
    assert status_of(get(target)) == 400


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
        b"GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    ],
)
def test_a_malformed_head_is_refused(head: bytes) -> None:
    assert status_of(head) == 400


@pytest.mark.parametrize("version", [b"0.9", b"2.0", b"3.0"])
def test_another_major_version_is_malformed(version: bytes) -> None:
    assert status_of(b"GET / HTTP/%s\r\nHost: a\r\n\r\n" % version) == 400


def test_http_1_0_needs_no_host_and_closes() -> None:
    request = parsed(b"GET / HTTP/1.0\r\n\r\n")
    assert request.is_http_1_0
    assert request.host == b""
    assert not request.keep_alive


@pytest.mark.parametrize(
    ("line", "keep_alive"),
    [(b"X: y", True), (b"Connection: upgrade, Close", False), (b"Connection: closed", True)],
)
def test_a_connection_is_kept_unless_the_client_sends_close(line: bytes, keep_alive: bool) -> None:  # noqa: FBT001 - one of the cases
    assert parsed(get(b"/", line)).keep_alive is keep_alive


@pytest.mark.parametrize(
    ("line", "has_body"),
    [
        (b"X: y", False),
        (b"Content-Length: 0", False),
        (b"Content-Length: 1", True),
        (b"Transfer-Encoding: chunked", True),
    ],
)
def test_a_body_is_detected_by_its_announcement(line: bytes, has_body: bool) -> None:  # noqa: FBT001 - one of the cases
    assert parsed(get(b"/", line)).has_body is has_body


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_refusal(data: bytes) -> None:
    assert isinstance(parse(data + b"\r\n\r\n"), Request | Refusal)


@given(st.text(max_size=40))
def test_a_percent_encoded_path_is_decoded(text: str) -> None:
    encoded = "".join(f"%{byte:02x}" for byte in text.encode())
    assert parsed(get(b"/" + encoded.encode())).path == "/" + text
