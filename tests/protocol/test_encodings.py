"""A message in each encoding."""

import os
import zlib

import pytest

from tests.support.frames import BINARY, RSV1, TEXT, Frame, take_frame
from trio_chat.protocol import encodings
from trio_chat.protocol.deflate import MIN_DEFLATED_BYTES
from trio_chat.protocol.encode import FIELDS, encode
from trio_chat.protocol.encodings import Encoding, Outgoing, PerVersion, message_frame, text_frame
from trio_chat.protocol.messages import Notice

REPEATING = b"a" * MIN_DEFLATED_BYTES


def notice(text: str) -> Notice:
    return Notice("general", text, 0)


def taken(frame: bytes) -> Frame:
    buffer = bytearray(frame)
    whole = take_frame(buffer)
    assert whole is not None
    assert not buffer
    return whole


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_large_message_is_deflated(opcode: int) -> None:
    frame = taken(message_frame(Encoding.DEFLATED, opcode, REPEATING))
    assert (frame.opcode, frame.rsv, frame.fin) == (opcode, RSV1, True)
    assert len(frame.payload) < 20
    inflater = zlib.decompressobj(-15)
    assert inflater.decompress(frame.payload + b"\x00\x00\xff\xff") == REPEATING


@pytest.mark.parametrize(
    "payload", [b"", REPEATING[1:], os.urandom(4096)], ids=["empty", "small", "incompressible"]
)
def test_message_that_gains_nothing_is_not_deflated(payload: bytes) -> None:
    assert message_frame(Encoding.DEFLATED, BINARY, payload) == message_frame(
        Encoding.PLAIN, BINARY, payload
    )


def test_plain_encoding_never_deflates() -> None:
    assert message_frame(Encoding.PLAIN, TEXT, REPEATING) == text_frame(REPEATING)


@pytest.mark.parametrize("encoding", Encoding)
def test_messages_are_framed_once_in_each_encoding(encoding: Encoding) -> None:
    messages = [notice("a" * MIN_DEFLATED_BYTES), notice("short")]
    outgoing = Outgoing(messages)
    frames = outgoing.frames(encoding)
    assert frames == [message_frame(encoding, TEXT, encode(one)) for one in messages]
    assert outgoing.frames(encoding) is frames


@pytest.mark.parametrize("encoding", [Encoding.PLAIN, Encoding.DEFLATED])
def test_common_messages_are_framed_once_for_both_versions(encoding: Encoding) -> None:
    outgoing = Outgoing([notice("a"), notice("b")])
    assert outgoing.frames(encoding) is outgoing.frames(encoding.in_version_2)


def test_each_version_receives_its_own_messages() -> None:
    ours, theirs, both = notice("plain"), notice("version 2"), notice("both")
    outgoing = Outgoing(
        [PerVersion(ours, theirs), both, PerVersion(None, theirs), PerVersion(ours, None)]
    )
    expected = {Encoding.PLAIN: [ours, both, ours], Encoding.VERSION_2: [theirs, both, theirs]}
    for encoding, messages in expected.items():
        assert outgoing.frames(encoding) == [text_frame(encode(one)) for one in messages]


def test_version_without_messages_has_no_frames() -> None:
    assert Outgoing([PerVersion(None, notice("hi"))]).frames(Encoding.PLAIN) == []


@pytest.mark.parametrize("others", [[], [PerVersion(notice("plain"), notice("version 2"))]])
def test_common_messages_are_encoded_once(
    monkeypatch: pytest.MonkeyPatch, others: list[PerVersion]
) -> None:
    encoded: list[object] = []

    def note(fields: object) -> bytes:
        encoded.append(fields)
        return b"{}"

    monkeypatch.setattr(encodings, "dumps", note)
    monkeypatch.setattr(encodings, "encode", lambda message: note(FIELDS[type(message)](message)))
    outgoing = Outgoing([notice("both"), *others])
    for encoding in Encoding:
        outgoing.frames(encoding)
    assert encoded.count(FIELDS[Notice](notice("both"))) == 1


@pytest.mark.parametrize("encoding", Encoding)
def test_version_2_keeps_the_compression(encoding: Encoding) -> None:
    assert encoding.in_version_2.is_version_2
    assert (encoding.in_version_2 is Encoding.VERSION_2_DEFLATED) == ("DEFLATED" in encoding.name)
    assert encoding.is_version_2 == ("VERSION_2" in encoding.name)
    assert encoding.is_deflated == ("DEFLATED" in encoding.name)
