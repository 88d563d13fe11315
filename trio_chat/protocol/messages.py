"""What travels: commands from clients, events on the log, and frames to clients.

The names of the fields are ours; the names on the wire (camelCase) are the codec's business.

Nobody changes one of these. Those on the way of every message are not `frozen` all the same: attrs
pays for that with three times the cost of making one.
"""

from collections.abc import Mapping
from enum import StrEnum

from attrs import define, field, frozen

# --- from a client -----------------------------------------------------------------------------


@frozen
class Since:
    """Up to where a client knows a room; by default it knows nothing of it.

    Attributes:
        since: The last ``seq`` it has seen; 0 is none.
        epoch: The life of the log in which it saw that.
    """

    since: int | None = None
    epoch: str | None = None


@frozen
class Hello:
    """``hello``: the first frame of version 2.

    Attributes:
        device: The client's secret; None if it has none yet.
        rooms: Where it wants to be; empty for the default room.
    """

    v: int
    username: str
    device: str | None = None
    rooms: Mapping[str, Since] = field(factory=dict)


@define
class SendMessage:
    """``message``: log and send a text. Without a room, the default one is meant."""

    message: str
    room: str | None = None
    ref: str | None = None


@frozen
class SetTyping:
    """``typing``: the sender has begun, goes on, or has stopped to type."""

    is_typing: bool
    room: str | None = None


@frozen
class JoinRoom:
    """``join``: be in one more room, or go on from ``since`` in one it is in."""

    room: str
    since: int | None = None
    epoch: str | None = None
    ref: str | None = None


@frozen
class LeaveRoom:
    """``leave``: be in one room less."""

    room: str
    ref: str | None = None


@frozen
class ReadHistory:
    """``history``: a page of past events.

    Attributes:
        before: The newest below this ``seq``; without `after` and this, the newest of all.
        after: The oldest above this ``seq``.
        limit: The most events.
    """

    room: str | None = None
    before: int | None = None
    after: int | None = None
    limit: int = 50
    ref: str | None = None


@frozen
class ReadUpTo:
    """``read``: the user has read the room up to this ``seq``."""

    seq: int
    room: str | None = None


@frozen
class EditMessage:
    """``edit``: give one's own message another text."""

    id: str
    message: str
    room: str | None = None
    ref: str | None = None


@frozen
class DeleteMessage:
    """``delete``: take one's own message back."""

    id: str
    room: str | None = None
    ref: str | None = None


@frozen
class RefreshToken:
    """``auth``: a fresh token, before the old one ends."""

    token: str = field(repr=False)
    ref: str | None = None


Command = (
    SendMessage
    | SetTyping
    | JoinRoom
    | LeaveRoom
    | ReadHistory
    | ReadUpTo
    | EditMessage
    | DeleteMessage
    | RefreshToken
)

# --- on the log --------------------------------------------------------------------------------


class Kind(StrEnum):
    """What an event is; on the wire, its ``type``."""

    MESSAGE = "message"
    SYSTEM = "system"
    EDITED = "edited"
    DELETED = "deleted"


@define
class Author:
    """Whose an event is, to whoever wants to change it, or sends it again.

    Attributes:
        user: The key of the user's name.
        device: A digest of the device's secret; empty for one that has none, which then owns
            nothing and can retry nothing.
        is_proven: Whether a token has proved the name; then any of the user's devices will do.
    """

    user: str
    device: str
    is_proven: bool = False


@define
class Draft:
    """An event that is not yet on the log.

    Attributes:
        id: Unique for ever.
        room: The name of its room.
        username: The author, as shown; None for a `Kind.SYSTEM` event, and for no other.
        message: The text, prepared; empty for a `Kind.DELETED` event.
        ts: Milliseconds since 1970 UTC.
        kind: What it is.
        target: The id of the message that an `Kind.EDITED` or `Kind.DELETED` event changes.
        author: Whose it is; None for a `Kind.SYSTEM` event.
        ref: The client's name for this request, by which a repeat is known; None if it has none.
    """

    id: str
    room: str
    username: str | None
    message: str
    ts: int
    kind: Kind = Kind.MESSAGE
    target: str | None = None
    author: Author | None = None
    ref: str | None = None

    def numbered(self, seq: int) -> "Event":
        """The event it becomes with this ``seq``, as it is shown live."""
        return Event(
            seq,
            self.id,
            self.room,
            self.kind,
            self.username,
            self.message,
            self.ts,
            self.target,
        )


