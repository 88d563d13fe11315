"""The commands of a client, as typed objects (docs/reference/wire.md, "What a client sends").

Field names follow Python; the names on the wire are camelCase. `trio_chat.protocol.decode` makes
commands, `trio_chat.protocol.session` puts the prepared text in, and `trio_chat.websocket.chat` the
`member`: the `trio_chat.hub.requests.Member` that sent the command. So these commands are not
frozen. Making a frozen attrs object also takes three times as long.
"""

from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field, frozen


@frozen
class Since:
    """The last ``seq`` of a room that a client has seen, or 0, and the epoch it belongs to.

    By default the client knows nothing of the room.
    """

    since: int | None = None
    epoch: str | None = None


@frozen
class Hello:
    """``hello``: the first message of version 2.

    The device is the client's secret, if it has one yet. No rooms mean the default room.
    """

    v: int
    username: str
    device: str | None = None
    rooms: Mapping[str, Since] = field(factory=dict)


@define
class SendMessage:
    """``message``: store a text and send it to a room, by default the default room."""

    message: str
    room: str = ""
    ref: str | None = None


@define
class SetTyping:
    """``typing``: the user is typing, or has stopped."""

    is_typing: bool
    room: str = ""
    member: Any = field(default=None, repr=False)


@frozen
class JoinRoom:
    """``join``: join a room, or resume one after ``since``."""

    room: str
    since: int | None = None
    epoch: str | None = None
    ref: str | None = None


@define
class LeaveRoom:
    """``leave``: leave a room."""

    room: str
    ref: str | None = None
    member: Any = field(default=None, repr=False)


@frozen
class ReadHistory:
    """``history``: read the newest events, or the newest ones before, or oldest after a ``seq``."""

    room: str = ""
    before: int | None = None
    after: int | None = None
    limit: int = 50
    ref: str | None = None


@define
class ReadMarker:
    """``read``: the user has read the room up to this ``seq``, which may not exist yet.

    It goes from the client to the store; the hub adds the user: the key and the displayed name.
    """

    seq: int
    room: str = ""
    user: str = ""
    shown: str = ""
    member: Any = field(default=None, repr=False)


@define
class EditMessage:
    """``edit``: change the text of one's own message."""

    id: str
    message: str
    room: str = ""
    ref: str | None = None


@frozen
class DeleteMessage:
    """``delete``: delete one's own message."""

    id: str
    room: str = ""
    ref: str | None = None


@frozen
class RefreshToken:
    """``auth``: replace the token before it expires."""

    token: str = field(repr=False)
    ref: str | None = None


Command = (
    SendMessage
    | SetTyping
    | JoinRoom
    | LeaveRoom
    | ReadHistory
    | ReadMarker
    | EditMessage
    | DeleteMessage
    | RefreshToken
)

COMMANDS: Final[Mapping[str, type[Command]]] = {
    "message": SendMessage,
    "typing": SetTyping,
    "join": JoinRoom,
    "leave": LeaveRoom,
    "history": ReadHistory,
    "read": ReadMarker,
    "edit": EditMessage,
    "delete": DeleteMessage,
    "auth": RefreshToken,
}
"""Each ``type`` that a client may send after the first message."""

NOT_ON_THE_WIRE: Final = frozenset({"user", "shown", "member"})
"""Fields of commands that only the server sets."""


def wire_name(field: str) -> str:
    """Return the name on the wire of a field: camelCase."""
    first, *others = field.split("_")
    return first + "".join(map(str.capitalize, others))
