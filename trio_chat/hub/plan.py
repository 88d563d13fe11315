"""What a turn will do: *decide* fills a `Plan`, *commit* and *deliver* carry it out."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from attrs import define

from trio_chat.errors import CommandError
from trio_chat.hub.requests import Flush, Join, Member
from trio_chat.hub.room import Room
from trio_chat.protocol.encodings import PerVersion
from trio_chat.protocol.events import Draft, Event
from trio_chat.protocol.messages import ServerMessage

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
class CaughtUp:
    """Send events that are in the store and that the room has not received."""

    room: Room
    events: list[Event]


@define
class Call:
    """Call a function that changes the members of a room, or addresses one member.

    Attributes:
        room: Receives all earlier steps first, if it is not None.
    """

    function: Callable[[], None]
    room: Room | None = None


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

    def __init__(self, now: float, ts: int) -> None:  # by hand: attrs calls ``list`` seven times
        self.now = now
        self.ts = ts
        self.steps: list[Entry | ToRoom | CaughtUp | Call] = []
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

    def refuse(
        self, member: Member, error: CommandError, room: str, ref: str | None = None
    ) -> None:
        """Answer a failed request."""
        error.room, error.ref = room, ref
        self.steps.append(Call(partial(member.refuse, error)))

    def turn_away(self, join: Join, error: CommandError) -> None:
        """Refuse a join."""
        error.room, error.ref = join.room, join.ref
        self.steps.append(Call(partial(join.member.turn_away, join, error)))