@define
class Event:
    """A logged event, as it is shown: live as it was logged, in history with the newest text.

    Attributes:
        seq: 1, 2, 3, … in its room, without a gap, in commit order.
        id: Unique for ever.
        room: The name of its room.
        kind: What it is.
        username: The author, as shown; None for a `Kind.SYSTEM` event.
        message: The text; empty if `is_deleted`, or if this is a `Kind.DELETED` event.
        ts: Milliseconds since 1970 UTC.
        target: The id of the message that was changed, of `Kind.EDITED` and `Kind.DELETED`.
        is_edited: In history, of a message and its `Kind.EDITED` events: there is a newer text
            than the first, and this is the newest.
        is_deleted: In history, of the same: the message has been deleted.
    """

    seq: int
    id: str
    room: str
    kind: Kind
    username: str | None
    message: str
    ts: int
    target: str | None = None
    is_edited: bool = False
    is_deleted: bool = False


# --- to a client -------------------------------------------------------------------------------


@frozen
class Typing:
    """Somebody in the room has begun or stopped to type."""

    room: str
    username: str
    is_typing: bool
    ts: int


@frozen
class Presence:
    """Who is in the room, for plain connections.

    Attributes:
        users: By code point; in a crowd the first 200 of them.
        count: How many there are in all.
    """

    room: str
    users: tuple[str, ...]
    count: int
    ts: int


@frozen
class PresenceChange:
    """Who has come and who has gone, for version 2.

    Attributes:
        online: Names, as shown.
        offline: The same.
        count: How many there are now, in all.
    """

    room: str
    online: tuple[str, ...]
    offline: tuple[str, ...]
    count: int
    ts: int


@frozen
class History:
    """Past events of a room.

    Attributes:
        events: Oldest first.
        more: Whether there are further ones in the direction that was read.
        is_forward: Which of them are sent if they are too much for one frame: the oldest if so,
            else the newest.
        ref: The client's, if it asked with one.
    """

    room: str
    events: tuple[Event, ...]
    more: bool
    ts: int
    is_forward: bool = False
    ref: str | None = None


@frozen
class Limits:
    """What a client may do, to be told to it."""

    frame_bytes: int
    message_chars: int
    rate_per_second: float
    burst: int
    rooms: int
    resume: int


@frozen
class Welcome:
    """``welcome``: the answer to a `Hello`."""

    v: int
    username: str
    device: str = field(repr=False)
    limits: Limits


@frozen
class Joined:
    """``joined``: a version 2 connection is in a room; live events follow from ``head`` + 1.

    Attributes:
        epoch: The life of the log.
        head: The ``seq`` of the last event before; 0 if there is none.
        read: Up to where this user has read.
        users: By code point; in a crowd the first 200 of them.
        count: How many there are in all.
        reads: Up to where each of `users` has read who has read anything.
        recovered: Whether `history` is exactly what the client missed.
        history: Oldest first.
        more: Whether there are events before `history`.
        ref: The client's, if it asked with one.
    """

    room: str
    epoch: str
    head: int
    read: int
    users: tuple[str, ...]
    count: int
    reads: Mapping[str, int]
    recovered: bool
    history: tuple[Event, ...]
    more: bool
    ref: str | None = None


@frozen
class Read:
    """``read``: a user has read up to this ``seq``."""

    room: str
    username: str
    seq: int


@define
class Ack:
    """``ack``: the command with this ref is done, and what it did is on the log.

    Attributes:
        room: Of the event; None where there is none (``leave``, ``auth``).
        id: Of the event.
        seq: Of the event.
        is_repeat: Whether it had been done before.
    """

    ref: str
    room: str | None = None
    id: str | None = None
    seq: int | None = None
    is_repeat: bool = False


@frozen
class TokenEnds:
    """``auth``: a fresh token is needed within this time."""

    expires_in_ms: int


@frozen
class Reconnect:
    """``reconnect``: the server will close the connection then; come back at once."""

    after_ms: int


@frozen
class Heartbeat:
    """A sign of life that pages can see, unlike a ping.

    Attributes:
        heads: Of version 2: for each room, the last ``seq`` put in this connection's queue.
    """

    ts: int
    heads: Mapping[str, int] | None = None


@frozen
class Notice:
    """A system message to one connection only: not logged, so without id and seq."""

    room: str
    message: str
    ts: int


@frozen
class ErrorAnswer:
    """An ``error`` to one connection."""

    code: str
    message: str
    retry_after_ms: int | None = None
    ref: str | None = None
    room: str | None = None


Frame = (
    Event
    | Typing
    | Presence
    | PresenceChange
    | History
    | Welcome
    | Joined
    | Read
    | Ack
    | TokenEnds
    | Reconnect
    | Heartbeat
    | Notice
    | ErrorAnswer
)
