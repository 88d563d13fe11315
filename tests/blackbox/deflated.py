"""What a client may send where permessage-deflate has been agreed, well deflated or not."""

import zlib

from tests.support.frames import RSV1, TEXT, frame

OFFER = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
"""As browsers offer it."""

TAIL = b"\x00\x00\xff\xff"


def deflated(payload: bytes, level: int = 6) -> bytes:
    """Deflate the payload of one message."""
    compressor = zlib.compressobj(level, wbits=-15)
    data = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return data.removesuffix(TAIL)


def message(payload: bytes, opcode: int = TEXT) -> bytes:
    """Make a frame of what has been deflated."""
    return frame(opcode, payload, rsv=RSV1)


def zeros(size: int) -> bytes:
    """Deflate so many zeros, a whole number of MiB, a thousandfold."""
    compressor = zlib.compressobj(9, wbits=-15)
    # After a full flush nothing refers to what was before, so one block does for all.
    mebibyte = compressor.compress(bytes(1 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return (mebibyte * (size >> 20)).removesuffix(TAIL)
