"""What a turn will do: *decide* fills a `Plan`, *commit* and *deliver* carry it out."""

from typing import TYPE_CHECKING

from attrs import define

from trio_chat.errors import CommandError
from trio_chat.hub.requests import Flush, Join, Member
from trio_chat.hub.room import Room
from trio_chat.protocol.encodings import Outgoing, PerVersion
from trio_chat.protocol.events import Draft, Event
from trio_chat.protocol.messages import ServerMessage
from trio_chat.protocol.names import Name

if TYPE_CHECKING:
    from trio_chat.protocol.commands import ReadMarker


@define
class Typed:
    """News for other nodes: a user in a room has started, continued or stopped typing."""

    room: str
    user: str
    shown: str
    is_typing: bool


# --- steps ----------------------------------------------------------------------------------------


@define
class Entry:
    """Acknowledge the next draft of the batch and send it to its room, once it is stored.

    Attributes:
        member: The member to acknowledge; None for a notice of the hub.
    """

    room: Room
    draft: Draft
    member: Member | None


@define
class ToRoom:
    """Send a message that is not stored to a room."""

    room: Room
    message: ServerMessage | PerVersion


@define
class ToMember:
    """Send messages to one member of a room."""

    room: Room
    member: Member
    outgoing: Outgoing


@define
class Admitted:
    """Admit a member to a room, pending.

    Attributes:
        members: The users in the room that the member may see, in order; none for plain members.
        count: How many users are in the room.
    """

    room: Room
    join: Join
    members: tuple[Name, ...]
    count: int


@define
class Gone:
    """Remove a member whose connection has ended."""

    room: Room
    member: Member


@define
class Dismissed:
    """Remove a member from one room.

    Attributes:
        ref: The ``ref`` to acknowledge; None if the request had none.
    """

    room: Room
    member: Member
    ref: str | None


@define
class TurnedAway:
    """Refuse a join."""

    join: Join
    error: CommandError


@define
class Answered:
    """Answer a request that failed."""

    member: Member
    error: CommandError


@define
class CaughtUp:
    """Send events that are in the store and that the room has not received."""

    room: Room
    events: list[Event]


ChangesMembers = ToMember | Admitted | Gone | Dismissed
"""Before these steps the room receives what is pending: they change its members."""

Step = Entry | ToRoom | ToMember | Admitted | Gone | Dismissed | TurnedAway | Answered | CaughtUp


class Plan:
    """The decisions about a batch of requests.

    Attributes:
        now: The time on Trio's clock, in seconds.
        ts: Milliseconds since 1970 UTC.
        steps: What happens, in order.
        drafts: What to store: the draft of each `Entry`, in the same order.
        marks: Read markers to store, by room and user.
        news: What other nodes must learn, besides events.
        announced: Users who have joined, by room and key, whose notice is not decided yet. It
            follows the admissions of others who join in the same turn.
        newcomers: Plain members who must receive the presence.
        flushes: Flushes that this turn completes.
    """

    __slots__ = (
        "announced",
        "drafts",
        "flushes",
        "marks",
        "newcomers",
        "news",
        "now",
        "steps",
        "ts",
    )

    def __init__(self, now: float, ts: int) -> None:  # by hand: attrs calls ``list`` seven times
        self.now = now
        self.ts = ts
        self.steps: list[Step] = []
        self.drafts: list[Draft] = []
        self.marks: dict[tuple[str, str], ReadMarker] = {}
        self.news: list[object] = []
        self.announced: list[tuple[Room, str]] = []
        self.newcomers: list[tuple[Room, Member]] = []
        self.flushes: list[Flush] = []

    def store(self, room: Room, draft: Draft, member: Member | None = None) -> None:
        """Add a draft, and the step that sends it."""
        self.drafts.append(draft)
        self.steps.append(Entry(room, draft, member))
