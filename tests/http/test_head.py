"""The raw head: limits, and independence of packets."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.http.head import HeadBuffer
from trio_chat.protocol.handshake import Refusal

MAX_HEAD_BYTES = 16_384
MAX_TARGET_BYTES = 8_192
MAX_FIELDS = 100

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def take(data: bytes) -> bytes | Refusal | None:
    buffer = HeadBuffer()
    buffer.feed(data)
    return buffer.take()


def status_of(data: bytes) -> int:
    refusal = take(data)
    assert isinstance(refusal, Refusal)
    return refusal.status


def head_of(size: int) -> bytes:
    start = b"GET / HTTP/1.1\r\nX: "
    return start + b"a" * (size - len(start) - 4) + b"\r\n\r\n"


def test_take_returns_a_head_and_leaves_the_rest() -> None:
    buffer = HeadBuffer()
    buffer.feed(HEAD + b"\x81\x80rest")
    assert buffer.take() == HEAD
    assert buffer.rest() == b"\x81\x80rest"
    assert len(buffer) == 6


def test_take_returns_two_heads_of_one_packet_in_order() -> None:
    buffer = HeadBuffer()
    buffer.feed(HEAD + head_of(200))
    assert [buffer.take(), buffer.take(), buffer.take()] == [HEAD, head_of(200), None]


def test_take_returns_none_for_an_incomplete_head() -> None:
    assert take(HEAD[:-1]) is None


def test_empty_lines_before_a_head_are_ignored() -> None:
    assert take(b"\r\n\r\n" + HEAD) == HEAD


def test_the_largest_head_is_16_kib() -> None:
    assert take(head_of(MAX_HEAD_BYTES)) == head_of(MAX_HEAD_BYTES)
    assert status_of(head_of(MAX_HEAD_BYTES + 1)) == 431


def test_an_endless_head_is_refused_at_the_limit() -> None:
    endless = b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD_BYTES
    assert take(endless[:MAX_HEAD_BYTES]) is None
    assert status_of(endless[: MAX_HEAD_BYTES + 1]) == 431


def test_a_head_has_at_most_100_fields() -> None:
    head = b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * MAX_FIELDS
    assert take(head + b"\r\n") == head + b"\r\n"
    assert status_of(head + b"X: y\r\n\r\n") == 431


def test_the_longest_target_is_8_kib() -> None:
    target = b"/" + b"a" * (MAX_TARGET_BYTES - 1)
    head = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n"
    assert take(head % target) == head % target
    assert status_of(head % (target + b"a")) == 414


def test_an_endless_target_is_refused_as_too_long() -> None:
    assert status_of(b"GET /" + b"a" * MAX_HEAD_BYTES) == 414


def test_a_long_head_after_a_valid_target_is_too_large() -> None:
    target = b"/" + b"a" * (MAX_TARGET_BYTES - 1)
    assert status_of(b"GET %s HTTP/1.1\r\nX: " % target + b"b" * MAX_HEAD_BYTES) == 431


def test_the_target_ends_with_its_line() -> None:
    head = b"GET /\r\nX:" + b"a" * (MAX_TARGET_BYTES + 1) + b"\r\n\r\n"
    assert take(head) == head


def test_an_endless_method_is_a_head_too_large() -> None:
    assert status_of(b"A" * (MAX_HEAD_BYTES + 1)) == 431


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\nHost: a\n\n",
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
    assert status_of(head) == 400


def test_a_forbidden_byte_is_refused_before_the_head_is_complete() -> None:
    assert status_of(b"GET / HTTP/1.1\n") == 400


def test_a_tab_within_a_value_is_allowed() -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\tb\r\n\r\n"
    assert take(head) == head


LINES = st.lists(
    st.sampled_from([b"\r\n", b"\r", b"\n", b"\x00", b" ", b"GET / HTTP/1.1", b"X: y", b"a" * 8187])
)


@given(pieces=LINES, filler=st.integers(0, 6), cuts=st.lists(st.integers(0, 20_000), max_size=6))
def test_packets_do_not_change_the_head(pieces: list[bytes], filler: int, cuts: list[int]) -> None:
    # The filler moves what follows across the limit of 16 KiB, byte by byte.
    data = b"".join(pieces) + b"b" * filler + b"\r\n\r\n"
    whole = HeadBuffer()
    whole.feed(data)
    cut = HeadBuffer()
    edges = sorted({0, len(data), *(edge for edge in cuts if edge < len(data))})
    taken = None
    for start, end in pairwise(edges):
        cut.feed(data[start:end])
        taken = cut.take() if taken is None else taken
    assert taken == whole.take()


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
