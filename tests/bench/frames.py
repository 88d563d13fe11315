"""What a benchmark client sends: bytes made beforehand, so that sending costs next to nothing.

The text of each message holds two marks of the same length and a stamp, which is all the generator
looks for:

    @all|0001764000000000@s03|......
    ^ MARK ^ microseconds ^ the sender's own mark

None of these bytes is ever escaped in JSON, and no server writes ``@`` by itself. Where it is the
acknowledgements that count, marks and stamp are in the ``ref`` instead, which comes back in nothing
else.
"""

import re
import struct
import time

MARK = b"@all|"
"""In every message, once. Five bytes: `bytes.count` is twice as fast on them as on two, and no
faster on more."""

STAMP_DIGITS = 16
"""Microseconds of the monotonic clock, zero-padded."""

STAMPS = re.compile(rb"@all\|(\d{16})")

STAMPED_BYTES = len(MARK) + STAMP_DIGITS
"""How long a match of `STAMPS` is."""

TEXT_BYTES = 64
"""The length of a chat message here; most lines people write are shorter than that."""

MASK = b"\x37\xfa\x21\x3d"
"""The key of the example in RFC 6455 section 5.7. Servers unmask whatever the key is, so one is
enough."""

MAX_SENDERS = 100
"""With a mark of their own, where many send to one room."""

SHORT_BYTES = 125
"""The longest payload whose length stands in the second byte of its frame."""


def own_room(number: int) -> str:
    """The room of a client that has one for itself."""
    return f"room{number:05}"


def own_mark(sender: int) -> bytes:
    """The mark that tells a sender its own copies; as long as `MARK`, so that one tail serves both.

    Args:
        sender: Number of the sender, 0 to 99.
    """
    return b"@s%02d|" % sender


def upgrade_request(host: str, port: int, path: str) -> bytes:
    """The opening handshake of RFC 6455 section 4.1, without an origin."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode("ascii")


def masked(payload: bytes, offset: int = 0) -> bytes:
    """Bytes of a payload, masked as from the given offset in it (RFC 6455 section 5.3)."""
    return bytes(byte ^ MASK[(offset + index) % 4] for index, byte in enumerate(payload))


def text_frame(payload: bytes) -> bytes:
    """One final, masked text frame.

    Args:
        payload: Less than 64 KiB of UTF-8.
    """
    size = len(payload)
    if size <= SHORT_BYTES:
        head = bytes((0x81, 0x80 | size))
    else:
        head = struct.pack("!BBH", 0x81, 0x80 | 126, size)
    return head + MASK + masked(payload)


class MessageFrames:
    """The frames of one sender: all alike but for the stamp.

    Args:
        sender: Number of the sender, 0 to 99.
        room: The room it sends to, to be acknowledged; None sends plainly, to the default room.
    """

    def __init__(self, sender: int, room: str | None = None) -> None:
        after = own_mark(sender)
        if room is None:
            before = b'{"type":"message","message":"' + MARK
            after += b"." * (TEXT_BYTES - STAMPED_BYTES - len(after)) + b'"}'
        else:
            before = b'{"type":"message","room":"%b","ref":"' % room.encode() + MARK
            after += b'","message":"' + b"." * TEXT_BYTES + b'"}'
        whole = text_frame(before + b"0" * STAMP_DIGITS + after)
        start = len(whole) - len(after) - STAMP_DIGITS
        self._head = whole[:start]
        self._tail = whole[start + STAMP_DIGITS :]
        self._key = int.from_bytes(masked(b"\0" * STAMP_DIGITS, len(before)), "big")

    def stamped(self) -> bytes:
        """A frame stamped with the time of this moment."""
        stamp = b"%016d" % (time.monotonic_ns() // 1000)
        hidden = int.from_bytes(stamp, "big") ^ self._key
        return self._head + hidden.to_bytes(STAMP_DIGITS, "big") + self._tail
