"""What is on the store: events, and what they are before they are there.

Nobody changes one of these. They are not `frozen` all the same: attrs pays for that with three
times the cost of making one, and there are two for every message.
"""

from enum import StrEnum
from typing import Final

from attrs import define, field


class Kind(StrEnum):
    """What an event is: its ``type`` on the wire, or the ``kind`` of a ``system`` event."""

    MESSAGE = "message"
    EDITED = "edited"
    DELETED = "deleted"
    JOINED = "joined"
    LEFT = "left"
    DAMAGED = "damaged"
    """Stands in the place of a stored event that cannot be read. It is never stored itself."""


NOTICES: Final = frozenset({Kind.JOINED, Kind.LEFT})
"""The kinds of stored ``system`` events. Each is about one user, and nobody can change it."""


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
    """An event that is not yet on the store.

    Attributes:
        id: Unique for ever.
        room: The name of its room.
        username: The author, or the user that a notice is about, as shown.
        message: The text, prepared; empty for a `Kind.DELETED` event.
        ts: Milliseconds since 1970 UTC.
        kind: What it is.
        target: The id of the message that an `Kind.EDITED` or `Kind.DELETED` event changes.
        author: Whose it is; None for a notice that only one node stores.
        ref: The client's name for this request, by which a repeat is known; None if it has none.
        ref_ms: For so many milliseconds the draft is a repeat of an event with the same ``ref``,
            whatever the text. None for a request, which is the same or in conflict.
        ends: Another ``ref`` of the author, which is not known any more once this is logged.
    """

    id: str
    room: str
    username: str
    message: str
    ts: int
    kind: Kind = Kind.MESSAGE
    target: str | None = None
    author: Author | None = None
    ref: str | None = None
    ref_ms: int | None = None
    ends: str | None = None

    def numbered(self, seq: int, ts: int | None = None) -> "Event":
        """The event it becomes with this ``seq``, as it is shown live.

        Args:
            seq: Its number in the room.
            ts: When it happened, in milliseconds since 1970 UTC; None for the draft's own.
        """
        return Event(
            seq,
            self.id,
            self.room,
            self.kind,
            self.username,
            self.message,
            self.ts if ts is None else ts,
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
        username: The author, or the user that a notice is about, as shown; None for
            `Kind.DAMAGED`.
        message: The text; empty if `is_deleted`, or if this is a `Kind.DELETED` event.
        ts: Milliseconds since 1970 UTC.
        target: The id of the message that was changed, of `Kind.EDITED` and `Kind.DELETED`.
        is_edited: In history, of a message and its `Kind.EDITED` events: there is a newer text
            than the first, and this is the newest.
        is_deleted: In history, of the same: the message has been deleted.
        encoded: Its JSON, once a client has been shown it in a history: the next one gets the same.
            Empty until then. None if the event is not kept for others, such as one of a page that
            the store read for one client: thousands of these may wait at the same time.
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
    encoded: bytes | None = field(default=None, init=False, eq=False, repr=False)
