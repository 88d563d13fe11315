"""What trio-websocket reads from and writes to in place of a socket.

It shows trio-websocket what is its business: control frames and whatever is unusual.
`trio_chat.websocket.connection` answers the upgrade, reads the socket, keeps what it can deal with
itself, and gives the rest to this stream. What trio-websocket writes goes through the outbox.

Closing is the connection's business: trio-websocket's ``aclose`` of this stream leaves the socket
open, and only ends what trio-websocket reads.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import trio
from trio_websocket import WebSocketConnection
from wsproto.connection import Connection, ConnectionType

from trio_chat.protocol.encodings import CLOSE, FIN
from trio_chat.websocket.outbox import Outbox

if TYPE_CHECKING:
    from wsproto import WSConnection


class MessageStream(trio.abc.Stream):
    """The stream under one trio-websocket connection.

    Args:
        outbox: The way out.
        on_taken: Called when trio-websocket has dealt with what it was given.
    """

    def __init__(self, outbox: Outbox, on_taken: Callable[[], None]) -> None:
        self._outbox = outbox
        self._data: bytes | None = None
        self._on_taken = on_taken
        self._is_busy = False
        self._wake: trio.Event | None = None
        self._is_closed = False
        self.close_frame_sent = False
        """Whether trio-websocket has written a close frame."""

    def give(self, data: bytes) -> None:
        """Let trio-websocket read this next; nothing is the end. It has taken all before."""
        self._data = data
        if self._wake is not None:
            self._wake.set()

    def open(self, max_frame_bytes: int) -> WebSocketConnection:
        """Return a trio-websocket that reads this stream, as if it had answered the upgrade.

        Of wsproto it has only the part for frames, without the handshake and its HTTP.

        Args:
            max_frame_bytes: It counts characters and closes late: who gives it data counts before.
        """
        frames = cast("WSConnection", Connection(ConnectionType.SERVER))
        # No message waits in its queue: the connection goes on when the message has been taken.
        return WebSocketConnection(
            self, frames, message_queue_size=0, max_message_size=max_frame_bytes
        )

    # --- for trio-websocket ----------------------------------------------------------------------

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Put what trio-websocket writes into the outbox."""
        frame = bytes(data)
        if frame[0] == FIN | CLOSE:
            self.close_frame_sent = True
            self._outbox.seal()  # nothing may follow it (RFC 6455 section 5.5.1)
        await self._outbox.send(frame)

    async def wait_send_all_might_not_block(self) -> None:
        """Return at once: the outbox does the waiting."""
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002
        """Wait until there is something for trio-websocket; empty at the end of the stream.

        Raises:
            trio.ClosedResourceError: trio-websocket is done with it.
        """
        await trio.lowlevel.checkpoint()
        if self._is_closed:
            raise trio.ClosedResourceError
        if self._is_busy:
            self._is_busy = False
            self._on_taken()
        while self._data is None:
            self._wake = trio.Event()
            await self._wake.wait()
        data, self._data = self._data, None
        self._is_busy = True
        return data

    async def aclose(self) -> None:
        """Let trio-websocket read no further; the connection sees that, and ends in its way."""
        # It asks once more after it has closed.
        self._is_closed = True
        await trio.lowlevel.checkpoint()
