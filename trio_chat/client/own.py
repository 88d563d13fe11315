"""Which events are this user's own, in whatever spelling the name is displayed. Pure."""

from collections.abc import Iterable

from attrs import evolve

from trio_chat.client.events import Deleted, Edited, LoggedEvent, Message, Notice, Read, Typing
from trio_chat.client.wire import Frame, HistoryFrame, JoinedFrame
from trio_chat.errors import CommandError
from trio_chat.protocol.names import prepare_name


class OwnName:
    """The name of this user, compared as RFC 8266 says.

    Args:
        name: As the program gives it.
    """

    def __init__(self, name: str) -> None:
        self.learn(name)

    def learn(self, name: str) -> None:
        """Take another name; where tokens are required, it is the token's."""
        self._key = _key(name)
        self._last = name, self._key is not None

    def is_own(self, name: str) -> bool:
        """Whether a displayed name is this user's."""
        known, is_own = self._last
        if name != known:  # else it is the same author as before, which saves 50 µs
            is_own = self._key is not None and _key(name) == self._key
            self._last = name, is_own
        return is_own

    def mark(self, frame: Frame) -> Frame:
        """Give the frame with ``is_own`` set in all that it carries."""
        match frame:
            case JoinedFrame() | HistoryFrame():
                return evolve(frame, history=self._marked(frame.history))
            case Message() | Edited() | Deleted() | Typing() | Read() if self.is_own(
                frame.username
            ):
                return evolve(frame, is_own=True)
        return frame

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
    except CommandError:  # a name that other rules accepted
        return None
