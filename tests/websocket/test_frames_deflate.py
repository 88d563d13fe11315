"""Compressed messages in a `FrameScanner`; `tests/fuzz` has any of them."""

from collections.abc import Sequence

import pytest

from tests.support.frames import BINARY, CONTINUATION, PING, RSV1, TEXT, close, frame, text
from trio_chat.errors import Disconnect
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.deflate import deflate
from trio_chat.websocket.frames import FrameScanner, Item, PassOn

UNCHANGED = bytes(4)
"""The mask of inflated frames, which changes nothing."""

LONG = "gr\u00fc\u00dfe, " * 100
DEFLATED = deflate(LONG.encode())


def begin(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    return frame(opcode, payload, fin=fin, rsv=RSV1)


def scan(*parts: bytes, limit: int = 5000) -> Sequence[Item]:
    scanner = FrameScanner(limit, takes_deflated=True)
    return [item for part in parts for item in scanner.receive(part)]


def refusals(items: Sequence[Item]) -> list[CloseCode]:
    return [item.code for item in items if isinstance(item, Disconnect)]


def test_scanner_inflates_a_text() -> None:
    assert scan(begin(TEXT, DEFLATED) + begin(TEXT, b"\x00")) == [LONG, ""]


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_inflated_frames_have_each_length_format(size: int) -> None:
    (item,) = scan(begin(BINARY, deflate(b"a" * size)), limit=70_000)
    assert item == PassOn(frame(BINARY, b"a" * size, mask=UNCHANGED), 1)


MISUSES = {
    "on a ping": frame(PING, b"p", rsv=RSV1),
    "on a close frame": frame(0x8, b"\x03\xe8", rsv=RSV1),
    "on a continuation of nothing": frame(CONTINUATION, b"a", rsv=RSV1),
    "on an unknown opcode": frame(0x3, b"a", rsv=RSV1),
    "with another reserved bit": frame(TEXT, b"a", rsv=0b110),
    "and no mask": frame(TEXT, DEFLATED, rsv=RSV1, mask=None),
    "another reserved bit": frame(TEXT, b"a", rsv=0b010),
}


@pytest.mark.parametrize("data", MISUSES.values(), ids=MISUSES)
def test_misplaced_compression_bit_is_passed_on(data: bytes) -> None:
    assert scan(text("ok"), data) == ["ok", PassOn(data, 0)]


def test_compression_bit_without_agreement_is_passed_on() -> None:
    data = begin(TEXT, DEFLATED)
    assert FrameScanner(5000).receive(data) == [PassOn(data, 0)]


@pytest.mark.parametrize(
    "parts",
    [
        [begin(TEXT, b"\xff")],
        [begin(BINARY, b"\xff")],
        [begin(TEXT, DEFLATED[:-5])],
        [begin(TEXT, deflate(b"\xff"))],
        [begin(TEXT, DEFLATED[:9], fin=False), frame(CONTINUATION, b"\xff" * 9)],
    ],
    ids=["corrupt", "corrupt, binary", "cut off", "not UTF-8", "corrupt later"],
)
def test_invalid_deflated_payload_ends_the_connection(parts: list[bytes]) -> None:
    *_, refused, last = scan(*parts, text("late"), begin(TEXT, DEFLATED), frame(PING), close())
    assert refusals([refused]) == [CloseCode.INVALID_PAYLOAD]
    assert last == PassOn(close(), 0)


def test_limit_counts_inflated_bytes() -> None:
    assert scan(begin(TEXT, deflate(b"a" * 5000)), limit=5000) == ["a" * 5000]
    items = scan(begin(TEXT, deflate(b"a" * 5001)), text("late"), close(), limit=5000)
    assert refusals(items) == [CloseCode.TOO_BIG]
    assert items[1:] == [PassOn(close(), 0)]


def test_limit_counts_all_inflated_fragments() -> None:
    half = begin(BINARY, deflate(b"a" * 3000))
    assert not refusals(scan(half, half))
    deflated = deflate(b"a" * 6000)
    cut = [begin(TEXT, deflated[:8], fin=False), frame(CONTINUATION, deflated[8:])]
    assert refusals(scan(*cut)) == [CloseCode.TOO_BIG]


def test_limit_counts_compressed_bytes_too() -> None:
    head = begin(TEXT, bytes(5001))[:-5001]
    assert refusals(scan(head)) == [CloseCode.TOO_BIG]


def test_scanner_does_not_inflate_while_closing() -> None:
    scanner = FrameScanner(5000, takes_deflated=True)
    scanner.receive(begin(TEXT, DEFLATED[:9], fin=False))
    scanner.begin_closing()
    bomb = frame(CONTINUATION, deflate(bytes(100_000))) + begin(TEXT, b"\xff")
    assert scanner.receive(bomb + close()) == [PassOn(close(), 0)]


SIZE = 40_000
SMALL = begin(TEXT, deflate(b"a" * SIZE))
"""200 bytes."""


def test_large_inflated_data_is_returned_in_parts() -> None:
    scanner = FrameScanner(SIZE, takes_deflated=True)
    rounds = [scanner.receive(SMALL * 21)]
    while scanner.has_more:
        rounds.append(scanner.receive(b""))
    assert [len(items) for items in rounds] == [2] * 10 + [1]
    assert {item for items in rounds for item in items} == {"a" * SIZE}
    assert scanner.frames == 21
    assert scanner.receive(text("on")) == ["on"]


def test_later_bytes_come_after_the_rest() -> None:
    scanner = FrameScanner(SIZE, takes_deflated=True)
    scanner.receive(SMALL * 3 + text("half")[:5])
    assert scanner.receive(text("half")[5:] + text("last")) == ["a" * SIZE, "half", "last"]
    assert not scanner.has_more


def test_inflated_fragments_count_together() -> None:
    first = deflate(b"a" * SIZE)
    scanner = FrameScanner(3 * SIZE, takes_deflated=True)
    parts = [begin(BINARY, first, fin=False)]
    parts += [frame(CONTINUATION, b"\x00\x00\xff\xff" + first, fin=False)] * 2
    assert len(scanner.receive(b"".join(parts))) == 2
    assert scanner.has_more


def test_closing_scans_the_rest() -> None:
    scanner = FrameScanner(SIZE, takes_deflated=True)
    scanner.receive(SMALL * 9 + close())
    scanner.begin_closing()
    assert scanner.receive(b"") == [PassOn(close(), 0)]
    assert not scanner.has_more


def at_once(data: bytes, *, takes_deflated: bool = True, limit: int = 5000) -> str | None:
    """Return the text that is taken at once; without one, nothing may be taken."""
    scanner = FrameScanner(limit, takes_deflated=takes_deflated)
    taken = scanner.one_text(data)
    assert scanner.frames == (taken is not None)
    if taken is None:
        assert not scanner._buffer
        assert scanner.receive(data)
    return taken


def test_one_short_deflated_text_is_returned_at_once() -> None:
    assert at_once(begin(TEXT, deflate(b"hello"))) == "hello"
    assert at_once(begin(TEXT, b"\x00")) == ""
    assert at_once(begin(TEXT, deflate(b"ab" * 128))) == "ab" * 128


@pytest.mark.parametrize(("size", "limit"), [(125, 5000), (100, 100)])
def test_short_plain_text_is_returned_at_once(size: int, limit: int) -> None:
    assert at_once(text("a" * size), limit=limit) == "a" * size
    assert at_once(text("a" * (size + 1)), limit=limit) is None


@pytest.mark.parametrize(
    "data",
    [
        begin(TEXT, deflate(b"ab" * 128 + b"c")),
        begin(TEXT, deflate(b"\xff")),
        begin(TEXT, b"\xff"),
        begin(TEXT, deflate(b"hello")[:-2]),
        begin(BINARY, deflate(b"hello")),
        begin(TEXT, deflate(b"hello"), fin=False),
        begin(TEXT, deflate(b"hello")) + text("more"),
    ],
    ids=["long", "not UTF-8", "corrupt", "cut off", "binary", "a fragment", "with another"],
)
def test_other_deflated_data_is_not_returned_at_once(data: bytes) -> None:
    assert at_once(data) is None


def test_deflated_text_needs_agreement_and_the_limit() -> None:
    hello = begin(TEXT, deflate(b"hello"))
    assert at_once(hello, takes_deflated=False) is None
    assert at_once(begin(TEXT, deflate(b"a" * 101)), limit=100) is None
