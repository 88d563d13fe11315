"""What a `Chat` yields, and what its calls return. All of it is plain data."""

from collections.abc import Mapping
from datetime import UTC, datetime

import attrs
from attrs import field, frozen


class _Timed:
    """Of an event on the store, which knows when it was logged."""

    ts: int

    @property
    def at(self) -> datetime:
        """When it was logged, in UTC."""
        return datetime.fromtimestamp(self.ts / 1000, UTC)


@frozen
class Message(_Timed):
    """Somebody has said something.

    Attributes:
        id: Unique for ever.
        seq: Its number in the room: 1, 2, 3, …
        room: Where.
        username: The author, as the server displays the name. Your own messages come too.
        text: What; empty if it has been deleted.
        ts: When, in milliseconds since 1970 UTC.
        is_edited: It came out of the history, and this is a later text than the first.
        is_deleted: It came out of the history, and has been deleted.
        is_own: This user has sent it, from any device and in any spelling of the name.
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
    """The server says something to the room: that somebody has come, or gone.

    Attributes:
        id: Unique for ever.
        seq: Its number in the room.
        room: Where.
        text: An English sentence that says it.
        ts: When, in milliseconds since 1970 UTC.
        kind: What has happened: ``joined`` or ``left``; a newer server may have other kinds. None
            for an event that is damaged in the store.
        username: The user who has joined or left, as the server displays the name; None likewise.
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
    """A message has another text now.

    Attributes:
        id: Of this event.
        seq: Its number in the room.
        room: Where.
        username: Who has edited it.
        target: The id of the message.
        text: The new text; empty if the message has been deleted since.
        ts: When, in milliseconds since 1970 UTC.
        is_deleted: It came out of the history, and the message has been deleted since.
        is_own: This user has edited it.
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
    """A message has been taken back.

    Attributes:
        id: Of this event.
        seq: Its number in the room.
        room: Where.
        username: Who has deleted it.
        target: The id of the message.
        ts: When, in milliseconds since 1970 UTC.
        is_own: This user has deleted it.
    """

    id: str
    seq: int
    room: str
    username: str
    target: str
    ts: int
    is_own: bool = False


LoggedEvent = Message | Notice | Edited | Deleted
"""Whatever is on a room's log. Each comes once, by ``seq``; none is left out without a `Gap`."""


@frozen
class Joined:
    """This is the room as it is now: after joining it, and again after each reconnect.

    Who shows people or marks takes them from here anew; nobody is typing.

    Attributes:
        room: Which.
        users: Who is here, by code point; in a crowd the first 200 of them.
        count: How many are here in all.
        read: Up to which ``seq`` this user has read.
        reads: The same of those in `users` who have read anything.
        head: The ``seq`` of the newest event; 0 if there is none.
        is_resumed: Whether what comes next in this room is just what was missed. If not, the room
            begins with `history`, which comes nowhere else.
        history: The newest events up to `head`, oldest first; empty if `is_resumed`.
        more: Whether there are events before `history`.
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
    """Events have been lost from view: the store does not have them any more, or is another one.

    Attributes:
        room: Where.
        after: The last ``seq`` that was seen.
        before: The ``seq`` of the event that comes next; None if the store is another one, whose
            numbers have begun anew. A `Joined` that is not resumed follows then.
    """

    room: str
    after: int
    before: int | None = None


@frozen
class PresenceChanged:
    """People have come or gone.

    Attributes:
        room: Where.
        online: Who has come.
        offline: Who has gone.
        count: How many there are now, in all.
    """

    room: str
    online: tuple[str, ...]
    offline: tuple[str, ...]
    count: int


@frozen
class Typing:
    """Somebody has begun to type, or has stopped. This user too, from whichever device.

    Attributes:
        room: Where.
        username: Who.
        is_typing: Which of the two.
        is_own: This user is typing, on any device.
    """

    room: str
    username: str
    is_typing: bool
    is_own: bool = False


@frozen
class Read:
    """Somebody has read the room up to this ``seq``. This user too, on whichever device.

    Attributes:
        room: Where.
        username: Who.
        seq: Up to where.
        is_own: This user has read it, on any device.
    """

    room: str
    username: str
    seq: int
    is_own: bool = False


@frozen
class Connected:
    """There is a connection, and all rooms are joined.

    Attributes:
        username: The name as the server shows it.
    """

    username: str


@frozen
class Disconnected:
    """There is no connection; the next try is under way by itself.

    Attributes:
        why: In words, for people.
        code: The close code (docs/reference/wire.md, "Close codes") or the HTTP status; None if the
            network or this side ended it.
        retry_seconds: How long until the next try.
    """

    why: str
    code: int | None
    retry_seconds: float


@frozen
class TokenEnds:
    """The token ends soon, and nobody is known who could give another one: see `refresh_token`.

    Attributes:
        seconds: How long it is good for.
    """

    seconds: float


@frozen
class Problem:
    """The server has refused something that nobody waits for, such as `set_typing`.

    Attributes:
        code: As of `CommandError`.
        message: In words, for people.
        room: Where, if there is one.
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
"""What iterating over a `Chat` gives."""


@frozen
class Logged:
    """A command is done, and on the store for good.

    Attributes:
        id: Of the event that it has become: what `edit` and `delete` want to know.
        seq: Its number in the room.
        room: Where.
        is_repeat: Whether the server had it already, from an earlier try.
    """

    id: str
    seq: int
    room: str
    is_repeat: bool = False


@frozen
class HistoryPage:
    """A stretch of a room's past.

    Attributes:
        room: Which.
        events: Oldest first, each as it is now.
        more: Whether there are further ones in the direction that was asked for.
    """

    room: str
    events: tuple[LoggedEvent, ...]
    more: bool


@frozen
class RoomView:
    """A room as far as it is known at this moment; what has not been yielded yet is in it already.

    Attributes:
        name: Its name.
        head: The highest ``seq`` that is known of.
        read: Up to where this user has read.
        users: Who is here, by code point; in a crowd the first 200, and later changes.
        count: How many are here in all.
        reads: Up to where each of them has read, as far as it is told.
    """

    name: str
    head: int
    read: int
    users: tuple[str, ...]
    count: int
    reads: Mapping[str, int]

    @property
    def unread(self) -> int:
        """How many events are above `read`."""
        return max(0, self.head - self.read)


@frozen
class Seen:
    """Up to where a room has been seen.

    Attributes:
        epoch: The life of the store.
        seq: The last event; 0 if none.
    """

    epoch: str
    seq: int


@frozen
class Position:
    """Where a program is, so that its next run goes on from there.

    Attributes:
        device: The secret by which the server knows this client again: only with it can it edit its
            messages where there are no tokens, and is a repeated ``ref`` a repeat.
        rooms: Up to where each room has been yielded.
    """

    device: str = field(repr=False)
    rooms: Mapping[str, Seen] = field(factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Give it as what JSON can say. It has the secret in it."""
        return attrs.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> "Position":
        """Take what `as_dict` gave.

        Raises:
            ValueError: It is not that.
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
