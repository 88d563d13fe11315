"""What a client's frame comes to, once the session has understood it: for whoever carries it out.

Rooms are filled in, texts prepared, names and numbers within their bounds.
"""

from collections.abc import Mapping

from attrs import define, frozen

from trio_chat.protocol.commands import JoinRoom, LeaveRoom, RefreshToken, Since
from trio_chat.protocol.names import Name


@frozen
class Enter:
    """The first frame: somebody comes in under this name.

    Attributes:
        rooms: Where to; never empty. For a plain connection, the default room.
        is_version_2: Whether it speaks version 2.
        device: The client's secret; None if it has none, as no plain connection has.
    """

    name: Name
    rooms: Mapping[str, Since]
    is_version_2: bool = False
    device: str | None = None


@define  # not frozen, as the messages are not
class Say:
    """Log and send a text."""

    room: str
    text: str
    ref: str | None = None


@frozen
class Change:
    """Give the user's own message another text, or take it back.

    Attributes:
        target: The id of the message.
        text: The new text; None deletes.
    """

    room: str
    target: str
    text: str | None
    ref: str | None = None


@frozen
class ShowTyping:
    """Tell the room that the user types, or has stopped."""

    room: str
    is_typing: bool


@frozen
class MarkRead:
    """The user has read up to this ``seq``, which may not be there yet."""

    room: str
    seq: int


@frozen
class LookBack:
    """Read a page of the room's events: see `trio_chat.protocol.commands.ReadHistory`."""

    room: str
    before: int | None
    after: int | None
    limit: int
    ref: str | None = None


Intent = (
    Enter | Say | Change | ShowTyping | MarkRead | LookBack | JoinRoom | LeaveRoom | RefreshToken
)
"""The last three are as they came: they name their room themselves, or none."""
