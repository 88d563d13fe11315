"""Heads, their limits and their independence of packets; requests and their parts."""

import pytest

from tests.http.wire import get, parsed
from trio_chat.http.request import HeadBuffer, parse
from trio_chat.protocol.handshake import Refusal

MAX_HEAD_BYTES = 16_384
MAX_TARGET_BYTES = 8_192
MAX_FIELDS = 100

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def take(data: bytes) -> bytes | Refusal | None:
    buffer = HeadBuffer()
    buffer.feed(data)
    return buffer.take()


def status_of(outcome: object) -> int:
    assert isinstance(outcome, Refusal)
    return outcome.status


def head_of(size: int) -> bytes:
    start = b"GET / HTTP/1.1\r\nX: "
    return start + b"a" * (size - len(start) - 4) + b"\r\n\r\n"


def test_take_returns_the_heads_of_a_packet_and_leaves_the_rest() -> None:
    buffer = HeadBuffer()
    buffer.feed(HEAD + head_of(200) + b"\x81\x80rest")
    assert [buffer.take(), buffer.take()] == [HEAD, head_of(200)]
    assert buffer.rest() == b"\x81\x80rest"
    assert len(buffer) == 6


def test_take_returns_none_for_an_incomplete_head() -> None:
    assert take(HEAD[:-1]) is None


LONGEST = b"/" + b"a" * (MAX_TARGET_BYTES - 1)


@pytest.mark.parametrize(
    "head",
    [
        head_of(MAX_HEAD_BYTES),
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * MAX_FIELDS + b"\r\n",
        b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % LONGEST,
        b"GET /\r\nX:" + b"a" * (MAX_TARGET_BYTES + 1) + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\tb\r\n\r\n",
    ],
    ids=["16-kib", "100-fields", "target-of-8-kib", "target-ends-with-its-line", "tab"],
)
def test_a_head_within_its_limits_is_taken_whole(head: bytes) -> None:
    assert take(head) == head
    assert take(b"\r\n\r\n" + head) == head  # empty lines before a head are ignored


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (head_of(MAX_HEAD_BYTES + 1), 431),
        ((b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD_BYTES)[: MAX_HEAD_BYTES + 1], 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (MAX_FIELDS + 1) + b"\r\n", 431),
        (b"GET %sa HTTP/1.1\r\nHost: a\r\n\r\n" % LONGEST, 414),
        (b"GET /" + b"a" * MAX_HEAD_BYTES, 414),
        (b"GET %s HTTP/1.1\r\nX: " % LONGEST + b"b" * MAX_HEAD_BYTES, 431),
        (b"A" * (MAX_HEAD_BYTES + 1), 431),
    ],
    ids=["head", "endless", "fields", "target", "endless-target", "head-after-target", "method"],
)
def test_a_head_beyond_a_limit_is_refused(data: bytes, status: int) -> None:
    assert status_of(take(data)) == status


def test_a_head_of_16_kib_may_still_end() -> None:
    assert take((b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD_BYTES)[:MAX_HEAD_BYTES]) is None


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\n",  # refused before the head is complete
        b"GET / HTTP/1.1\r\nHost: a\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\tfolded\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\x0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\x1f\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\x7f\r\n\r\n",
        b"\x16",  # how TLS begins, on a plain port
    ],
)
def test_a_forbidden_byte_is_refused(head: bytes) -> None:
    assert status_of(take(head)) == 400


@pytest.mark.parametrize("size", range(MAX_HEAD_BYTES - 6, MAX_HEAD_BYTES + 6))
@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\x00", b"\ra", b"\r\n a", b"\na"])
def test_single_bytes_at_the_limit_give_the_same_result(size: int, end: bytes) -> None:
    data = b"GET /".ljust(size, b"a") + end + b"more of it"
    buffer = HeadBuffer()
    buffer.feed(data[: MAX_HEAD_BYTES - 20])
    taken = buffer.take()
    for place in range(MAX_HEAD_BYTES - 20, len(data)):
        buffer.feed(data[place : place + 1])
        taken = buffer.take() if taken is None else taken
    assert taken == take(data)


# --- parse ---------------------------------------------------------------------------------------


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


VALID = rb"a a.b-c_d~e:8080 127.0.0.1: [::1]:8080 [::ffff:1.2.3.4] " + b"a" * 255
INVALID = [b"", b"a b", *rb"a/b user@a a:b a:123456 [a ::1 a,b".split(), b"\xe9", b"a" * 256]


@pytest.mark.parametrize("host", VALID.split())
def test_a_host_is_a_name_or_an_address_with_an_optional_port(host: bytes) -> None:
    assert parsed(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host).host == host


@pytest.mark.parametrize("host", INVALID)
def test_another_host_is_malformed(host: bytes) -> None:
    assert status_of(parse(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host)) == 400


@pytest.mark.parametrize("target", [b"http:///", b"http://user@a/", b"http://?x"])
def test_an_absolute_target_needs_a_valid_host(target: bytes) -> None:
    assert status_of(parse(get(target))) == 400


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/0.9\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.2\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET / HTTP/3.0\r\nHost: a\r\n\r\n",
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
    assert status_of(parse(head)) == 400


def test_http_1_0_needs_no_host_and_closes() -> None:
    request = parsed(b"GET / HTTP/1.0\r\n\r\n")
    assert (request.is_http_1_0, request.host, request.keep_alive) == (True, b"", False)


@pytest.mark.parametrize(
    ("line", "keep_alive", "has_body"),
    [
        (b"X: y", True, False),
        (b"Connection: upgrade, Close", False, False),
        (b"Connection: closed", True, False),
        (b"Content-Length: 0", True, False),
        (b"Content-Length: 1", True, True),
        (b"Transfer-Encoding: chunked", True, True),
    ],
)
def test_a_field_announces_the_end_or_a_body(line: bytes, keep_alive: bool, has_body: bool) -> None:  # noqa: FBT001 - cases
    request = parsed(get(b"/", line))
    assert (request.keep_alive, request.has_body) == (keep_alive, has_body)
