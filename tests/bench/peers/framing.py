"""As much of RFC 6455 section 5 as the floor needs: masked text frames in, unmasked ones out."""

import struct
from collections.abc import Iterator

SHORT = 126
"""Lengths below it stand in the second byte of a frame; this value says that two more bytes hold
the length."""

HEAD_BYTES = 6
"""Of a short masked frame: two bytes, and four of the key."""

TEXT = 0x81
"""A final text frame."""


def text_frame(payload: bytes) -> bytes:
    """One unmasked, final text frame of less than 64 KiB."""
    size = len(payload)
    if size < SHORT:
        return bytes((TEXT, size)) + payload
    return struct.pack("!BBH", TEXT, SHORT, size) + payload


class Reader:
    """Takes the bytes of one client apart."""

    def __init__(self) -> None:
        self._rest = b""

    def payloads(self, data: bytes) -> Iterator[bytes]:
        """The text of each whole frame; the rest waits for more bytes.

        Raises:
            ValueError: A frame that the load generator does not send: no final text frame of less
                than 126 bytes.
        """
        data = self._rest + data
        start = 0
        while len(data) - start >= HEAD_BYTES:
            size = data[start + 1] & 0x7F
            if data[start] != TEXT or size >= SHORT:
                raise ValueError(data[start : start + HEAD_BYTES])
            end = start + HEAD_BYTES + size
            if end > len(data):
                break
            key = data[start + 2 : start + HEAD_BYTES] * (size // 4 + 1)
            hidden = data[start + HEAD_BYTES : end]
            plain = int.from_bytes(hidden, "big") ^ int.from_bytes(key[:size], "big")
            yield plain.to_bytes(size, "big")
            start = end
        self._rest = data[start:]
