"""What is said on a connection: the chat, or the echo."""

from typing import Protocol

from trio_chat.hub.requests import Request
from trio_chat.protocol.messages import Reconnect, TokenEnds


class Conversation(Protocol):
    """What is said on a connection."""

    has_begun: bool
    """Whether the client has said who it is, if it has to."""

    def take(self, text: str, now: float) -> Request | None:
        """Deal with a text message.

        What has to be waited for goes to `Connection.wait_for`, and no further message comes
        before that has ended.

        Args:
            text: The message.
            now: The time on Trio's clock, in seconds.

        Returns:
            What the hub is to do about it, if anything.

        Raises:
            Disconnect: The connection is to end.
        """

    def take_binary(self, data: bytes) -> None:
        """Deal with a binary message, as `take` does."""

    def heartbeat(self) -> bytes | None:
        """The frame to send as a heartbeat, if there is to be one."""

    def announce(self, news: TokenEnds | Reconnect) -> bytes | None:
        """The frame that says so, if the client is of those who are told."""

    async def leave(self, code: int) -> None:
        """The connection is ending. May be called more than once, the last time shielded.

        Args:
            code: With which it ends: ours, or the client's, or 1006 if there was none.
        """
