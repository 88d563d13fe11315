"""The items of a `FrameScanner`, one case each; `tests/fuzz` has any bytes."""

from collections.abc import Sequence

import pytest

from tests.support.frames import CONTINUATION, PING, PONG, TEXT, close, frame, text
from trio_chat.errors import Disconnect
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.websocket.frames import FrameScanner, Item, PassOn


def scan(data: bytes, limit: int = 1000) -> Sequence[Item]:
    return FrameScanner(limit).receive(data)


def refusals(items: Sequence[Item]) -> list[CloseCode]:
    return [item.code for item in items if isinstance(item, Disconnect)]


def test_scanner_returns_a_whole_text() -> None:
    assert scan(text("gr\u00fc\u00dfe") + text("")) == ["gr\u00fc\u00dfe", ""]


@pytest.mark.parametrize("size", [125, 126, 65535, 65536])
def test_scanner_reads_each_length_format(size: int) -> None:
    assert scan(text("a" * size), 70_000) == ["a" * size]


def test_ping_is_passed_on() -> None:
    longest = frame(PING, b"x" * 125)
    assert scan(longest + text("next")) == [PassOn(longest, 0), "next"]


@pytest.mark.parametrize("payload", [b"", b"x" * 125])
def test_pong_is_ignored(payload: bytes) -> None:
    scanner = FrameScanner(1000)
    assert scanner.receive(frame(PONG, payload)) == []
    assert scanner.frames == 1
    assert scanner.receive(text("next")) == ["next"]


def test_fragments_are_passed_on_and_count_once() -> None:
    parts = [
        frame(TEXT, b"a", fin=False),
        frame(CONTINUATION, b"b", fin=False),
        frame(PING),
        frame(CONTINUATION, b"c"),
    ]
    assert scan(b"".join(parts) + text("next")) == [
        PassOn(parts[0], 0),
        PassOn(parts[1], 0),
        PassOn(parts[2], 0),
        PassOn(parts[3], 1),
        "next",
    ]


def test_close_frame_is_recognized() -> None:
    (item,) = scan(close())
    assert item == PassOn(close(), 0)
    assert isinstance(item, PassOn)
    assert item.is_close
    assert not PassOn(frame(PING), 0).is_close


MALFORMED = {
    "unmasked": frame(TEXT, b"a", mask=None),
    "reserved bit 1": frame(TEXT, b"a", rsv=4),
    "reserved bit 2": frame(TEXT, b"a", rsv=2),
    "reserved bit 3": frame(TEXT, b"a", rsv=1),
    "opcode 3": frame(0x3, b"a"),
    "opcode 7": frame(0x7, b"a"),
    "opcode 11": frame(0xB, b"a"),
    "opcode 15": frame(0xF, b"a"),
    "a ping in fragments": frame(PING, b"a", fin=False),
    "a long ping": frame(PING, b"a" * 126),
    "a very long ping": frame(PING, claimed=1 << 16),
    "a continuation of nothing": frame(CONTINUATION, b"a"),
    "a length in 2 bytes for 1": frame(TEXT, b"a", length_bytes=2),
    "a length in 8 bytes for 2": frame(TEXT, b"a" * 126, length_bytes=8),
    "a length of 2^63": frame(TEXT, claimed=1 << 63),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_malformed_bytes_and_the_rest_are_passed_on_unless_closing(data: bytes) -> None:
    scanner = FrameScanner(1 << 64)
    assert scanner.receive(text("ok") + data + text("x")) == ["ok", PassOn(data + text("x"), 0)]
    assert scanner.receive(text("y")) == (PassOn(text("y"), 0),)
    scanner = FrameScanner(1 << 64)
    scanner.begin_closing()
    assert not scanner.receive(data + close())
    assert not scanner.receive(close())


def test_invalid_utf_8_ends_the_connection() -> None:
    items = scan(text("ok") + text(b"\xff") + text("late") + close())
    assert items[0] == "ok"
    assert refusals(items) == [CloseCode.INVALID_PAYLOAD]
    assert items[2:] == [PassOn(close(), 0)]


def test_limit_counts_bytes() -> None:
    assert scan(text("\u00e4" * 5), limit=10) == ["\u00e4" * 5]
    assert refusals(scan(text("\u00e4" * 5 + "a"), limit=10)) == [CloseCode.TOO_BIG]


def test_payload_of_a_refused_frame_is_not_buffered() -> None:
    scanner = FrameScanner(10)
    scanner.receive(frame(TEXT, claimed=1 << 40))
    scanner.receive(b"x" * 100_000)
    assert not scanner._buffer


def test_refused_first_fragment_begins_a_message() -> None:
    scanner = FrameScanner(10)
    scanner.receive(frame(TEXT, b"a" * 100, fin=False) + frame(CONTINUATION, b"b"))
    assert scanner.receive(close()) == [PassOn(close(), 0)]


def test_second_refusal_is_not_returned() -> None:
    scanner = FrameScanner(10)
    scanner.begin_closing()
    assert scanner.receive(text("a" * 11) + text(b"\xff") + close()) == [PassOn(close(), 0)]


def test_empty_fragments_of_a_message_are_limited() -> None:
    begun = frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 9
    whole = scan(begun + frame(CONTINUATION, b"a" * 10), limit=10)
    assert not any(isinstance(item, Disconnect) for item in whole)
    last = scan(begun + frame(CONTINUATION, fin=False) * 2, limit=10)[-1]
    assert isinstance(last, Disconnect)
    assert last.code is CloseCode.TOO_BIG
