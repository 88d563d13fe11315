"""What travels: commands from clients, events on the log, and frames to clients.

The names of the fields are ours; the names on the wire (camelCase) are the codec's business.

Nobody changes one of these. Those on the way of every message are not `frozen` all the same: attrs
pays for that with three times the cost of making one.
"""

from attrs import define, frozen

# --- from a client -----------------------------------------------------------------------------


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


Command = SendMessage | SetTyping

# --- on the log --------------------------------------------------------------------------------


@define
class Draft:
    """An event that is not yet on the log.

    Attributes:
        id: Unique for ever.
        room: The name of its room.
        username: The author, as shown; None makes it a ``system`` event.
        message: The text, prepared.
        ts: Milliseconds since 1970 UTC.
    """

    id: str
    room: str
    username: str | None
    message: str
    ts: int


@define
class Event:
    """A logged event: a draft and its place in the room.

    Attributes:
        seq: 1, 2, 3, … in its room, without a gap, in commit order.
        draft: What was logged.
    """

    seq: int
    draft: Draft


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
class History:
    """Past events of a room.

    Attributes:
        events: Oldest first. If they are too much for one frame, only the newest are sent.
        more: Whether there are older ones.
    """

    room: str
    events: tuple[Event, ...]
    more: bool
    ts: int


@frozen
class Heartbeat:
    """A sign of life that pages can see, unlike a ping."""

    ts: int


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


Frame = Event | Typing | Presence | History | Heartbeat | Notice | ErrorAnswer
