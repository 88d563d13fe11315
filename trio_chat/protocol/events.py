"""Stored events, and the drafts they are made from.

No code changes one after making it, except `Event.encoded`. They are not frozen because making a
frozen attrs object takes three times as long, and every message makes two.
"""

from enum import StrEnum
from typing import Final

from attrs import define, field


class Kind(StrEnum):
    """The kind of an event: its ``type`` on the wire, or the ``kind`` of a ``system`` event."""

    MESSAGE = "message"
    EDITED = "edited"
    DELETED = "deleted"
    JOINED = "joined"
    LEFT = "left"
    DAMAGED = "damaged"
    """Stands for a stored event that cannot be read; never stored."""


NOTICES: Final = frozenset({Kind.JOINED, Kind.LEFT})
"""The kinds of stored ``system`` events. Each concerns one user, and clients cannot change it."""


@define
class Author:
    """The author of an event, by the key of the name: only its author may change or repeat it.

    Attributes:
        device: A digest of the device's secret. A plain client has none: it owns no event and
            cannot retry.
        is_proven: Whether a token proves the name. If so, any device of the user may act.
    """

    user: str
    device: str
    is_proven: bool = False


@define
class Draft:
    """An event before the store has it. See `Event` for the fields that both have.

    Attributes:
        author: None for a notice that only one node stores.
        ref: The client's name for the request, which identifies a repeat; None without one.
        ref_ms: For this many milliseconds the draft repeats an event with the same ``ref``,
            whatever its text. None for a request: the same text repeats, another one conflicts.
        ends: Another ``ref`` of the author, which the store forgets with this event.
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
        """Return the live event with this ``seq``, and the draft's own ``ts`` unless given."""
        ts, text = self.ts if ts is None else ts, self.message
        return Event(seq, self.id, self.room, self.kind, self.username, text, ts, self.target)


@define
class Event:
    """A stored event, as clients receive it: live with its own text, in history with the newest.

    Attributes:
        seq: 1, 2, 3, … in its room, without gaps, in commit order.
        username: The author, or the user that a notice concerns, as displayed; None for
            `Kind.DAMAGED`.
        message: The prepared text; empty if `is_deleted`, and for a `Kind.DELETED` event.
        ts: Milliseconds since 1970 UTC.
        target: The id of the message that a `Kind.EDITED` or `Kind.DELETED` event changes.
        is_edited: In history, for a message and its `Kind.EDITED` events: `message` is a newer text
            than the first.
        is_deleted: In history, for the same events: the message was deleted.
        encoded: The JSON for history, once encoded for the first client; empty before. None for an
            event that other clients do not share, such as one of a page read for one client:
            thousands of those may wait at the same time.
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
