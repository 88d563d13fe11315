"""Frames of a WebSocket client, valid or not (RFC 6455 section 5.2)."""

import struct
import zlib
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

RSV1 = 0b100
"""The reserved bit of a deflated message (RFC 7692 section 6)."""

MASK = b"\x37\xfa\x21\x3d"
"""RFC 6455's own example of a masking key."""


@dataclass(frozen=True)
class Frame:
    """A frame from the server."""

    fin: bool
    rsv: int
    opcode: int
    payload: bytes

    @property
    def close_code(self) -> int | None:
        """The code of a close frame, if it has one."""
        return int.from_bytes(self.payload[:2]) if self.payload else None


def masked(payload: bytes, key: bytes = MASK) -> bytes:
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload) ^ int.from_bytes(repeated)
    return mixed.to_bytes(len(payload))


def frame(  # noqa: PLR0913 - each part of a frame may be wrong by itself
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = MASK,
    claimed: int | None = None,
    length_bytes: int | None = None,
) -> bytes:
    """Return one frame.

    Args:
        opcode: 0 to 15.
        payload: The unmasked payload.
        fin: Whether it is the last of its message.
        rsv: The three reserved bits, 0 to 7.
        mask: The masking key; None for a frame of a server.
        claimed: A length instead of the payload's.
        length_bytes: 0, 2 or 8 bytes of extended length; by default the fewest.
    """
    size = len(payload) if claimed is None else claimed
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 1 << 16 else 8
    short = {0: size, 2: 126, 8: 127}[length_bytes]
    head = bytes([fin << 7 | rsv << 4 | opcode, (mask is not None) << 7 | short])
    head += size.to_bytes(length_bytes) if length_bytes else b""
    return head + (payload if mask is None else mask + masked(payload, mask))


def text(payload: str | bytes) -> bytes:
    """Return a whole text message; bytes may be invalid UTF-8."""
    return frame(TEXT, payload.encode() if isinstance(payload, str) else payload)


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    """Return a close frame; without a code it has no payload."""
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


def inflated(payload: bytes) -> bytes:
    """Inflate the payload of a server's message (RFC 7692 section 7.2.2)."""
    return zlib.decompressobj(wbits=-15).decompress(payload + b"\x00\x00\xff\xff")


def take_frame(buffer: bytearray) -> Frame | None:
    """Remove and return the first frame in the buffer, which must be unmasked, once it is whole."""
    if len(buffer) < 2:
        return None
    assert not buffer[1] & 0x80, f"the server sent a masked frame: {bytes(buffer[:16])!r}"
    size, start = buffer[1] & 0x7F, 2
    if size > 125:
        start = 4 if size == 126 else 10
        size = int.from_bytes(buffer[2:start])
    if len(buffer) < start + size:
        return None
    taken = Frame(
        fin=bool(buffer[0] & 0x80),
        rsv=buffer[0] >> 4 & 7,
        opcode=buffer[0] & 0xF,
        payload=bytes(buffer[start : start + size]),
    )
    del buffer[: start + size]
    return taken
