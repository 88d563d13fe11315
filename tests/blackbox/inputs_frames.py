"""Bad frames (RFC 6455) and bad manners, each with the close code or the end it comes to."""

from collections.abc import Iterable
from itertools import repeat

from tests.support.frames import BINARY, CONTINUATION, PING, PONG, TEXT, close, frame, text
from tests.support.raw import RawConnection

from .scene import BadInput, Scene, assert_closes, assert_goes_on, binary, closed, next_for

CLOSE = 8

KNOWN_OPCODES = {CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG}

MALFORMED = [
    *(
        closed(f"opcode {opcode:#x}", frame(opcode, b"x"), 1002)
        for opcode in set(range(16)) - KNOWN_OPCODES
    ),
    *(
        closed(f"reserved bits {bits:03b}", frame(TEXT, b"x", rsv=bits), 1002)
        for bits in (0b001, 0b010, 0b100, 0b111)
    ),
    closed("an unmasked text", frame(TEXT, b"x", mask=None), 1002),
    closed("an unmasked ping", frame(PING, b"x", mask=None), 1002),
    closed("an unmasked echo", frame(TEXT, b"x", mask=None), 1002, path="/ws/echo"),
    closed("a ping of 126 bytes", frame(PING, b"x" * 126), 1002),
    closed("a pong of 70,000 bytes", frame(PONG, b"x" * 70_000), 1002),
    closed("a close of 126 bytes", close(1000, b"x" * 124), 1002),
    closed("a ping in fragments", frame(PING, b"x", fin=False), 1002),
    closed("a close in fragments", frame(CLOSE, b"\x03\xe8", fin=False), 1002),
    closed("a continuation of nothing", frame(CONTINUATION, b"x"), 1002),
    closed("a text within a text", frame(TEXT, b"x", fin=False) + text("y"), 1002),
    closed("a claimed length of 2^62", frame(TEXT, b"x", claimed=1 << 62), 1009),
    closed("a claimed length of 2^63", frame(TEXT, b"x", claimed=1 << 63), 1002, 1009),
    closed("a claimed length of 1 MB", frame(TEXT, b"x", claimed=1_000_000), 1009),
    closed("5 bytes with a length of 2 bytes", frame(TEXT, b"hello", length_bytes=2), 1002),
    closed("5 bytes with a length of 8 bytes", frame(TEXT, b"hello", length_bytes=8), 1002),
    closed("200 bytes with a length of 8 bytes", frame(TEXT, b"x" * 200, length_bytes=8), 1002),
    closed("a binary message", binary(b"\x00\x01"), 1003),
    closed("an empty binary message", binary(b""), 1003),
]

