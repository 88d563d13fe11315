"""The events that a `Chat` yields, and the results of its calls. All are plain data."""

from collections.abc import Mapping
from datetime import UTC, datetime

import attrs
from attrs import field, frozen


class _Timed:
    """A stored event with its time."""

    ts: int

    @property
    def at(self) -> datetime:
        """The time of the event, in UTC."""
        return datetime.fromtimestamp(self.ts / 1000, UTC)


@frozen
class Message(_Timed):
    """A chat message.

    Attributes:
        id: Unique forever.
        seq: Its number in the room: 1, 2, 3, …
        room: The room.
        username: The author, as the server displays the name. Your own messages arrive too.
        text: The text; empty after a deletion.
        ts: The time, in milliseconds since 1970 UTC.
        is_edited: From history only: the text is an edited one.
        is_deleted: From history only: the message was deleted.
        is_own: This user sent it, from any device and in any spelling of the name.
    """

    id: str
    seq: int
    room: str
    username: str
    text: str
    ts: int
    is_edited: bool = False
    is_deleted: bool = False
    is_own: bool = False


@frozen
class Notice(_Timed):
    """A notice of the server to the room: a user joined or left.

    Attributes:
        id: Unique forever.
        seq: Its number in the room.
        room: The room.
        text: The notice as an English sentence.
        ts: The time, in milliseconds since 1970 UTC.
        kind: ``joined`` or ``left``; a newer server may have other kinds. None for an event that
            is damaged in the store.
        username: The user, as the server displays the name; None as for `kind`.
    """

    id: str
    seq: int
    room: str
    text: str
    ts: int
    kind: str | None = None
    username: str | None = None


@frozen
class Edited(_Timed):
    """An edit of a message.

    Attributes:
        id: The id of this event.
        seq: Its number in the room.
        room: The room.
        username: The author of the edit.
        target: The id of the message.
        text: The new text; empty if the message was deleted later.
        ts: The time, in milliseconds since 1970 UTC.
        is_deleted: From history only: the message was deleted later.
        is_own: This user made the edit.
    """

    id: str
    seq: int
    room: str
    username: str
    target: str
    text: str
    ts: int
    is_deleted: bool = False
    is_own: bool = False


@frozen
class Deleted(_Timed):
    """A deletion of a message.

    Attributes:
        id: The id of this event.
        seq: Its number in the room.
        room: The room.
        username: The user that deleted it.
        target: The id of the message.
        ts: The time, in milliseconds since 1970 UTC.
        is_own: This user deleted it.
    """

    id: str
    seq: int
    room: str
    username: str
    target: str
    ts: int
    is_own: bool = False


LoggedEvent = Message | Notice | Edited | Deleted
"""A stored event. Each arrives once, in the order of ``seq``; a `Gap` announces missing ones."""


@frozen
class Joined:
    """The present state of a room, after a join and after each reconnect.

    It replaces all users and read markers shown so far; nobody is typing.

    Attributes:
        room: The room.
        users: The users in the room, by code point; in a large room the first 200.
        count: The number of all users in the room.
        read: The ``seq`` up to which this user has read.
        reads: The same for each of `users` with a read marker.
        head: The ``seq`` of the newest event; 0 for none.
        is_resumed: The next events of the room are exactly the missed ones. Otherwise the room
            begins with `history`, whose events arrive nowhere else.
        history: The newest events up to `head`, oldest first; empty if `is_resumed`.
        more: The room has events before `history`.
    """

    room: str
    users: tuple[str, ...]
    count: int
    read: int
    reads: Mapping[str, int]
    head: int
    is_resumed: bool = False
    history: tuple[LoggedEvent, ...] = ()
    more: bool = False


@frozen
class Gap:
    """Missing events: the store no longer has them, or holds another history.

    Attributes:
        room: The room.
        after: The last received ``seq``.
        before: The ``seq`` of the next event. None for another history, whose numbers begin anew;
            then a `Joined` follows that is not resumed.
    """

    room: str
    after: int
    before: int | None = None


