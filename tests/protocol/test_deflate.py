"""Compressed messages: what the server sends, and what it accepts."""

import os
import zlib
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.blackbox.deflated import zeros
from trio_chat.errors import Disconnect
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.deflate import Inflater, deflate

TAIL = b"\x00\x00\xff\xff"

HELLO_FIXED = bytes.fromhex("f2 48 cd c9 c9 07 00")
"""RFC 7692 section 7.2.3.1."""
HELLO_STORED = bytes.fromhex("00 05 00 fa ff 48 65 6c 6c 6f 00")
HELLO_BFINAL = bytes.fromhex("f3 48 cd c9 c9 07 00 00")
HELLO_TWO_BLOCKS = bytes.fromhex("f2 48 05 00 00 00 ff ff ca c9 c9 07 00")

LIMIT = 65_536


def test_deflate_matches_the_example_of_the_rfc() -> None:
    assert deflate(b"Hello") == HELLO_FIXED


@given(st.text(max_size=3000) | st.text("ab", max_size=3000))
def test_inflated_text_equals_the_original(text: str) -> None:
    deflated = deflate(text.encode())
    assert zlib.decompressobj(-15).decompress(deflated + TAIL) == text.encode()
    assert inflated(deflated) == text.encode()


def test_each_message_is_compressed_on_its_own() -> None:
    payload = os.urandom(1000)
    assert deflate(payload) == deflate(payload)


def inflated(*fragments: bytes, limit: int = LIMIT) -> bytes:
    inflater = Inflater(limit)
    last = len(fragments) - 1
    return b"".join(
        inflater.inflate(fragment, last=place == last) for place, fragment in enumerate(fragments)
    )


def refusal(*fragments: bytes, limit: int = LIMIT) -> CloseCode:
    with pytest.raises(Disconnect) as caught:
        inflated(*fragments, limit=limit)
    return caught.value.code


@st.composite
def cut(draw: st.DrawFn, data: bytes) -> Sequence[bytes]:
    """Cut bytes into fragments, some of them empty."""
    places = draw(st.lists(st.integers(0, len(data)), max_size=4))
    return [data[begin:end] for begin, end in pairwise([0, *sorted(places), len(data)])]


@pytest.mark.parametrize(
    "payload", [HELLO_FIXED, HELLO_STORED, HELLO_BFINAL, HELLO_TWO_BLOCKS], ids=bytes.hex
)
def test_examples_of_the_rfc_are_inflated_in_any_fragments(payload: bytes) -> None:
    assert inflated(payload) == b"Hello"
    for place in range(len(payload) + 1):
        assert inflated(payload[:place], payload[place:]) == b"Hello"
    assert inflated(*(bytes([byte]) for byte in payload)) == b"Hello"


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\x02\x00", b"\x03\x00"])
def test_every_form_of_an_empty_message_is_inflated(payload: bytes) -> None:
    assert inflated(payload) == b""
    assert inflated(b"", payload, b"") == b""


def test_data_after_a_final_block_belongs_to_the_message() -> None:
    assert inflated(HELLO_BFINAL[:-1] + HELLO_BFINAL[:-1] + HELLO_FIXED) == b"Hello" * 3


def test_message_with_too_many_streams_is_refused_early() -> None:
    assert inflated(b"\x03\x00" * 60 + HELLO_FIXED) == b"Hello"
    assert refusal(b"\x03\x00" * 30_000) is CloseCode.INVALID_PAYLOAD


CORRUPT = [b"\xff", b"\x06", HELLO_FIXED + b"\xff", HELLO_FIXED + b"\x02\x40\x01"]
CORRUPT += [HELLO_FIXED[:-2], HELLO_STORED[:8], HELLO_BFINAL[:3], deflate(b"abcd" * 300)[:-2]]
CORRUPT += [b"\x78\x9c" + HELLO_FIXED]


@pytest.mark.parametrize("payload", CORRUPT, ids=bytes.hex)
def test_invalid_or_truncated_data_is_refused(payload: bytes) -> None:
    assert refusal(payload) is CloseCode.INVALID_PAYLOAD
    assert refusal(payload, b"") is CloseCode.INVALID_PAYLOAD
    assert refusal(*(bytes([byte]) for byte in payload)) is CloseCode.INVALID_PAYLOAD


@given(
    payload=st.binary(max_size=300).map(lambda data: data * 3),
    over=st.integers(1, 3),
    data=st.data(),
)
@example(payload=b"", over=1, data=None)
def test_inflated_message_may_have_exactly_the_limit(
    payload: bytes, over: int, data: st.DataObject | None
) -> None:
    deflated = deflate(payload)
    fragments = data.draw(cut(deflated)) if data else [deflated]
    assert inflated(*fragments, limit=len(payload)) == payload
    if len(payload) >= over:
        assert refusal(*fragments, limit=len(payload) - over) is CloseCode.TOO_BIG


def test_bomb_is_inflated_only_up_to_the_limit() -> None:
    bomb = zeros(64 << 20)
    inflater = Inflater(LIMIT)
    half = len(bomb) // 2
    with pytest.raises(Disconnect) as caught:
        inflater.inflate(bomb[:half], last=False)
    assert caught.value.code is CloseCode.TOO_BIG
    assert inflater._stream is not None
    # What zlib has not even read is nearly all of it.
    assert len(inflater._stream.unconsumed_tail) > half - 200


@given(
    fragments=st.lists(st.binary(max_size=80), min_size=1, max_size=4), limit=st.integers(0, 500)
)
def test_any_bytes_inflate_within_the_limit_or_are_refused(
    fragments: list[bytes], limit: int
) -> None:
    try:
        assert len(inflated(*fragments, limit=limit)) <= limit
    except Disconnect as refused:
        assert refused.code in {CloseCode.TOO_BIG, CloseCode.INVALID_PAYLOAD}  # noqa: PT017
