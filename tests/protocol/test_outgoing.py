"""A message in each form."""

import os
import zlib

import pytest

from tests.blackbox.frames import BINARY, RSV1, TEXT, Frame, take_frame
from trio_chat.protocol.deflate import MIN_DEFLATED_BYTES
from trio_chat.protocol.frames import text_frame
from trio_chat.protocol.outgoing import Form, Outgoing, message_frame

REPEATING = b"a" * MIN_DEFLATED_BYTES


def taken(frame: bytes) -> Frame:
    """Read back one whole frame, with nothing behind it."""
    buffer = bytearray(frame)
    whole = take_frame(buffer)
    assert whole is not None
    assert not buffer
    return whole


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_large_message_is_deflated_and_says_so(opcode: int) -> None:
    frame = taken(message_frame(Form.DEFLATED, opcode, REPEATING))
    assert (frame.opcode, frame.rsv, frame.fin) == (opcode, RSV1, True)
    assert len(frame.payload) < 20
    inflater = zlib.decompressobj(-15)
    assert inflater.decompress(frame.payload + b"\x00\x00\xff\xff") == REPEATING


@pytest.mark.parametrize(
    "payload", [b"", REPEATING[1:], os.urandom(4096)], ids=["empty", "small", "incompressible"]
)
def test_what_would_gain_nothing_is_sent_as_it_is(payload: bytes) -> None:
    assert message_frame(Form.DEFLATED, BINARY, payload) == message_frame(
        Form.PLAIN, BINARY, payload
    )


def test_a_plain_message_is_never_deflated() -> None:
    assert message_frame(Form.PLAIN, TEXT, REPEATING) == text_frame(REPEATING)


@pytest.mark.parametrize("form", Form)
def test_outgoing_messages_are_framed_once_in_each_form(form: Form) -> None:
    payloads = [REPEATING, b"", b"short"]
    outgoing = Outgoing(payloads)
    frames = outgoing.frames(form)
    assert frames == [message_frame(form, TEXT, payload) for payload in payloads]
    assert outgoing.frames(form) is frames
