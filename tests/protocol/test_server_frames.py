import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.frames import take_frame
from trio_chat.protocol.close_codes import MEANING, CloseCode
from trio_chat.protocol.encodings import text_frame
from trio_chat.websocket.frames import PING_FRAME, close_frame, unmask

UNICODE = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, "8100"),
        (125, "817d"),
        (126, "817e007e"),
        (65535, "817effff"),
        (65536, "817f0000000000010000"),
    ],
)
def test_length_has_the_shortest_format(size: int, head: str) -> None:
    assert text_frame(b"a" * size) == bytes.fromhex(head) + b"a" * size


def test_ping_is_empty() -> None:
    assert bytes.fromhex("8900") == PING_FRAME


@given(code=st.sampled_from(CloseCode), reason=UNICODE)
def test_close_frame_is_valid_for_any_reason(code: CloseCode, reason: str) -> None:
    buffer = bytearray(close_frame(code, reason))
    frame = take_frame(buffer)
    assert frame is not None
    assert not buffer
    assert (frame.fin, frame.opcode) == (True, 0x8)
    assert len(frame.payload) <= 125
    assert struct.unpack("!H", frame.payload[:2]) == (code,)
    sent = frame.payload[2:].decode()
    assert (reason or MEANING[code]).startswith(sent)


def test_long_reason_is_cut_at_a_whole_character() -> None:
    assert close_frame(CloseCode.NORMAL, "\u00e4" * 100)[4:] == "\u00e4".encode() * 61
    assert close_frame(CloseCode.NORMAL, "a" * 124)[4:] == b"a" * 123


def test_close_frame_has_the_default_reason() -> None:
    assert close_frame(CloseCode.TOO_BIG)[4:] == b"message too big"


@given(payload=st.binary(max_size=300), key=st.binary(min_size=4, max_size=4))
def test_unmask_follows_the_rfc(payload: bytes, key: bytes) -> None:
    plain = bytes(octet ^ key[index % 4] for index, octet in enumerate(payload))
    assert unmask(payload, key) == plain
    assert unmask(bytearray(payload), bytearray(key)) == plain
