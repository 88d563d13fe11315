"""Finds this user's own events, in any spelling of the name. Pure."""

from collections.abc import Iterable

from attrs import evolve

from trio_chat.access.names import prepare_name
from trio_chat.client.events import Deleted, Edited, LoggedEvent, Message, Notice, Read, Typing
from trio_chat.client.wire import HistoryMessage, JoinedMessage, ServerMessage
from trio_chat.errors import CommandError


class OwnName:
    """The name of this user, compared by RFC 8266.

    Args:
        name: The name from the program.
    """

    def __init__(self, name: str) -> None:
        self.learn(name)

    def learn(self, name: str) -> None:
        """Adopt the server's name for this user; with tokens, the name in the token."""
        self._key = _key(name)
        self._last = name, self._key is not None

    def is_own(self, name: str) -> bool:
        """Return whether a displayed name is this user's."""
        known, is_own = self._last
        if name != known:  # the same author again: saves 50 µs
            is_own = self._key is not None and _key(name) == self._key
            self._last = name, is_own
        return is_own

    def mark(self, message: ServerMessage) -> ServerMessage:
        """Return the message with ``is_own`` set on it and on its events."""
        match message:
            case JoinedMessage() | HistoryMessage():
                return evolve(message, history=self._marked(message.history))
            case Message() | Edited() | Deleted() | Typing() | Read() if self.is_own(
                message.username
            ):
                return evolve(message, is_own=True)
        return message

    def _marked(self, events: Iterable[LoggedEvent]) -> tuple[LoggedEvent, ...]:
        return tuple(
            evolve(event, is_own=True)
            if not isinstance(event, Notice) and self.is_own(event.username)
            else event
            for event in events
        )


def _key(name: str) -> str | None:
    try:
        return prepare_name(name).key
    except CommandError:  # accepted by other rules
        return None
