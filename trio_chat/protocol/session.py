"""What a frame means at this point of a conversation: a table of state by command.

Pure: text in, an intent out. Who carries it out, and when, is not known here.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.codec import decode
from trio_chat.protocol.intents import Enter, Intent, Say, ShowTyping
from trio_chat.protocol.messages import Command, SendMessage, SetTyping, Since
from trio_chat.protocol.names import Name, prepare_name
from trio_chat.protocol.text import prepare_text


class State(StrEnum):
    """Where a conversation is."""

    NAMELESS = "nameless"
    """The first frame has not come: it says who this is."""
    PLAIN = "plain"
    """A plain connection, in the default room."""


class Session:
    """One conversation, from the first frame on.

    Args:
        default_room: The room of plain connections, and of commands that name none.
        max_message_chars: The most code points of a text.
        proven: The name that the client's token has proved; None if it may take any.
    """

    __slots__ = ("_default_room", "_max_message_chars", "_proven", "state")

    def __init__(
        self, default_room: str, max_message_chars: int, proven: Name | None = None
    ) -> None:
        self.state = State.NAMELESS
        self._default_room = default_room
        self._max_message_chars = max_message_chars
        self._proven = proven

    def receive(self, text: str) -> Intent:
        """Say what a text frame means.

        Raises:
            CommandError: To be answered. If the state is still `State.NAMELESS` then, the first
                frame was faulty and the connection is to be closed.
        """
        if self.state is State.NAMELESS:
            return self._first_frame(text)
        command = decode(text) if text.startswith("{") else SendMessage(text)
        handler = _TABLE.get((self.state, type(command)))
        if handler is None:
            raise CommandError(ErrorCode.BAD_REQUEST, "This connection may not send that")
        return handler(self, command)

    def _first_frame(self, text: str) -> Intent:
        if text.startswith("{"):
            raise CommandError(
                ErrorCode.BAD_REQUEST, "The first frame must be a plain user name on this server"
            )
        name = self._name(text)
        self.state = State.PLAIN
        return Enter(name, {self._default_room: Since()})

    def _name(self, text: str) -> Name:
        """The name somebody comes in with: its token's, which it need not repeat."""
        if self._proven is None:
            return prepare_name(text)
        if text and prepare_name(text).key != self._proven.key:
            raise CommandError(ErrorCode.FORBIDDEN, "The token is for another name")
        return self._proven

    def say(self, command: SendMessage) -> Say:
        """A text for the room."""
        text = prepare_text(command.message, self._max_message_chars)
        return Say(self._joined(command.room), text)

    def show_typing(self, command: SetTyping) -> ShowTyping:
        """A change of the typing state."""
        return ShowTyping(self._joined(command.room), command.is_typing)

    def _joined(self, room: str | None) -> str:
        """The room that is meant, if the connection is in it."""
        if room is None or room == self._default_room:
            return self._default_room
        raise CommandError(ErrorCode.NOT_JOINED, "You are not in this room")


_TABLE: Final[Mapping[tuple[State, type[Command]], Callable[[Session, Any], Intent]]] = {
    (State.PLAIN, SendMessage): Session.say,
    (State.PLAIN, SetTyping): Session.show_typing,
}
"""What may be sent in which state. What is not here is refused."""
