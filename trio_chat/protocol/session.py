"""Turns a message into a checked command, by a table of states and commands.

`trio_chat.websocket.chat` calls `Session.receive` for each message and carries the command out.
The session is pure: text in, a checked command out.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from attrs import define, field, frozen

from trio_chat.access.names import prepare_name
from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol import commands
from trio_chat.protocol.commands import Command, SendMessage, Since
from trio_chat.protocol.decode import LARGE_CHARS, check_shape, decode, decode_hello
from trio_chat.protocol.names import (
    LABEL_SPELLING,
    ROOM_SPELLING,
    Name,
    is_label,
    is_room,
    name_subject,
    prepare_text,
)
from trio_chat.settings import Settings

MAX_HISTORY_EVENTS: Final = 100
"""The most events in one answer to ``history`` (docs/reference/wire.md)."""


@frozen
class Enter:
    """The first message: a client enters under this name, and joins these rooms, at least one.

    It has no ``device`` if the connection is plain, or if the client has none yet.
    """

    name: Name
    rooms: Mapping[str, Since]
    is_version_2: bool = False
    device: str | None = None


State = Mapping[type[Command], Callable[[Any, Any], None]]
"""The commands allowed in a state, each with its check; all others are refused."""


@define(eq=False)
class Session:
    """The session of one client.

    Args:
        settings: The default room, and the limits of texts and rooms.
        proven: The name that the client's token proves; None without a token.

    Attributes:
        state: `NAMELESS`, `PLAIN` or `VERSION_2`.
        rooms: The rooms that the client is in or about to join. After the first message, the caller
            adds and removes them.
    """

    NAMELESS: ClassVar[State] = {}
    """The first message has not arrived."""

    _settings: Settings
    _proven: Name | None = None
    state: State = field(default=NAMELESS, init=False)
    rooms: set[str] = field(factory=set, init=False)

    def receive(self, text: str) -> Enter | Command:
        """Return the command in a message, checked, with its text prepared.

        Raises:
            CommandError: The message is invalid here. The session continues, but after an invalid
                first message the connection must close.
        """
        state = self.state
        if not state:
            return self._enter(text)
        if state is self.PLAIN and not text.startswith("{"):
            command: Command = SendMessage(text, self._settings.default_room)
        else:
            if len(text) > LARGE_CHARS:
                check_shape(text, self._settings.max_message_chars)
            command = decode(text, self._settings.default_room)
        check = state.get(type(command))
        try:
            if check is None:
                raise _bad_request("This connection cannot send this type")
            ref = getattr(command, "ref", None)
            if ref is not None and not is_label(ref) and state is self.VERSION_2:
                raise _bad_request(f"A ref must be {LABEL_SPELLING}")
            check(self, command)
        except CommandError as error:
            name_subject(error, getattr(command, "ref", None), getattr(command, "room", None))
            raise
        return command

    # --- the first message ------------------------------------------------------------------------

    def _enter(self, text: str) -> Enter:
        if text.startswith("{"):
            enter = self._hello(text)
        else:
            enter = Enter(self._name(text), {self._settings.default_room: Since()})
        self.state = self.VERSION_2 if enter.is_version_2 else self.PLAIN
        self.rooms.update(enter.rooms)
        return enter

    def _hello(self, text: str) -> Enter:
        hello = decode_hello(text, self._settings.max_rooms)
        rooms = hello.rooms or {self._settings.default_room: Since()}
        for room in rooms:
            _check_room(room)
        if hello.device is not None and not is_label(hello.device):
            raise _bad_request(f"A device must be {LABEL_SPELLING}")
        return Enter(self._name(hello.username), rooms, is_version_2=True, device=hello.device)

    def _name(self, text: str) -> Name:
        """Return the client's name; a client with a token need not repeat it."""
        if self._proven is None:
            return prepare_name(text)
        if text and prepare_name(text).key != self._proven.key:
            raise CommandError(ErrorCode.FORBIDDEN, "The token is for another name")
        return self._proven

    # --- one check for each command ---------------------------------------------------------------

    def _message(self, command: SendMessage) -> None:
        command.message = prepare_text(command.message, self._settings.max_message_chars)
        if command.room not in self.rooms:  # without another call: each message comes here
            raise _not_joined()

    def _plain_message(self, command: SendMessage) -> None:
        command.ref = None  # a plain connection receives no acknowledgements
        self._message(command)

    def _in_room(self, command: Any) -> None:  # noqa: ANN401 - any command with a room
        if command.room not in self.rooms:
            raise _not_joined()

    def _leave(self, command: commands.LeaveRoom) -> None:
        if command.room not in self.rooms:
            error = _not_joined()
            error.is_counted = False  # pages test their connection with it: it needs no store
            raise error

    def _join(self, command: commands.JoinRoom) -> None:
        _check_room(command.room)
        if command.room not in self.rooms and len(self.rooms) >= self._settings.max_rooms:
            limit = f"A connection may be in at most {self._settings.max_rooms} rooms"
            raise CommandError(ErrorCode.LIMIT_EXCEEDED, limit)

    def _history(self, command: commands.ReadHistory) -> None:
        if command.before is not None and command.after is not None:
            raise _bad_request("Give either before or after, not both")
        if not 1 <= command.limit <= MAX_HISTORY_EVENTS:
            raise _bad_request(f"The limit must be 1 to {MAX_HISTORY_EVENTS}")
        self._in_room(command)

    def _edit(self, command: commands.EditMessage) -> None:
        command.message = prepare_text(command.message, self._settings.max_message_chars)
        self._change(command)

    def _change(self, command: commands.EditMessage | commands.DeleteMessage) -> None:
        self._in_room(command)
        if not is_label(command.id):  # no message has such an id
            raise CommandError(ErrorCode.NOT_FOUND, "Message not found")

    def _token(self, command: commands.RefreshToken) -> None:
        """Accept any token; the caller verifies it."""

    PLAIN: ClassVar[State] = {SendMessage: _plain_message, commands.SetTyping: _in_room}
    """A plain connection, in the default room."""
    VERSION_2: ClassVar[State] = {
        SendMessage: _message,
        commands.SetTyping: _in_room,
        commands.JoinRoom: _join,
        commands.LeaveRoom: _leave,
        commands.ReadHistory: _history,
        commands.ReadMarker: _in_room,
        commands.EditMessage: _edit,
        commands.DeleteMessage: _change,
        commands.RefreshToken: _token,
    }
    """A client of version 2, in any number of rooms."""


def _not_joined() -> CommandError:
    return CommandError(ErrorCode.NOT_JOINED, "You are not in this room")


def _check_room(room: str) -> None:
    if not is_room(room):
        raise _bad_request(f"A room must be {ROOM_SPELLING}")


def _bad_request(message: str) -> CommandError:
    return CommandError(ErrorCode.BAD_REQUEST, message)
