"""The protocols spoken on a connection: their interface, and the smallest one, the echo."""

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import trio

from trio_chat.hub.requests import Request
from trio_chat.protocol.encodings import BINARY, TEXT, message_frame
from trio_chat.protocol.messages import Reconnect, TokenEnds

if TYPE_CHECKING:
    from trio_chat.websocket.connection import Connection


class Conversation(Protocol):
    """The protocol spoken on a connection: the chat, or the echo.

    The first two methods raise `Disconnect` if the connection must close. Work that must block goes
    to `Connection.wait_for`; no message arrives before it is done.

    Attributes:
        has_begun: Whether the client has sent its first message, if it must.
    """

    has_begun: bool

    def take(self, text: str, now: float) -> Request | None:
        """Handle a text, at a time on Trio's clock; return the request to the hub, if any."""

    def take_binary(self, data: bytes) -> None:
        """Handle a binary message."""

    def heartbeat(self) -> bytes | None:
        """Return the heartbeat, as a frame, if there must be one."""

    def announce(self, news: TokenEnds | Reconnect) -> bytes | None:
        """Return this message as a frame, if the client understands it."""

    async def leave(self, code: int) -> None:
        """Clean up when the connection closes. Later calls do nothing; the last one is shielded."""


class Echo:
    """Sends each message back, and nothing else. Satisfies `Conversation`.

    The echo has no queue: the connection reads again after it has written the last message. So a
    client that does not read delays only itself.
    """

    has_begun = True

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    def take(self, text: str, now: float) -> None:  # noqa: ARG002
        """Send a text back."""
        self._send(TEXT, text.encode())

    def take_binary(self, data: bytes) -> None:
        """Send a binary message back."""
        self._send(BINARY, data)

    def heartbeat(self) -> None:
        """Return no heartbeat."""

    def announce(self, news: TokenEnds | Reconnect) -> None:
        """Return no frame."""

    async def leave(self, code: int) -> None:
        """Do nothing."""

    def _send(self, opcode: int, payload: bytes) -> None:
        outbox = self._connection.outbox
        with suppress(trio.BrokenResourceError):  # the writer ends the connection
            outbox.send_nowait(message_frame(self._connection.encoding, opcode, payload))
        if outbox.waiting_frames:
            self._connection.wait_for(outbox.flush)
