"""Compression of messages by permessage-deflate (RFC 7692), without context takeover.

Each message stands alone: what is deflated for one client is good for every other, and between two
messages a connection holds no window, on either side.
"""

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from trio_chat.errors import Disconnect
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.extensions import Offer

if TYPE_CHECKING:
    from zlib import _Decompress as _Stream

MIN_DEFLATED_BYTES: Final = 256
"""A payload below this is sent as it is: the little saved is not worth a client's time, nor ours.

It is one packet anyway, and of a chat message of that size a quarter could be saved.
"""

# Measured with chat messages in JSON, of 1 KiB and 4 KiB. Level 1: 23 µs to 54 %, 57 µs to 44 %;
# level 6, zlib's default: 28 µs to 53 %, 108 µs to 41 %. It is the hub that waits for it, so half
# the time counts more than the last few percent.
_LEVEL: Final = 1
# With zlib's default of 8 it allocates 256 KiB for each message, which the kernel may have to map
# and clear anew: 34 and 110 µs. With 6 the sizes are the same to a tenth of a percent.
_MEM_LEVEL: Final = 6

_RAW_LARGEST_WINDOW: Final = -15
"""zlib's way to say: 32 KiB of window, and no header or checksum around."""

_TAIL: Final = b"\x00\x00\xff\xff"
"""Ends every flush, so it is not sent (RFC 7692 section 7.2.1)."""


_FINAL_BLOCK: Final = b"\x01" + _TAIL
"""A last block, empty: if it is understood as that, what was before it was whole."""

_MAX_STREAMS: Final = 64
"""How often a message may end its deflate stream and begin another (RFC 7692 section 7.2.3.4).

Who does that does it once a message, or once a fragment. A message of nothing else would cost a
thousand times what it is worth.
"""

_NAME: Final = "permessage-deflate"
_ANSWER: Final = f"{_NAME}; server_no_context_takeover; client_no_context_takeover"

_UNDERSTOOD: Final[dict[str, frozenset[str | None]]] = {
    "server_no_context_takeover": frozenset({None}),
    "client_no_context_takeover": frozenset({None}),
    # 8 to 14 are valid, and declined: one and the same broadcast goes to all.
    "server_max_window_bits": frozenset({"15"}),
    "client_max_window_bits": frozenset({None, *map(str, range(8, 16))}),
}
"""Each parameter that an offer may have (RFC 7692 section 7.1), and the values it may have here."""


def answer_to(offers: Iterable[Offer]) -> str | None:
    """Accept the first offer of permessage-deflate that can be met.

    The client's own window may have any size: ours for inflating is the largest.

    Returns:
        The field to answer with; None if every offer is declined.
    """
    for offer in offers:
        parameters = dict(offer.parameters)
        if (
            offer.name == _NAME
            and len(parameters) == len(offer.parameters)
            and all(value in _UNDERSTOOD.get(name, ()) for name, value in parameters.items())
        ):
            if "server_max_window_bits" in parameters:  # to be confirmed (RFC 7692 7.1.2.1)
                return f"{_ANSWER}; server_max_window_bits=15"
            return _ANSWER
    return None


def deflate(payload: bytes) -> bytes:
    """Compress the payload of one message, as RFC 7692 section 7.2.1 says."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW_LARGEST_WINDOW, _MEM_LEVEL)
    deflated = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return deflated.removesuffix(_TAIL)


class Inflater:
    """Inflates one message, and never more of it than it may have.

    Args:
        max_bytes: The most that may come out.
    """

    __slots__ = ("_left", "_stream", "_streams")

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes
        self._stream: _Stream | None = None
        self._streams = 0

    def inflate(self, payload: bytes, *, last: bool) -> bytes:
        """Inflate the next fragment of the message.

        Args:
            payload: The fragment, unmasked.
            last: Whether the message ends with it; nothing may come after.

        Raises:
            Disconnect: 1009, there is more in it than may come out; it has not been inflated.
                1007, it is not deflated, or ends before its last block does.
        """
        ending = _TAIL + _FINAL_BLOCK if last else b""
        rest = payload + ending
        inflated = b""
        while rest:
            if self._stream is None:
                if rest == ending:  # it said itself that it was at its end
                    return inflated
                self._stream = self._next_stream()
            inflated += self._inflate(self._stream, rest)
            if not self._stream.eof:
                if last:
                    raise _not_deflated("the compressed message is cut off")
                return inflated
            rest = self._stream.unused_data
            self._stream = None
        return inflated

    def _next_stream(self) -> "_Stream":
        self._streams += 1
        if self._streams > _MAX_STREAMS:
            raise _not_deflated("the compressed message ends too often")
        return zlib.decompressobj(_RAW_LARGEST_WINDOW)

    def _inflate(self, stream: "_Stream", data: bytes) -> bytes:
        try:
            # One byte over is enough to know; and 0 would mean "no limit".
            inflated = stream.decompress(data, self._left + 1)
        except zlib.error as error:
            raise _not_deflated("this is not deflated") from error
        self._left -= len(inflated)
        if self._left < 0:
            raise Disconnect(CloseCode.TOO_BIG)
        return inflated


def _not_deflated(reason: str) -> Disconnect:
    # The frames are sound, so it is no protocol error: what they carry is not of the kind they say.
    return Disconnect(CloseCode.INVALID_PAYLOAD, reason)
