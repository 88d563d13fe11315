"""What a frame means at this point of a conversation: a table of state by command.

Pure: text in, an intent out. Who carries it out, and when, is not known here.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.commands import (
    Command,
    DeleteMessage,
    EditMessage,
    JoinRoom,
    LeaveRoom,
    ReadHistory,
    ReadUpTo,
    RefreshToken,
    SendMessage,
    SetTyping,
    Since,
)
from trio_chat.protocol.decode import decode, decode_hello
from trio_chat.protocol.intents import Change, Enter, Intent, LookBack, MarkRead, Say, ShowTyping
from trio_chat.protocol.names import Name, prepare_name
from trio_chat.protocol.shape import LARGE_CHARS, check_shape
from trio_chat.protocol.spelling import (
    LABEL_SPELLING,
    ROOM_SPELLING,
    is_label,
    is_room,
    prepare_text,
    say_what_it_is_about,
)

MAX_HISTORY_EVENTS: Final = 100
"""The most events in one answer to ``history`` (docs/reference/wire.md)."""


class State(StrEnum):
    """Where a conversation is."""

    NAMELESS = "nameless"
    """The first frame has not come: it says who this is."""
    PLAIN = "plain"
    """A plain connection, in the default room."""
    VERSION_2 = "version 2"
    """A connection that has said hello, in any rooms or none."""


# To look one up in its enum takes as long as the text of a message takes to be checked.
_NAMELESS: Final = State.NAMELESS
_PLAIN: Final = State.PLAIN


class Session:
    """One conversation, from the first frame on.

    Args:
        default_room: The room of plain connections, and of commands that name none.
        max_message_chars: The most code points of a text.
        max_rooms: The most rooms at the same time.
        proven: The name that the client's token has proved; None if it may take any.

    Attributes:
        state: Where the conversation is.
        rooms: Where the client is, or is about to be: those of the first frame, and what its owner
            has said since (`entered`, `left`).
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
        self._handlers: Mapping[type[Command], _Handler] = {}
        self._default_room = default_room
        self._max_message_chars = max_message_chars
        self._max_rooms = max_rooms
        self._proven = proven

    def receive(self, text: str) -> Intent:
        """Say what a text frame means.

        Raises:
            CommandError: To be answered; it has the command's ref and room, as far as they are
                known. If the state is still `State.NAMELESS` then, the first frame was faulty and
                the connection is to be closed.
        """
        state = self.state
        if state is _NAMELESS:
            return self._first_frame(text)
        if state is _PLAIN and not text.startswith("{"):
            command: Command = SendMessage(text)
        else:
            if len(text) > LARGE_CHARS:
                check_shape(text, self._max_message_chars)
            command = decode(text)
        handler = self._handlers.get(type(command), Session.refuse)
        try:
            return handler(self, command)
        except CommandError as error:
            room = getattr(command, "room", "")  # a token is for no room
            meant = self._default_room if room is None else room
            say_what_it_is_about(error, getattr(command, "ref", None), meant)
            raise

    def entered(self, room: str) -> None:
        """The client is in this room, or on its way into it."""
        self.rooms.add(room)

    def left(self, room: str) -> None:
        """The client is not in this room any more, or not after all: joining it has failed."""
        self.rooms.discard(room)

    # --- the first frame --------------------------------------------------------------------------

    def _first_frame(self, text: str) -> Enter:
        enter = self._hello(text) if text.startswith("{") else self._plain_name(text)
        self.state = State.VERSION_2 if enter.is_version_2 else State.PLAIN
        self._handlers = _TABLE[self.state]
        self.rooms.update(enter.rooms)
        return enter

    def _plain_name(self, text: str) -> Enter:
        return Enter(self._name(text), {self._default_room: Since()})

    def _hello(self, text: str) -> Enter:
        hello = decode_hello(text, self._max_rooms)
        rooms = hello.rooms or {self._default_room: Since()}
        if not all(map(is_room, rooms)):
            raise CommandError(ErrorCode.BAD_REQUEST, f"A room must be {ROOM_SPELLING}")
        if hello.device is not None and not is_label(hello.device):
            raise CommandError(ErrorCode.BAD_REQUEST, f"A device must be {LABEL_SPELLING}")
        name = self._name(hello.username)
        return Enter(name, rooms, is_version_2=True, device=hello.device)

    def _name(self, text: str) -> Name:
        """The name somebody comes in with: its token's, which it need not repeat."""
        if self._proven is None:
            return prepare_name(text)
        if text and prepare_name(text).key != self._proven.key:
            raise CommandError(ErrorCode.FORBIDDEN, "The token is for another name")
        return self._proven

    # --- commands ---------------------------------------------------------------------------------

    def refuse(self, _: Command) -> Intent:
        """What this connection may not send."""
        raise CommandError(ErrorCode.BAD_REQUEST, "This connection may not send that")

    def say_plainly(self, command: SendMessage) -> Say:
        """A text for the room, of a connection that is not acknowledged anything."""
        text = prepare_text(command.message, self._max_message_chars)
        return Say(self._joined(command.room), text)

    def say(self, command: SendMessage) -> Say:
        """A text for the room."""
        ref = command.ref
        if ref is not None and not is_label(ref):
            raise _bad_ref()
        text = prepare_text(command.message, self._max_message_chars)
        room = self._default_room if command.room is None else command.room
        if room not in self.rooms:
            raise _not_joined()
        return Say(room, text, ref)

    def show_typing(self, command: SetTyping) -> ShowTyping:
        """A change of the typing state."""
        return ShowTyping(self._joined(command.room), command.is_typing)

    def join(self, command: JoinRoom) -> JoinRoom:
        """One more room, or one that the client is in already."""
        _check_ref(command.ref)
        room = command.room
        if not is_room(room):
            raise CommandError(ErrorCode.BAD_REQUEST, f"A room must be {ROOM_SPELLING}")
        if room not in self.rooms and len(self.rooms) >= self._max_rooms:
            raise CommandError(
                ErrorCode.LIMIT_EXCEEDED, f"Nobody may be in more than {self._max_rooms} rooms"
            )
        return command

    def leave(self, command: LeaveRoom) -> LeaveRoom:
        """One room less."""
        _check_ref(command.ref)
        self._joined(command.room)
        return command

    def read_history(self, command: ReadHistory) -> LookBack:
        """A page of the room's events."""
        _check_ref(command.ref)
        if command.before is not None and command.after is not None:
            raise CommandError(ErrorCode.BAD_REQUEST, "Either before or after may be given")
        if not 1 <= command.limit <= MAX_HISTORY_EVENTS:
            limit = f"The limit must be 1 to {MAX_HISTORY_EVENTS}"
            raise CommandError(ErrorCode.BAD_REQUEST, limit)
        room = self._joined(command.room)
        return LookBack(room, command.before, command.after, command.limit, command.ref)

    def mark_read(self, command: ReadUpTo) -> MarkRead:
        """How far the user has read."""
        return MarkRead(self._joined(command.room), command.seq)

    def edit(self, command: EditMessage) -> Change:
        """Another text for a message."""
        _check_ref(command.ref)
        text = prepare_text(command.message, self._max_message_chars)
        return self._change(command, text)

    def delete(self, command: DeleteMessage) -> Change:
        """A message to be taken back."""
        _check_ref(command.ref)
        return self._change(command, None)

    def refresh_token(self, command: RefreshToken) -> RefreshToken:
        """A fresh token; whether it is any good is not known here."""
        _check_ref(command.ref)
        return command

    # --- what they have in common -----------------------------------------------------------------

    def _change(self, command: EditMessage | DeleteMessage, text: str | None) -> Change:
        room = self._joined(command.room)
        if not is_label(command.id):  # as no message has it, nobody need look
            raise CommandError(ErrorCode.NOT_FOUND, "There is no such message")
        return Change(room, command.id, text, command.ref)

    def _joined(self, room: str | None) -> str:
        """The room that is meant, if the connection is in it."""
        if room is None:
            room = self._default_room
        if room in self.rooms:
            return room
        raise _not_joined()


def _check_ref(ref: str | None) -> None:
    if ref is not None and not is_label(ref):
        raise _bad_ref()


def _not_joined() -> CommandError:
    return CommandError(ErrorCode.NOT_JOINED, "You are not in this room")


def _bad_ref() -> CommandError:
    return CommandError(ErrorCode.BAD_REQUEST, f"A ref must be {LABEL_SPELLING}")


_Handler = Callable[[Session, Any], Intent]

_TABLE: Final[Mapping[State, Mapping[type[Command], _Handler]]] = {
    State.PLAIN: {
        SendMessage: Session.say_plainly,
        SetTyping: Session.show_typing,
    },
    State.VERSION_2: {
        SendMessage: Session.say,
        SetTyping: Session.show_typing,
        JoinRoom: Session.join,
        LeaveRoom: Session.leave,
        ReadHistory: Session.read_history,
        ReadUpTo: Session.mark_read,
        EditMessage: Session.edit,
        DeleteMessage: Session.delete,
        RefreshToken: Session.refresh_token,
    },
}
"""What may be sent in which state. What is not here is refused."""
