"""permessage-deflate (RFC 7692) without context takeover; `trio_chat.http` negotiates it.

Each message is compressed on its own. So a message compressed for one client suits every other, and
a connection holds no window between two messages.
"""

import zlib
from typing import TYPE_CHECKING, Final

from attrs import define, field

from trio_chat.errors import Disconnect
from trio_chat.protocol.close_codes import CloseCode

if TYPE_CHECKING:
    from zlib import _Decompress as _Stream

MIN_DEFLATED_BYTES: Final = 256
"""Smaller payloads are sent uncompressed: they fit into one packet anyway."""

# The hub waits for this, so time counts more than size. JSON of 1 KiB and 4 KiB takes 23 and 57 µs
# on level 1, and 28 and 108 µs on zlib's default, level 6, to be 1 and 3 % smaller. On the default
# memory level, 8, zlib allocates 256 KiB for each message, which takes 34 and 110 µs.
_LEVEL: Final = 1
_MEM_LEVEL: Final = 6

_RAW_LARGEST_WINDOW: Final = -15  # 32 KiB, without header and checksum

_TAIL: Final = b"\x00\x00\xff\xff"
"""Ends every flush, so it is not sent (RFC 7692 section 7.2.1)."""

_FINAL_BLOCK: Final = b"\x01" + _TAIL
"""An empty last block. If zlib accepts it, the data before it was complete."""

# A message may end its deflate stream and begin another (RFC 7692 section 7.2.3.4). Clients do that
# once in a message or a fragment. A message of ends only would take a thousand times as long.
_MAX_STREAMS: Final = 64


def deflate(payload: bytes) -> bytes:
    """Return the compressed payload of one message (RFC 7692 section 7.2.1)."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW_LARGEST_WINDOW, _MEM_LEVEL)
    deflated = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return deflated.removesuffix(_TAIL)


@define
class Inflater:
    """Inflates one message of at most ``max_bytes`` inflated."""

    _left: int = field(alias="max_bytes")
    _stream: "_Stream | None" = field(default=None, init=False)
    _streams: int = field(default=0, init=False)

    def inflate(self, payload: bytes, *, last: bool) -> bytes:
        """Return the next fragment of the message, inflated. No call may follow the last one.

        Raises:
            Disconnect: 1009: the message exceeds the limit; the rest was not inflated. 1007: the
                data is not deflated, or ends before its last block.
        """
        ending = _TAIL + _FINAL_BLOCK if last else b""
        rest = payload + ending
        inflated = b""
        while rest:
            if self._stream is None:
                if rest == ending:  # the stream has ended itself
                    return inflated
                self._stream = self._next_stream()
            inflated += self._inflate(self._stream, rest)
            if not self._stream.eof:
                if last:
                    raise _not_deflated("the compressed message is truncated")
                return inflated
            rest = self._stream.unused_data
            self._stream = None
        return inflated

    def _next_stream(self) -> "_Stream":
        self._streams += 1
        if self._streams > _MAX_STREAMS:
            raise _not_deflated("the compressed message has too many streams")
        return zlib.decompressobj(_RAW_LARGEST_WINDOW)

    def _inflate(self, stream: "_Stream", data: bytes) -> bytes:
        try:
            # One byte more reveals an excess; 0 would mean "no limit".
            inflated = stream.decompress(data, self._left + 1)
        except zlib.error as error:
            raise _not_deflated("invalid deflate data") from error
        self._left -= len(inflated)
        if self._left < 0:
            raise Disconnect(CloseCode.TOO_BIG)
        return inflated


def _not_deflated(reason: str) -> Disconnect:
    # Not a protocol error: the frames are valid, only their payload is not.
    return Disconnect(CloseCode.INVALID_PAYLOAD, reason)
