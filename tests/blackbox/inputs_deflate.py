"""Bad offers of compression, and bad use of it where it has been agreed (RFC 7692)."""

from tests.support.frames import BINARY, CONTINUATION, PING, RSV1, TEXT, frame, text
from tests.support.raw import RawConnection
from tests.support.requests import head

from .deflated import OFFER, deflated, in_fragments, message, zeros
from .scene import BadInput, Scene, answered, assert_closes, assert_goes_on, next_for

MIB = 1 << 20


def _offering(*values: bytes) -> tuple[bytes, ...]:
    return tuple(b"Sec-WebSocket-Extensions: " + value for value in values)


def malformed(*values: bytes) -> BadInput:
    """An offer that breaks the grammar."""
    name = f"an offer of {b' and '.join(values).decode('latin-1')!r}"
    return answered(name, head(b"/ws", plus=_offering(*values)), 400)


def declined(*values: bytes) -> BadInput:
    """Offers that cannot be met: all goes on without compression."""

    def run(scene: Scene) -> None:
        connection = scene.upgraded("/ws", *_offering(*values))
        assert not connection.is_deflated
        connection.join(scene.name)
        assert_goes_on(scene, connection)

    name = f"an offer of {b' and '.join(values).decode()!r}"
    return BadInput(name, run, joins=True, texts=("still here",))


def _joined(scene: Scene) -> RawConnection:
    connection = scene.upgraded("/ws", OFFER)
    assert connection.is_deflated
    connection.join(scene.name)
    return connection


def misuse(name: str, data: bytes, code: int) -> BadInput:
    """Bytes that end a connection on which compression has been agreed."""

    def run(scene: Scene) -> None:
        connection = _joined(scene)
        connection.push(data)
        assert_closes(connection, code)

    return BadInput(name, run, joins=True)


def odd_but_right(scene: Scene) -> None:
    """Messages as they come from other compressors than ours are understood."""
    connection = _joined(scene)
    for data in (
        message(bytes.fromhex("f3 48 cd c9 c9 07 00 00")),
        in_fragments(deflated(b"Hello", 0), 1),
        message(deflated(b"Hel")[:-1] + b"\x00\x00\x00\xff\xff" + deflated(b"lo")),
        text("Hello"),
    ):
        connection.push(data)
        event = next_for(scene, connection)
        assert (event["type"], event["message"]) == ("message", "Hello"), event


OFFERS = [
    malformed(b""),
    malformed(b";"),
    malformed(b"permessage-deflate;"),
    malformed(b"permessage-deflate; client_max_window_bits="),
    malformed(b'permessage-deflate; client_max_window_bits="'),
    malformed(b'permessage-deflate; client_max_window_bits="1 5"'),
    malformed(b"permessage-deflate client_max_window_bits"),
    malformed(b"permessage-deflate", b"=,"),
    malformed(b"permessage-deflate; \xe9"),
    declined(b"permessage-deflate; client_max_window_bits=abc"),
    declined(b"permessage-deflate; client_max_window_bits=16"),
    declined(b"permessage-deflate; client_max_window_bits=7"),
    declined(b"permessage-deflate; client_max_window_bits=99999999999999999999"),
    declined(b"permessage-deflate; server_max_window_bits"),
    declined(b"permessage-deflate; server_max_window_bits=9"),
    declined(b"permessage-deflate; client_max_window_bits; client_max_window_bits"),
    declined(b"permessage-deflate; server_no_context_takeover=1"),
    declined(b"permessage-deflate; x-unknown"),
    declined(b"x-unknown; permessage-deflate", b"permessage-bzip2"),
    declined(b", ".join([b"permessage-deflate; server_max_window_bits=8"] * 200)),
]

NOT_DEFLATED = b"\xff" * 20
LONG = deflated(b"a long line, " * 100)

USES = [
    misuse("a deflated ping", frame(PING, b"p", rsv=RSV1), 1002),
    misuse("a deflated continuation of nothing", frame(CONTINUATION, b"x", rsv=RSV1), 1002),
    misuse(
        "a later fragment marked as deflated",
        frame(TEXT, LONG[:20], fin=False, rsv=RSV1) + frame(CONTINUATION, LONG[20:], rsv=RSV1),
        1002,
    ),
    misuse("two reserved bits", frame(TEXT, LONG, rsv=0b110), 1002),
    misuse("what is not deflated", message(NOT_DEFLATED), 1007),
    misuse("what is not deflated, in fragments", in_fragments(NOT_DEFLATED, 3), 1007),
    misuse("what is cut off", message(LONG[:-9]), 1007),
    misuse("what is deflated and no UTF-8", message(deflated(b"\xff" * 300)), 1007),
    misuse("a final block 30,000 times", message(b"\x03\x00" * 30_000), 1007),
    misuse("a deflated binary message", message(deflated(b"x" * 300), BINARY), 1003),
    misuse("64 MiB of zeros in 64 KiB", message(zeros(63 * MIB)), 1009),
    misuse("64 MiB of zeros in fragments", in_fragments(zeros(63 * MIB), 1000), 1009),
    misuse("1 GiB of zeros in 1 MiB", message(zeros(1 << 30)), 1009),
    misuse("1 GiB of zeros in fragments", in_fragments(zeros(1 << 30), 5000), 1009),
    BadInput(
        "messages of other compressors",
        odd_but_right,
        joins=True,
        texts=("Hello", "Hello", "Hello", "Hello"),
    ),
]

DEFLATE = OFFERS + USES
