"""The echo: every message comes back as it came. The smallest conversation there is."""

from trio_chat.protocol.frames import BINARY, TEXT
from trio_chat.protocol.messages import Reconnect, TokenEnds
from trio_chat.protocol.outgoing import message_frame
from trio_chat.websocket.connection import Connection


class EchoConversation:
    """Satisfies `trio_chat.websocket.conversation.Conversation`.

    It has no queue: it reads on when the last message has been written, so a client that does not
    read slows down nobody but itself.

    Args:
        connection: Where it takes place.
    """

    has_begun = True

    def __init__(self, connection: Connection) -> None:
        self._form = connection.form
        self._outbox = connection.outbox

    @property
    def takes_at_once(self) -> bool:
        """Whether the last message has been written."""
        return not self._outbox.waiting_frames

    def at_once(self, text: str, now: float) -> None:  # noqa: ARG002
        """Send it back: at once if the socket takes it, and otherwise when it does."""
        frame = message_frame(self._form, TEXT, text.encode())
        self._outbox.offer([frame], frame)

    async def on_text(self, text: str) -> None:
        """Send it back."""
        await self._send(TEXT, text.encode())

    async def on_binary(self, data: bytes) -> None:
        """Send it back."""
        await self._send(BINARY, data)

    async def _send(self, opcode: int, payload: bytes) -> None:
        await self._outbox.send(message_frame(self._form, opcode, payload))
        await self._outbox.flush()

    def heartbeat(self) -> None:
        """No heartbeat: nothing comes but what was sent."""
        return

    def announce(self, news: TokenEnds | Reconnect) -> None:
        """Nothing comes but what was sent."""

    async def leave(self, code: int) -> None:
        """Nobody needs to know."""
