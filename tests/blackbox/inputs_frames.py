"""Bad frames, and connections that end at the wrong moment; ``websocket`` tests all frames."""

from collections.abc import Iterable
from itertools import repeat

from tests.support.frames import (
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

from .scene import BadInput, Scene, assert_closes, binary, closed

MALFORMED = [
    closed("opcode 3", frame(3, b"x"), 1002),
    closed("compression that was not agreed", frame(TEXT, b"x", rsv=RSV1), 1002),
    closed("a ping of 126 bytes", frame(PING, b"x" * 126), 1002),
    closed("a close in fragments", frame(CLOSE, b"\x03\xe8", fin=False), 1002),
    closed("a continuation of nothing", frame(CONTINUATION, b"x"), 1002),
    closed("a text within a text", frame(TEXT, b"x", fin=False) + text("y"), 1002),
    closed("a claimed length of 2^63", frame(TEXT, b"x", claimed=1 << 63), 1002, 1009),
    closed("5 bytes with a length of 8 bytes", frame(TEXT, b"hello", length_bytes=8), 1002),
    closed("a binary message", binary(b"\x00\x01"), 1003),
    *(closed(f"close code {code}", close(code), 1002) for code in (999, 1005, 2999, 5000)),
    closed("garbage after close", close() + b"\xff" * 1000, 1000),
    closed("a text within a close", frame(TEXT, b"cut", fin=False) + close(), 1000),
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
    flooded("pongs", frame(PONG, b"x") * 100, 40, 4005),
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


def half_closed(scene: Scene) -> None:
    """Send half a frame and a FIN, and read on: the user has left."""
    connection = scene.joined()
    connection.push(text("never whole")[:9])
    connection.finish_sending()
    connection.read_end()


ENDS = [
    BadInput("a name and a close in one packet", here_and_gone, joins=True),
    BadInput("a name and then an RST", here_and_reset, joins=True, may_appear="last words"),
    BadInput("FIN in mid-frame of a client that reads on", half_closed, joins=True),
]

FRAMES = MALFORMED + FLOODS + ENDS
