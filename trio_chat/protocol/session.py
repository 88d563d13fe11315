"""Turns a message into a checked command, by a table of states and commands.

`trio_chat.websocket.chat` calls `Session.receive` for each message and carries the command out.
The session is pure: text in, a checked command out.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

from attrs import frozen

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.commands import (
    Command,
    DeleteMessage,
    EditMessage,
    JoinRoom,
    LeaveRoom,
    ReadHistory,
    ReadMarker,
    RefreshToken,
    SendMessage,
    SetTyping,
    Since,
)
from trio_chat.protocol.decode import LARGE_CHARS, check_shape, decode, decode_hello
from trio_chat.protocol.names import (
    LABEL_SPELLING,
    ROOM_SPELLING,
    Name,
    is_label,
    is_room,
    name_subject,
    prepare_name,
    prepare_text,
)

MAX_HISTORY_EVENTS: Final = 100
"""The most events in one answer to ``history`` (docs/reference/wire.md)."""


@frozen
class Enter:
    """The first message: a client enters under this name.

    Attributes:
        rooms: The rooms to join; never empty.
        device: The client's secret; None for a plain connection, or if the client has none yet.
    """

    name: Name
    rooms: Mapping[str, Since]
    is_version_2: bool = False
    device: str | None = None


class State(StrEnum):
    """The state of a session."""

    NAMELESS = "nameless"
    """The first message has not arrived."""
    PLAIN = "plain"
    """A plain connection, in the default room."""
    VERSION_2 = "version 2"
    """A client of version 2, in any number of rooms."""


# An enum lookup takes as long as checking the text of a message.
_NAMELESS: Final = State.NAMELESS
_PLAIN: Final = State.PLAIN


class Session:
    """The session of one client.

    Args:
        default_room: The room of plain connections, and of commands that name none.
        max_message_chars: The maximum length of a text, in code points.
        max_rooms: The maximum number of rooms at the same time.
        proven: The name that the client's token proves; None without a token.

    Attributes:
        state: The state.
        rooms: The rooms that the client is in or about to join. The caller reports each change
            after the first message (`entered`, `left`).
    """

    __slots__ = (
        "_default_room",
        "_handlers",
        "_max_message_chars",
        "_max_rooms",
        "_proven",
        "rooms",
        "state",
    )

    def __init__(
        self,
        default_room: str,
        max_message_chars: int,
        max_rooms: int,
        proven: Name | None = None,
    ) -> None:
        self.state = State.NAMELESS
        self.rooms: set[str] = set()
        self._default_room = default_room
        self._max_message_chars = max_message_chars
        self._max_rooms = max_rooms
        self._proven = proven
        self._handlers: Mapping[type[Command], _Handler] = {}

    def receive(self, text: str) -> Enter | Command:
        """Return what a message asks for, checked, with its text prepared.

        Args:
            text: The message, of at most ``max-frame-bytes``.

        Raises:
            CommandError: The message is invalid here. The session continues, but after an invalid
                first message the connection must close.
        """
        state = self.state
        if state is _NAMELESS:
            return self._enter(text)
        if state is _PLAIN and not text.startswith("{"):
            command: Command = SendMessage(text, self._default_room)
        else:
            if len(text) > LARGE_CHARS:
                check_shape(text, self._max_message_chars)
            command = decode(text, self._default_room)
        handler = self._handlers.get(type(command), Session.refuse)
        try:
            handler(self, command)
        except CommandError as error:
            name_subject(error, getattr(command, "ref", None), getattr(command, "room", None))
            raise
        return command

    def entered(self, room: str) -> None:
        """Note that the client is in a room, or about to join it."""
        self.rooms.add(room)

    def left(self, room: str) -> None:
        """Note that the client has left a room, or could not join it."""
        self.rooms.discard(room)

    # --- the first message ------------------------------------------------------------------------

    def _enter(self, text: str) -> Enter:
        if text.startswith("{"):
            enter = self._hello(text)
            self.state = State.VERSION_2
        else:
            enter = Enter(self._name(text), {self._default_room: Since()})
            self.state = State.PLAIN
        self._handlers = _TABLE[self.state]
        self.rooms.update(enter.rooms)
        return enter

    def _hello(self, text: str) -> Enter:
        hello = decode_hello(text, self._max_rooms)
        rooms = hello.rooms or {self._default_room: Since()}
        if not all(map(is_room, rooms)):
            raise _bad_room()
        if hello.device is not None and not is_label(hello.device):
            raise CommandError(ErrorCode.BAD_REQUEST, f"A device must be {LABEL_SPELLING}")
        name = self._name(hello.username)
        return Enter(name, rooms, is_version_2=True, device=hello.device)

    def _name(self, text: str) -> Name:
        """Return the client's name; a client with a token need not repeat it."""
        if self._proven is None:
            return prepare_name(text)
        if text and prepare_name(text).key != self._proven.key:
            raise CommandError(ErrorCode.FORBIDDEN, "The token is for another name")
        return self._proven

    # --- the commands -----------------------------------------------------------------------------

    def refuse(self, _: Command) -> None:
        """Refuse a command that is not in the table."""
        raise CommandError(ErrorCode.BAD_REQUEST, "This connection cannot send this type")

    def message(self, command: SendMessage) -> None:
        """Check and prepare a text of version 2."""
        ref = command.ref
        if ref is not None and not is_label(ref):
            raise _bad_ref()
        command.message = prepare_text(command.message, self._max_message_chars)
        if command.room not in self.rooms:
            raise _not_joined()

    def plain_message(self, command: SendMessage) -> None:
        """Check and prepare a text of a plain connection, which gets no acknowledgements."""
        command.ref = None
        self.message(command)

    def in_room(self, command: SetTyping | ReadMarker | LeaveRoom) -> None:
        """Check the room."""
        _check_ref(getattr(command, "ref", None))
        self._check_joined(command.room)

    def join(self, command: JoinRoom) -> None:
        """Check the name of a room to join, and the number of rooms."""
        _check_ref(command.ref)
        if not is_room(command.room):
            raise _bad_room()
        if command.room not in self.rooms and len(self.rooms) >= self._max_rooms:
            limit = f"A connection may be in at most {self._max_rooms} rooms"
            raise CommandError(ErrorCode.LIMIT_EXCEEDED, limit)

    def history(self, command: ReadHistory) -> None:
        """Check the bounds of a page."""
        _check_ref(command.ref)
        if command.before is not None and command.after is not None:
            raise CommandError(ErrorCode.BAD_REQUEST, "Give either before or after, not both")
        if not 1 <= command.limit <= MAX_HISTORY_EVENTS:
            limit = f"The limit must be 1 to {MAX_HISTORY_EVENTS}"
            raise CommandError(ErrorCode.BAD_REQUEST, limit)
        self._check_joined(command.room)

    def edit(self, command: EditMessage) -> None:
        """Check and prepare a new text."""
        _check_ref(command.ref)
        command.message = prepare_text(command.message, self._max_message_chars)
        self._check_target(command)

    def delete(self, command: DeleteMessage) -> None:
        """Check a deletion."""
        _check_ref(command.ref)
        self._check_target(command)

    def auth(self, command: RefreshToken) -> None:
        """Check the ref; the caller verifies the token."""
        _check_ref(command.ref)

    # --- checks -----------------------------------------------------------------------------------

    def _check_target(self, command: EditMessage | DeleteMessage) -> None:
        self._check_joined(command.room)
        if not is_label(command.id):  # no message has such an id
            raise CommandError(ErrorCode.NOT_FOUND, "Message not found")

    def _check_joined(self, room: str) -> None:
        if room not in self.rooms:
            raise _not_joined()


def _check_ref(ref: str | None) -> None:
    if ref is not None and not is_label(ref):
        raise _bad_ref()


def _not_joined() -> CommandError:
    return CommandError(ErrorCode.NOT_JOINED, "You are not in this room")


def _bad_room() -> CommandError:
    return CommandError(ErrorCode.BAD_REQUEST, f"A room must be {ROOM_SPELLING}")


def _bad_ref() -> CommandError:
    return CommandError(ErrorCode.BAD_REQUEST, f"A ref must be {LABEL_SPELLING}")


_Handler = Callable[[Session, Any], None]

_TABLE: Final[Mapping[State, Mapping[type[Command], _Handler]]] = {
    State.PLAIN: {
        SendMessage: Session.plain_message,
        SetTyping: Session.in_room,
    },
    State.VERSION_2: {
        SendMessage: Session.message,
        SetTyping: Session.in_room,
        JoinRoom: Session.join,
        LeaveRoom: Session.in_room,
        ReadHistory: Session.history,
        ReadMarker: Session.in_room,
        EditMessage: Session.edit,
        DeleteMessage: Session.delete,
        RefreshToken: Session.auth,
    },
}
"""The commands allowed in each state; all others are refused."""
