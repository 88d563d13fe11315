"""Bad frames, and connections that end at the wrong moment; ``websocket`` tests all frames."""

from collections.abc import Iterable
from itertools import repeat

from tests.support.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    RSV1,
    TEXT,
    close,
    frame,
    text,
)
from tests.support.raw import RawConnection

from .deflated import OFFER, deflated, in_fragments, message, zeros
from .scene import BadInput, Scene, assert_closes, assert_goes_on, binary, closed, next_for

MALFORMED = [
    closed("opcode 3", frame(3, b"x"), 1002),
    closed("a reserved bit", frame(TEXT, b"x", rsv=0b010), 1002),
    closed("compression that was not agreed", frame(TEXT, b"x", rsv=RSV1), 1002),
    closed("an unmasked text", frame(TEXT, b"x", mask=None), 1002),
    closed("an unmasked echo", frame(TEXT, b"x", mask=None), 1002, path="/ws/echo"),
    closed("a ping of 126 bytes", frame(PING, b"x" * 126), 1002),
    closed("a close in fragments", frame(CLOSE, b"\x03\xe8", fin=False), 1002),
    closed("a continuation of nothing", frame(CONTINUATION, b"x"), 1002),
    closed("a text within a text", frame(TEXT, b"x", fin=False) + text("y"), 1002),
    closed("a claimed length of 2^62", frame(TEXT, b"x", claimed=1 << 62), 1009),
    closed("a claimed length of 2^63", frame(TEXT, b"x", claimed=1 << 63), 1002, 1009),
    closed("5 bytes with a length of 8 bytes", frame(TEXT, b"hello", length_bytes=8), 1002),
    closed("a binary message", binary(b"\x00\x01"), 1003),
    *(closed(f"close code {code}", close(code), 1002) for code in (999, 1005, 2999, 5000)),
    closed("a close of 1 byte", frame(CLOSE, b"\x03"), 1002),
    closed("a close reason that is not UTF-8", close(1000, b"\xff"), 1007),
    closed("garbage after close", close() + b"\xff" * 1000, 1000),
    closed("a text within a close", frame(TEXT, b"cut", fin=False) + close(), 1000),
]

TIMES = 20
"""How often a race is run that is lost one time in two."""


def close_behind(name: str, data: bytes, code: int, path: str = "/ws") -> BadInput:
    """Return a violation and a valid close in one packet: either code is a valid answer."""

    def run(scene: Scene) -> None:
        for _ in range(TIMES):
            connection = scene.upgraded(path)
            connection.push(data + close(3000))
            assert_closes(connection, code, 3000)

    return BadInput(f"{name} and a close in one packet", run)


CLOSES_BEHIND = [
    close_behind("a bad name", text("\x07"), 4501),
    close_behind("a name that is not UTF-8", text(b"\xff"), 1007),
    close_behind("a bad opcode", frame(3, b"x"), 1002, path="/ws/echo"),
    close_behind("an echo too large", binary(b"x" * 65_537), 1009, path="/ws/echo"),
    closed("a binary message and a close in one packet", binary(b"x") + close(3000), 1003, 3000),
    closed("a flood and a close in one packet", frame(PONG) * 3000 + close(4999), 4005, 4999),
]


def deflating(scene: Scene) -> RawConnection:
    """Join over a connection on which compression has been agreed."""
    connection = scene.joined(OFFER)
    assert connection.is_deflated
    return connection


def misuse(name: str, data: bytes, code: int) -> BadInput:
    """Return bytes that end a connection on which compression has been agreed."""

    def run(scene: Scene) -> None:
        connection = deflating(scene)
        connection.push(data)
        assert_closes(connection, code)

    return BadInput(name, run, joins=True)


def other_compressors(scene: Scene) -> None:
    """Send valid messages in forms that our compressor does not produce."""
    connection = deflating(scene)
    for data in (
        message(bytes.fromhex("f3 48 cd c9 c9 07 00 00")),
        in_fragments(deflated(b"Hello", 0), 1),
        message(deflated(b"Hel")[:-1] + b"\x00\x00\x00\xff\xff" + deflated(b"lo")),
        text("Hello"),
    ):
        connection.push(data)
        event = next_for(scene, connection)
        assert (event["type"], event["message"]) == ("message", "Hello"), event


LONG = deflated(b"a long line, " * 100)

DEFLATED = [
    misuse("a deflated ping", frame(PING, b"p", rsv=RSV1), 1002),
    misuse(
        "a later fragment marked as deflated",
        frame(TEXT, LONG[:20], fin=False, rsv=RSV1) + frame(CONTINUATION, LONG[20:], rsv=RSV1),
        1002,
    ),
    misuse("not deflated, in fragments", in_fragments(b"\xff" * 20, 3), 1007),
    misuse("deflated and cut off", message(LONG[:-9]), 1007),
    misuse("a final block 30,000 times", message(b"\x03\x00" * 30_000), 1007),
    misuse("64 MiB of zeros in 64 KiB", message(zeros(63 << 20)), 1009),
    misuse("1 GiB of zeros in fragments", in_fragments(zeros(1 << 30), 5000), 1009),
    BadInput("other compressors", other_compressors, joins=True, texts=("Hello",) * 4),
]


