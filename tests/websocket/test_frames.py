"""What a `FrameScanner` takes out, hands on and refuses, one case each; any case is in fuzz/."""

from collections.abc import Sequence

import pytest

from tests.support.frames import BINARY, CONTINUATION, PING, PONG, TEXT, close, frame, text
from trio_chat.errors import Disconnect
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.websocket.frames import FrameScanner, Item, PassOn


def scan(data: bytes, limit: int = 1000) -> Sequence[Item]:
    return FrameScanner(limit).receive(data)


def refusals(items: Sequence[Item]) -> list[CloseCode]:
    return [item.code for item in items if isinstance(item, Disconnect)]


def test_scanner_returns_a_whole_text() -> None:
    assert scan(text("gr\u00fc\u00dfe") + text("")) == ["gr\u00fc\u00dfe", ""]


def test_scanner_accepts_single_bytes() -> None:
    scanner = FrameScanner(1000)
    data = text("one") + frame(PING, b"p") + text("a" * 200)
    items = [item for index in range(len(data)) for item in scanner.receive(data[index:][:1])]
    assert items == ["one", PassOn(frame(PING, b"p"), 0), "a" * 200]


def test_incomplete_frame_waits() -> None:
    scanner = FrameScanner(1000)
    assert scanner.receive(text("one") + text("two")[:-1]) == ["one"]
    assert scanner.receive(text("two")[-1:]) == ["two"]


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


def test_pong_between_fragments_is_ignored() -> None:
    first, last = frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"b")
    assert scan(first + frame(PONG) + last) == [PassOn(first, 0), PassOn(last, 1)]


def test_binary_message_is_passed_on() -> None:
    assert scan(frame(BINARY, b"x")) == [PassOn(frame(BINARY, b"x"), 1)]


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
def test_malformed_bytes_and_the_rest_are_passed_on(data: bytes) -> None:
    scanner = FrameScanner(1 << 64)
    assert scanner.receive(text("ok") + data + text("x")) == ["ok", PassOn(data + text("x"), 0)]
    assert scanner.receive(text("y")) == (PassOn(text("y"), 0),)


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_malformed_bytes_are_discarded_while_closing(data: bytes) -> None:
    scanner = FrameScanner(1 << 64)
    scanner.begin_closing()
    assert not scanner.receive(data + close())
    assert not scanner.receive(close())


@pytest.mark.parametrize("first", [frame(TEXT, b"a"), frame(BINARY, b"a", fin=False)])
def test_message_inside_another_is_malformed(first: bytes) -> None:
    begun = frame(TEXT, b"a", fin=False)
    assert scan(begun + first) == [PassOn(begun, 0), PassOn(first, 0)]


def test_invalid_utf_8_ends_the_connection() -> None:
    items = scan(text("ok") + text(b"\xff") + text("late") + close())
    assert items[0] == "ok"
    assert refusals(items) == [CloseCode.INVALID_PAYLOAD]
    assert items[2:] == [PassOn(close(), 0)]


def test_limit_counts_bytes() -> None:
    assert scan(text("\u00e4" * 5), limit=10) == ["\u00e4" * 5]
    assert refusals(scan(text("\u00e4" * 5 + "a"), limit=10)) == [CloseCode.TOO_BIG]


def test_limit_counts_all_fragments() -> None:
    parts = frame(TEXT, b"a" * 6, fin=False) + frame(CONTINUATION, b"b" * 4, fin=False)
    assert not refusals(scan(parts + frame(CONTINUATION), limit=10))
    assert refusals(scan(parts + frame(CONTINUATION, b"c"), limit=10)) == [CloseCode.TOO_BIG]


def test_limit_applies_to_each_message() -> None:
    message = frame(TEXT, b"a" * 6, fin=False) + frame(CONTINUATION, b"b" * 4)
    assert not refusals(scan(message + message + text("a" * 10), limit=10))


def test_limit_ignores_control_frames() -> None:
    begun = frame(TEXT, b"a" * 9, fin=False)
    assert not refusals(scan(begun + frame(PING, b"p" * 9) + frame(CONTINUATION, b"b"), limit=10))


def test_header_beyond_the_limit_is_refused() -> None:
    data = frame(BINARY, claimed=1 << 62)
    scanner = FrameScanner(1000)
    assert not scanner.receive(data[:-1])
    assert refusals(scanner.receive(data[-1:])) == [CloseCode.TOO_BIG]


def test_payload_of_a_refused_frame_is_not_buffered() -> None:
    scanner = FrameScanner(10)
    scanner.receive(frame(TEXT, claimed=1 << 40))
    scanner.receive(b"x" * 100_000)
    assert not scanner._buffer


def test_close_frame_after_a_refused_frame_is_returned() -> None:
    scanner = FrameScanner(10)
    data = frame(TEXT, b"a" * 100) + frame(PING) + close()
    assert refusals(scanner.receive(data[:50])) == [CloseCode.TOO_BIG]
    assert scanner.receive(data[50:]) == [PassOn(close(), 0)]


def test_refused_first_fragment_begins_a_message() -> None:
    scanner = FrameScanner(10)
    scanner.receive(frame(TEXT, b"a" * 100, fin=False) + frame(CONTINUATION, b"b"))
    assert scanner.receive(close()) == [PassOn(close(), 0)]


def test_second_refusal_is_not_returned() -> None:
    scanner = FrameScanner(10)
    scanner.begin_closing()
    assert scanner.receive(text("a" * 11) + text(b"\xff") + close()) == [PassOn(close(), 0)]


def test_fragments_are_tracked_while_closing() -> None:
    scanner = FrameScanner(100)
    scanner.receive(frame(TEXT, b"a", fin=False))
    scanner.begin_closing()
    rest = frame(CONTINUATION, b"b", fin=False) + frame(CONTINUATION) + text("c")
    assert scanner.receive(rest + close()) == [PassOn(close(), 0)]


@pytest.mark.parametrize(
    "data",
    [
        text("a"),
        text(b"\xff"),
        frame(TEXT, b"a", fin=False),
        frame(PING),
        close(),
        frame(TEXT, claimed=1 << 40),
    ],
)
def test_each_frame_is_counted(data: bytes) -> None:
    scanner = FrameScanner(1000)
    scanner.receive(frame(PING))
    scanner.receive(data)
    assert scanner.frames == 2


def test_empty_fragments_of_a_message_are_limited() -> None:
    begun = frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 9
    whole = scan(begun + frame(CONTINUATION, b"a" * 10), limit=10)
    assert not any(isinstance(item, Disconnect) for item in whole)
    last = scan(begun + frame(CONTINUATION, fin=False) * 2, limit=10)[-1]
    assert isinstance(last, Disconnect)
    assert last.code is CloseCode.TOO_BIG


def test_empty_fragments_are_counted() -> None:
    scanner = FrameScanner(1000)
    scanner.receive(frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 500)
    assert scanner.frames == 501
