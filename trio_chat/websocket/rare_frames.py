"""The seam to trio-websocket, which handles the control frames and unusual frames of a client.

It uses only trio-websocket's reader and wsproto's code for frames, without handshake and HTTP. In
place of a socket it has a stream: `trio_chat.websocket.connection` passes the frames, and all that
trio-websocket writes goes through the outbox.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection
from wsproto.connection import Connection, ConnectionType

from trio_chat.errors import Disconnect
from trio_chat.protocol.close_codes import MEANING
from trio_chat.protocol.encodings import CLOSE, FIN
from trio_chat.websocket.outbox import Outbox

if TYPE_CHECKING:
    from wsproto import WSConnection


class RareFrames(trio.abc.Stream):
    """One trio-websocket, and the stream under it.

    Args:
        outbox: The send queue.
        max_message_bytes: The limit. trio-websocket counts characters and closes late, so the
            `FrameScanner` enforces it before.
        on_handled: Called when trio-websocket has handled what `give` passed.

    Attributes:
        has_sent_close: Whether trio-websocket has written a close frame.
    """

    def __init__(
        self, outbox: Outbox, max_message_bytes: int, on_handled: Callable[[], None]
    ) -> None:
        self.has_sent_close = False
        self._outbox = outbox
        self._data: bytes | None = None
        self._on_handled = on_handled
        self._is_busy = False
        self._wake = trio.Event()
        self._is_closed = False
        # Its queue holds no message: reading continues after each message is handled.
        self._websocket = WebSocketConnection(
            self,
            cast("WSConnection", Connection(ConnectionType.SERVER)),
            message_queue_size=0,
            max_message_size=max_message_bytes,
        )

    # --- for the connection ----------------------------------------------------------------------

    @property
    def code(self) -> int | None:
        """The close code that trio-websocket has seen, if any."""
        closed = self._websocket.closed
        return None if closed is None else int(closed.code)

    def give(self, data: bytes) -> None:
        """Pass bytes to trio-websocket, which has read all earlier ones; none for the end."""
        self._data = data
        self._wake.set()

    async def run(self) -> None:
        """Let trio-websocket read, until the connection closes."""
        await self._websocket._reader_task()  # noqa: SLF001 - as its `wrap_server_stream` does

    async def receive_message(self) -> str | bytes | None:
        """Return the next message that trio-websocket has assembled; None at the end."""
        with suppress(ConnectionClosed, trio.BrokenResourceError):
            return await self._websocket.get_message()
        return None

    async def close(self, ending: Disconnect, timeout_seconds: float) -> None:
        """Send a close frame after the queue, and wait a limited time for the client's."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._limit, timeout_seconds, nursery.cancel_scope)
            await self._websocket.aclose(ending.code, ending.reason or MEANING[ending.code])
            nursery.cancel_scope.cancel()

    async def _limit(self, seconds: float, scope: trio.CancelScope) -> None:
        with suppress(trio.BrokenResourceError):
            await self._outbox.flush()
            await trio.sleep(seconds)
        scope.cancel()

    def retire(self) -> None:
        """Break the reference cycle with trio-websocket; nothing may be called after this."""
        del self._websocket

    # --- for trio-websocket ----------------------------------------------------------------------

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Queue the bytes in the outbox."""
        frame = bytes(data)
        if frame[0] == FIN | CLOSE:
            self.has_sent_close = True
            self._outbox.seal()  # nothing may follow it (RFC 6455 section 5.5.1)
        await self._outbox.send(frame)

    async def wait_send_all_might_not_block(self) -> None:
        """Return at once: `send_all` waits."""
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002
        """Return the next bytes for trio-websocket; none at the end of the stream."""
        await trio.lowlevel.checkpoint()
        if self._is_closed:
            raise trio.ClosedResourceError
        if self._is_busy:
            self._is_busy = False
            self._on_handled()
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