def flood(connection: RawConnection, chunks: Iterable[bytes], *, reading: bool = True) -> None:
    """Push until the server accepts no more."""
    for chunk in chunks:
        if not connection.push(chunk, reading=reading):
            return


def flooded(name: str, chunk: bytes, times: int, *codes: int, **options: int) -> BadInput:
    """Return a flood in the chat that ends with one of these codes; unread with a small buffer."""

    def run(scene: Scene) -> None:
        connection = scene.joined(**options)
        flood(connection, repeat(chunk, times), reading=not options)
        assert_closes(connection, *codes)

    return BadInput(name, run, joins=True, may_appear="flood")


def flooded_echo(name: str, chunk: bytes, times: int) -> BadInput:
    """Return a flood of the echo that nobody reads: the server waits, and counts no frames."""

    def run(scene: Scene) -> None:
        connection = scene.upgraded("/ws/echo", receive_buffer_bytes=4096)
        flood(connection, repeat(chunk, times), reading=False)

    return BadInput(name, run)


def fragments_echoed(scene: Scene) -> None:
    """Check that fragments of the echo count together, and that empty ones make one message."""
    connection = scene.upgraded("/ws/echo")
    connection.push(frame(TEXT, b"x", fin=False))
    flood(connection, repeat(frame(CONTINUATION, fin=False) * 10_000, 5))
    connection.push(frame(CONTINUATION, b"y"))
    echoed = connection.read_frame()
    assert echoed is not None
    assert echoed.payload == b"xy"
    connection.push(frame(BINARY, b"x", fin=False))
    flood(connection, repeat(frame(CONTINUATION, b"x", fin=False) * 10_000, 1_000))
    assert_closes(connection, 1009)


PINGS = frame(PING, b"x" * 125)
CRUMBS = frame(CONTINUATION, b"x", fin=False) * 10_000

FLOODS = [
    flooded("10 MB in fragments of 1 byte", frame(TEXT, b"x", fin=False) + CRUMBS, 1, 4005),
    flooded(
        "pings never read",
        frame(PING, b"x" * 125) * 100,
        100,
        4005,
        4002,
        receive_buffer_bytes=4096,
    ),
    flooded("messages never read", text("flood") * 100, 20, 4005, receive_buffer_bytes=1 << 16),
    flooded("typing", text('{"type":"typing","isTyping":false}') * 100, 40, 4005),
    flooded("pongs", frame(PONG, b"x") * 100, 40, 4005),
    flooded_echo("echoed pings never read", PINGS * 1_000, 100),
    flooded_echo("echoes never read", binary(bytes(60_000)), 200),
    BadInput("echoed fragments", fragments_echoed),
]


def here_and_gone(scene: Scene) -> None:
    """Send a name and a close in one packet: the user joins and leaves."""
    connection = scene.upgraded()
    connection.push(text(scene.name) + close())
    assert connection.read_close() == 1000
    connection.read_end()


def here_and_reset(scene: Scene) -> None:
    """Send a name, a message and an RST: the user joins, perhaps sends, and leaves."""
    connection = scene.upgraded()
    connection.push(text(scene.name))
    connection.read_event()
    connection.push(text("last words") * 5, reading=False)
    connection.reset()


def ends_in_mid_frame(scene: Scene) -> None:
    """Reset with half a frame sent."""
    connection = scene.joined()
    connection.push(text("never whole")[:9])
    connection.reset()


def half_closed(scene: Scene) -> None:
    """Send half a frame and a FIN, and read on: the user has left."""
    connection = scene.joined()
    connection.push(text("never whole")[:9])
    connection.finish_sending()
    connection.read_end()


def ends_after_upgrade(scene: Scene) -> None:
    """Send an RST or a FIN at once."""
    scene.upgraded().reset()
    scene.upgraded().socket.close()


def slow_frame(scene: Scene) -> None:
    """Send one byte at a time, with a ping in a message of three fragments."""
    connection = scene.joined()
    pieces = frame(TEXT, b"in ", fin=False) + frame(PING, b"hi")
    pieces += frame(CONTINUATION, b"", fin=False) + frame(CONTINUATION, b"pieces")
    for byte in pieces:
        connection.push(bytes([byte]))
    assert next_for(scene, connection)["message"] == "in pieces"
    assert_goes_on(scene, connection)


ENDS = [
    BadInput("a name and a close in one packet", here_and_gone, joins=True),
    BadInput("a name and then an RST", here_and_reset, joins=True, may_appear="last words"),
    BadInput("RST in mid-frame", ends_in_mid_frame, joins=True),
    BadInput("FIN in mid-frame of a client that reads on", half_closed, joins=True),
    BadInput("RST and FIN after the upgrade", ends_after_upgrade),
    BadInput("a frame in small pieces", slow_frame, joins=True, texts=("in pieces", "still here")),
]

FRAMES = MALFORMED + CLOSES_BEHIND + DEFLATED + FLOODS + ENDS
