"""What the server sends: frames, each of them one JSON object.

The names of the fields are ours; the names on the wire (camelCase) are the codec's business.

Nobody changes one of these. Those on the way of every message are not `frozen` all the same: attrs
pays for that with three times the cost of making one.
"""

from collections.abc import Mapping

from attrs import define, field, frozen

from trio_chat.protocol.events import Event


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
        epoch: The life of the store.
        head: The ``seq`` of the last event before; 0 if there is none.
        read: Up to where this user has read.
        users: By code point; in a crowd the first 200 of them.
        count: How many there are in all.
        reads: Up to where each of `users` has read who has read anything.
        recovered: Whether `history` is exactly what the client missed.
        history: Oldest first.
        more: Whether there are events before `history`.
        ref: The client's, if it asked with one.
        json: Of `history`, if other clients have been shown the same, and all of it fits.
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
    json: bytes | None = None


@frozen
class Read:
    """``read``: a user has read up to this ``seq``."""

    room: str
    username: str
    seq: int


@define
class Ack:
    """``ack``: the command with this ref is done, and what it did is on the store.

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


ServerMessage = (
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