@frozen
class PresenceChanged:
    """A change of the users in a room.

    Attributes:
        room: The room.
        online: The users that joined.
        offline: The users that left.
        count: The number of all users now.
    """

    room: str
    online: tuple[str, ...]
    offline: tuple[str, ...]
    count: int


@frozen
class Typing:
    """A user started or stopped typing. This includes your own user on any device.

    Attributes:
        room: The room.
        username: The user.
        is_typing: The user is typing now.
        is_own: This user is typing, on any device.
    """

    room: str
    username: str
    is_typing: bool
    is_own: bool = False


@frozen
class Read:
    """A read marker advanced. This includes your own user on any device.

    Attributes:
        room: The room.
        username: The user.
        seq: The last event that the user has read.
        is_own: The marker of this user.
    """

    room: str
    username: str
    seq: int
    is_own: bool = False


@frozen
class Connected:
    """The client is connected and has joined all rooms.

    Attributes:
        username: The name as the server displays it.
    """

    username: str


@frozen
class Disconnected:
    """The connection ended; the client reconnects.

    Attributes:
        why: The reason, for people.
        code: The close code (docs/reference/wire.md, "Close codes") or the HTTP status; None if the
            network or this side ended it.
        retry_seconds: The time until the next attempt.
    """

    why: str
    code: int | None
    retry_seconds: float


@frozen
class TokenEnds:
    """The token expires soon, and the client has no source for another: see `refresh_token`.

    Attributes:
        seconds: The remaining lifetime.
    """

    seconds: float


@frozen
class Problem:
    """The server refused a call that has no answer, such as `set_typing`.

    Attributes:
        code: As in `CommandError`.
        message: The reason, for people.
        room: The room, if one is concerned.
    """

    code: str
    message: str
    room: str | None = None


Event = (
    LoggedEvent
    | Joined
    | Gap
    | PresenceChanged
    | Typing
    | Read
    | Connected
    | Disconnected
    | TokenEnds
    | Problem
)
"""An item of the iteration over a `Chat`."""


@frozen
class Logged:
    """The result of a command that the server has stored.

    Attributes:
        id: The id of its event, for `edit` and `delete`.
        seq: The number of the event in the room.
        room: The room.
        is_repeat: The server had stored it already, from an earlier attempt.
    """

    id: str
    seq: int
    room: str
    is_repeat: bool = False


@frozen
class HistoryPage:
    """A page of a room's history.

    Attributes:
        room: The room.
        events: Oldest first, each in its present state.
        more: The room has further events in the direction of reading.
    """

    room: str
    events: tuple[LoggedEvent, ...]
    more: bool


@frozen
class RoomView:
    """The present state of a room. It includes events that the chat has not yielded yet.

    Attributes:
        name: The room.
        head: The highest known ``seq``.
        read: The ``seq`` up to which this user has read.
        users: The users, by code point; in a large room the first 200, and later changes.
        count: The number of all users in the room.
        reads: The known read markers of these users.
    """

    name: str
    head: int
    read: int
    users: tuple[str, ...]
    count: int
    reads: Mapping[str, int]

    @property
    def unread(self) -> int:
        """The number of events above `read`."""
        return max(0, self.head - self.read)


@frozen
class Seen:
    """The last received event of a room.

    Attributes:
        epoch: The identity of the history.
        seq: The last event; 0 for none.
    """

    epoch: str
    seq: int


@frozen
class Position:
    """The state from which a later run of the program resumes.

    Attributes:
        device: The secret by which the server recognizes this client. Without tokens, only this
            device can edit its messages and repeat a ``ref``.
        rooms: The last yielded event of each room.
    """

    device: str = field(repr=False)
    rooms: Mapping[str, Seen] = field(factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Return the position as JSON data. It contains the secret."""
        return attrs.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> "Position":
        """Return the position from the result of `as_dict`.

        Raises:
            ValueError: The data is not such a result.
        """
        match data:
            case {"device": str(device), "rooms": dict(rooms)}:
                return cls(device, {str(name): _seen(seen) for name, seen in rooms.items()})
        raise ValueError("not a position")


def _seen(data: object) -> Seen:
    match data:
        case {"epoch": str(epoch), "seq": int(seq)}:
            return Seen(epoch, seq)
    raise ValueError("not a position")
