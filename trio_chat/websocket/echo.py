"""The echo: sends each message back. The smallest `Conversation`."""

from contextlib import suppress

import trio

from trio_chat.protocol.encodings import BINARY, TEXT, message_frame
from trio_chat.protocol.messages import Reconnect, TokenEnds
from trio_chat.websocket.connection import Connection


class Echo:
    """Satisfies `trio_chat.websocket.connection.Conversation`.

    The echo has no queue: the connection reads again after it has written the last message. So a
    client that does not read delays only itself.

    Args:
        connection: The client's connection.
    """

    has_begun = True

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._encoding = connection.encoding
        self._outbox = connection.outbox

    def take(self, text: str, now: float) -> None:  # noqa: ARG002
        """Send a text back."""
        self._send(TEXT, text.encode())

    def take_binary(self, data: bytes) -> None:
        """Send a binary message back."""
        self._send(BINARY, data)

    def _send(self, opcode: int, payload: bytes) -> None:
        with suppress(trio.BrokenResourceError):  # the writer ends the connection
            self._outbox.send_nowait(message_frame(self._encoding, opcode, payload))
        if self._outbox.waiting_frames:
            self._connection.wait_for(self._outbox.flush)

    def heartbeat(self) -> None:
        """Return no heartbeat: the client receives only what it sent."""
        return

    def announce(self, news: TokenEnds | Reconnect) -> None:
        """Return no message, for the same reason."""

    async def leave(self, code: int) -> None:
        """Do nothing."""