CLOSES = [
    *(
        closed(f"close code {code}", close(code), 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
    ),
    closed("a close of 1 byte", frame(CLOSE, b"\x03"), 1002),
    closed("a close reason that is not UTF-8", close(1000, b"\xff"), 1007),
    closed("a ping during close", close() + frame(PING, b"late"), 1000),
    closed("data after close", close() + text("late"), 1000),
    closed("garbage after close", close() + b"\xff" * 1000, 1000),
    closed("two closes", close() + close(), 1000),
    closed("a text within a close", frame(TEXT, b"cut", fin=False) + close(), 1000),
]


TIMES = 20
"""How often a race is run that is lost one time in two."""


def close_behind(name: str, data: bytes, code: int, path: str = "/ws") -> BadInput:
    """A violation and a good close in one packet: both sides close, so either code is an answer."""

    def run(scene: Scene) -> None:
        for _ in range(TIMES):
            connection = scene.upgraded(path)
            connection.push(data + close(3000))
            assert_closes(connection, code, 3000)

    return BadInput(f"{name} and a close in one packet", run)


CLOSES_BEHIND = [
    close_behind("a bad name", text("\x07"), 4501),
    close_behind("an object as name", text("{"), 4501),
    close_behind("a binary name", binary(b"ann"), 1003),
    close_behind("a name that is not UTF-8", text(b"\xff"), 1007),
    close_behind("a name that is too long", text("x" * 65_537), 1009),
    close_behind("a bad opcode", frame(3, b"x"), 1002, path="/ws/echo"),
    close_behind("an echo too large", binary(b"x" * 65_537), 1009, path="/ws/echo"),
    close_behind("an echo that is not UTF-8", text(b"\xff"), 1007, path="/ws/echo"),
    closed("a binary message and a close in one packet", binary(b"x") + close(3000), 1003, 3000),
    closed("invalid UTF-8 and a close in one packet", text(b"\xff") + close(None), 1007, None),
    closed("a flood and a close in one packet", frame(PONG) * 3000 + close(4999), 4005, 4999),
]


def flood(connection: RawConnection, chunks: Iterable[bytes], *, reading: bool = True) -> None:
    """Push on until the server takes no more."""
    for chunk in chunks:
        if not connection.push(chunk, reading=reading):
            return


def crumbs_of_10_mb(scene: Scene) -> None:
    """10 MB, a byte a fragment: far more frames than a connection may send."""
    connection = scene.joined()
    connection.push(frame(TEXT, b"x", fin=False))
    flood(connection, repeat(frame(CONTINUATION, b"x", fin=False) * 10_000, 1_000))
    assert_closes(connection, 4005)


def crumbs_of_10_mb_echoed(scene: Scene) -> None:
    """The echo server counts no frames, but the fragments of a message together."""
    connection = scene.upgraded("/ws/echo")
    connection.push(frame(BINARY, b"x", fin=False))
    flood(connection, repeat(frame(CONTINUATION, b"x", fin=False) * 10_000, 1_000))
    assert_closes(connection, 1009)


def empty_fragments(scene: Scene) -> None:
    """200,000 fragments of nothing are 200,000 frames."""
    connection = scene.joined()
    connection.push(frame(TEXT, b"x", fin=False))
    flood(connection, repeat(frame(CONTINUATION, fin=False) * 10_000, 20))
    assert_closes(connection, 4005)


def empty_fragments_echoed(scene: Scene) -> None:
    """Where frames are not counted they make one message, and take no more than their turn."""
    connection = scene.upgraded("/ws/echo")
    connection.push(frame(TEXT, b"x", fin=False))
    flood(connection, repeat(frame(CONTINUATION, fin=False) * 10_000, 5))
    connection.push(frame(CONTINUATION, b"y"))
    echoed = connection.read_frame()
    assert echoed is not None
    assert echoed.payload == b"xy"


def flood_of_pings_never_read(scene: Scene) -> None:
    """Unread pongs: the server drops the client for its frame rate or as a slow reader."""
    connection = scene.joined(receive_buffer_bytes=4096)
    flood(connection, repeat(frame(PING, b"x" * 125) * 100, 100), reading=False)
    assert_closes(connection, 4005, 4002)


def flood_of_echoed_pings_never_read(scene: Scene) -> None:
    """The echo server counts no frames: it waits until the client reads the pongs."""
    connection = scene.open(receive_buffer_bytes=4096)
    connection.upgrade("/ws/echo")
    flood(connection, repeat(frame(PING, b"x" * 125) * 1_000, 100), reading=False)


def flood_of_echoes_never_read(scene: Scene) -> None:
    """An unread echo: the server reads on after it has written the last message."""
    connection = scene.open(receive_buffer_bytes=4096)
    connection.upgrade("/ws/echo")
    flood(connection, repeat(binary(bytes(60_000)), 200), reading=False)


def flood_of_refused_messages_never_read(scene: Scene) -> None:
    """Messages past the rate are refused; a user with 50 refusals in a minute is closed."""
    connection = scene.joined()
    flood(connection, repeat(text("flood") * 100, 20), reading=False)
    assert_closes(connection, 4005)


def flood_of_typing(scene: Scene) -> None:
    """Typing past its rate is dropped silently, until it is too many frames."""
    connection = scene.joined()
    flood(connection, repeat(text('{"type":"typing","isTyping":false}') * 100, 40))
    assert_closes(connection, 4005)


def flood_of_pongs(scene: Scene) -> None:
    """Unsolicited pongs count as frames."""
    connection = scene.joined()
    flood(connection, repeat(frame(PONG, b"x") * 100, 40))
    assert_closes(connection, 4005)


def here_and_gone(scene: Scene) -> None:
    """A name and a close in one packet: they came, and they left."""
    connection = scene.upgraded()
    connection.push(text(scene.name) + close())
    assert connection.read_close() == 1000
    connection.read_end()


def here_and_reset(scene: Scene) -> None:
    """Send a name, a message and an RST: the user joins, perhaps sends, and leaves."""
    connection = scene.upgraded()
    connection.push(text(scene.name))
    connection.read_event()
    connection.push(text("last words"), reading=False)
    connection.reset()


def reset_in_mid_frame(scene: Scene) -> None:
    """An RST with half a frame sent."""
    connection = scene.joined()
    connection.push(text("never whole")[:9])
    connection.reset()


def end_in_mid_frame(scene: Scene) -> None:
    """A FIN with half a frame sent."""
    connection = scene.joined()
    connection.push(text("never whole")[:9])
    connection.socket.close()


def half_closed(scene: Scene) -> None:
    """A FIN of a client that still reads: it has left."""
    connection = scene.joined()
    connection.finish_sending()
    connection.read_end()


def reset_after_upgrade(scene: Scene) -> None:
    """An RST at once."""
    scene.upgraded().reset()


def reset_with_unread_messages(scene: Scene) -> None:
    """An RST while the server writes."""
    connection = scene.joined()
    connection.push(text("last words") * 5, reading=False)
    connection.reset()


def end_after_upgrade(scene: Scene) -> None:
    """A FIN at once."""
    scene.upgraded().socket.close()


def slow_frame(scene: Scene) -> None:
    """A frame that comes a byte at a time, with a ping in a message of three fragments."""
    connection = scene.joined()
    pieces = frame(TEXT, b"in ", fin=False) + frame(PING, b"hi")
    pieces += frame(CONTINUATION, b"", fin=False) + frame(CONTINUATION, b"pieces")
    for byte in pieces:
        connection.push(bytes([byte]))
    assert next_for(scene, connection)["message"] == "in pieces"
    assert_goes_on(scene, connection)


BEHAVIOURS = [
    BadInput("10 MB in fragments of 1 byte", crumbs_of_10_mb, joins=True),
    BadInput("10 MB in echoed fragments of 1 byte", crumbs_of_10_mb_echoed),
    BadInput("200,000 empty fragments", empty_fragments, joins=True),
    BadInput("50,000 empty fragments echoed", empty_fragments_echoed),
    BadInput("pings never read", flood_of_pings_never_read, joins=True),
    BadInput("echoed pings never read", flood_of_echoed_pings_never_read),
    BadInput("echoes never read", flood_of_echoes_never_read),
    BadInput(
        "messages never read", flood_of_refused_messages_never_read, joins=True, may_appear="flood"
    ),
    BadInput("a flood of typing", flood_of_typing, joins=True),
    BadInput("a flood of pongs", flood_of_pongs, joins=True),
    BadInput("a name and a close in one packet", here_and_gone, joins=True),
    BadInput("a name and then an RST", here_and_reset, joins=True, may_appear="last words"),
    BadInput("RST in mid-frame", reset_in_mid_frame, joins=True),
    BadInput("FIN in mid-frame", end_in_mid_frame, joins=True),
    BadInput("FIN of a client that reads on", half_closed, joins=True),
    BadInput("RST after the upgrade", reset_after_upgrade),
    BadInput(
        "RST while the server writes",
        reset_with_unread_messages,
        joins=True,
        may_appear="last words",
    ),
    BadInput("FIN after the upgrade", end_after_upgrade),
    BadInput("a frame in small pieces", slow_frame, joins=True, texts=("in pieces", "still here")),
]

FRAMES = MALFORMED + CLOSES + CLOSES_BEHIND + BEHAVIOURS
