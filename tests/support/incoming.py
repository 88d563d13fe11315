"""What a server has sent, as responses and frames; shared by the clients that read raw sockets."""

from collections.abc import Iterator

from tests.support.frames import Frame, take_frame
from tests.support.requests import Response, take_response


class Incoming:
    """The bytes of one connection, from its first to its last.

    It belongs to the connection and not to a call: one read may bring the end of a response and the
    beginning of a frame, and what one call leaves is where the next one begins.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()

    def __bytes__(self) -> bytes:
        return bytes(self._bytes)

    def feed(self, data: bytes) -> None:
        """Add what was read."""
        self._bytes += data

    def response(self, *, body: bool = True) -> Response | None:
        """Take a whole HTTP response; see `take_response`."""
        return take_response(self._bytes, body=body)

    def frame(self) -> Frame | None:
        """Take a whole frame; see `take_frame`."""
        return take_frame(self._bytes)

    def frames(self) -> Iterator[Frame]:
        """Take the whole frames, one by one: what is not asked for stays."""
        while (taken := self.frame()) is not None:
            yield taken
