"""The echo: every message comes back as it came. The smallest conversation there is."""

from contextlib import suppress

import trio

from trio_chat.protocol.encodings import BINARY, TEXT, message_frame
from trio_chat.protocol.messages import Reconnect, TokenEnds
from trio_chat.websocket.connection import Connection


class EchoConversation:
    """Satisfies `trio_chat.websocket.conversation.Conversation`.

    It has no queue: the connection reads on when the last message has been written, so a client
    that does not read slows down nobody but itself.

    Args:
        connection: Where it takes place.
    """

    has_begun = True

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._encoding = connection.encoding
        self._outbox = connection.outbox

    def take(self, text: str, now: float) -> None:  # noqa: ARG002
        """Send it back."""
        self._send(TEXT, text.encode())

    def take_binary(self, data: bytes) -> None:
        """Send it back."""
        self._send(BINARY, data)

    def _send(self, opcode: int, payload: bytes) -> None:
        with suppress(trio.BrokenResourceError):  # the writer ends the connection
            self._outbox.send_nowait(message_frame(self._encoding, opcode, payload))
        if self._outbox.waiting_frames:
            self._connection.wait_for(self._outbox.flush)

    def heartbeat(self) -> None:
        """No heartbeat: nothing comes but what was sent."""
        return

    def announce(self, news: TokenEnds | Reconnect) -> None:
        """Nothing comes but what was sent."""

    async def leave(self, code: int) -> None:
        """Nobody needs to know."""
