"""The messages that the server sends (docs/reference/wire.md, "What the server sends").

Field names follow Python; `trio_chat.protocol.encode` knows the names on the wire. `Event` is a
message too. Names of users are as displayed, ``count`` counts all users of a room, and ``ref`` is
the client's, if any. Not all are frozen: making a frozen attrs object takes three times as long.
"""

from collections.abc import Mapping

from attrs import define, field, frozen

from trio_chat.protocol.events import Event


@frozen
class Typing:
    """A user of the room is typing, or has stopped."""

    room: str
    username: str
    is_typing: bool
    ts: int


@frozen
class Presence:
    """The users of a room, for plain connections: sorted; in a large room the first 200."""

    room: str
    users: tuple[str, ...]
    count: int
    ts: int


@frozen
class PresenceChange:
    """The users who have joined and left a room, for version 2."""

    room: str
    online: tuple[str, ...]
    offline: tuple[str, ...]
    count: int
    ts: int


@frozen
class History:
    """Past events of a room, oldest first; ``more`` follow in the direction of reading.

    If the events exceed one message, it has those that come first in this direction.
    """

    room: str
    events: tuple[Event, ...]
    more: bool
    ts: int
    is_forward: bool = False
    ref: str | None = None


@frozen
class Limits:
    """The limits of a client, for `Welcome`."""

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
    """``joined``: a client of version 2 is in a room; live events follow from ``head`` + 1.

    Attributes:
        read: The read marker of this user.
        users: Sorted by code point; in a large room the first 200.
        reads: The read markers of `users`, without those that have read nothing.
        recovered: Whether `events` are exactly what the client missed.
        events: Oldest first.
        more: Whether the room has earlier events.
        json: The JSON of `events`, if all of it fits and other clients share it.
    """

    room: str
    epoch: str
    head: int
    read: int
    users: tuple[str, ...]
    count: int
    reads: Mapping[str, int]
    recovered: bool
    events: tuple[Event, ...]
    more: bool
    ref: str | None = None
    json: bytes | None = None


@define
class HasRead:
    """``read``: a user's read marker has grown and is stored. Other nodes receive it too.

    Other nodes use ``user``, the key of the name; clients receive ``shown``.
    """

    room: str
    user: str
    shown: str
    seq: int


@define
class Ack:
    """``ack``: the command with this ref is done, now or before, and its event stored.

    Some commands have no event (``leave``, ``auth``).
    """

    ref: str
    room: str | None = None
    id: str | None = None
    seq: int | None = None
    is_repeat: bool = False


@frozen
class TokenEnds:
    """``auth``: the token expires after this time."""

    expires_in_ms: int


@frozen
class Reconnect:
    """``reconnect``: the server closes the connection after this time; reconnect then."""

    after_ms: int


@frozen
class Heartbeat:
    """A sign of life for pages, which cannot see pings.

    For version 2, ``heads`` has the last ``seq`` of each room in this connection's queue.
    """

    ts: int
    heads: Mapping[str, int] | None = None


@frozen
class Notice:
    """A ``system`` message to one connection: not stored, so without id and ``seq``."""

    room: str
    message: str
    ts: int


@frozen
class ErrorAnswer:
    """``error``: the answer to a failed command."""

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
    | HasRead
    | Ack
    | TokenEnds
    | Reconnect
    | Heartbeat
    | Notice
    | ErrorAnswer
)
