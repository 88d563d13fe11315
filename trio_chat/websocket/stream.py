"""The stream that trio-websocket uses instead of a socket.

trio-websocket handles control frames and unusual frames; `trio_chat.websocket.reader` handles the
rest. What trio-websocket writes goes through the outbox. Its ``aclose`` ends only what it reads:
the connection closes the socket.
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
        outbox: The send queue.
        on_taken: Called when trio-websocket has handled what `give` passed.
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
        """Pass bytes to trio-websocket, which has read all earlier ones; none for the end."""
        self._data = data
        if self._wake is not None:
            self._wake.set()

    def open(self, max_frame_bytes: int) -> WebSocketConnection:
        """Return a trio-websocket on this stream, in the state after the handshake.

        It uses only wsproto's code for frames, without handshake and HTTP.

        Args:
            max_frame_bytes: The limit. trio-websocket counts characters and closes late, so the
                `FrameScanner` enforces it before.
        """
        frames = cast("WSConnection", Connection(ConnectionType.SERVER))
        # Its queue holds no message: reading continues after each message is handled.
        return WebSocketConnection(
            self, frames, message_queue_size=0, max_message_size=max_frame_bytes
        )

    # --- for trio-websocket ----------------------------------------------------------------------

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Queue the bytes in the outbox."""
        frame = bytes(data)
        if frame[0] == FIN | CLOSE:
            self.close_frame_sent = True
            self._outbox.seal()  # nothing may follow it (RFC 6455 section 5.5.1)
        await self._outbox.send(frame)

    async def wait_send_all_might_not_block(self) -> None:
        """Return at once: `send_all` waits."""
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002
        """Return the next bytes for trio-websocket; none at the end of the stream.

        Raises:
            trio.ClosedResourceError: trio-websocket has closed the stream.
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
        """End the reading of trio-websocket; the connection notices, and closes."""
        # trio-websocket reads once more after this.
        self._is_closed = True
        await trio.lowlevel.checkpoint()
