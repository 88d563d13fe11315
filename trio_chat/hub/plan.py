"""What a batch of requests comes to: filled by *decide*, carried out by *commit* and *tell*."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import define

from trio_chat.errors import CommandError
from trio_chat.hub.requests import Flush, Join, Member
from trio_chat.hub.room import Room
from trio_chat.protocol.encodings import Outgoing, PerVersion
from trio_chat.protocol.events import Draft, Event
from trio_chat.protocol.messages import ServerMessage
from trio_chat.protocol.names import Name
from trio_chat.store.base import ReadMarker

if TYPE_CHECKING:
    from trio_chat.cluster.envelope import NodeMessage


@define
class Entry:
    """The next draft of the batch: acknowledged, and sent to its room, once it is on the store.

    Attributes:
        member: Who asked for it; None for a notice of the hub's own.
    """

    room: Room
    draft: Draft
    member: Member | None


@define
class Told:
    """Something that is not logged is sent to a room."""

    room: Room
    said: ServerMessage | PerVersion


@define
class ToldTo:
    """A message is sent to one member of a room."""

    room: Room
    member: Member
    outgoing: Outgoing


@define
class Admitted:
    """A member comes into a room, held.

    Attributes:
        roster: Who is there, as far as the member is to know.
        count: How many there are.
    """

    room: Room
    join: Join
    members: tuple[Name, ...]
    count: int


@define
class Gone:
    """A member is no more."""

    room: Room
    member: Member


@define
class Dismissed:
    """A member goes out of one room.

    Attributes:
        ref: To be acknowledged, if it asked with one.
    """

    room: Room
    member: Member
    ref: str | None


@define
class TurnedAway:
    """A member cannot be let in."""

    join: Join
    error: CommandError


@define
class Answered:
    """A member is told that something cannot be done."""

    member: Member
    error: CommandError


@define
class CaughtUp:
    """Events that are on the store already, and were not sent to the room."""

    room: Room
    events: list[Event]


ComingOrGoing = ToldTo | Admitted | Gone | Dismissed
"""Before these a room is sent what is pending: they decide who gets what from then on."""

Step = Entry | Told | ToldTo | Admitted | Gone | Dismissed | TurnedAway | Answered | CaughtUp


class Plan:
    """A batch of requests, decided.

    Attributes:
        now: The time on Trio's clock, in seconds.
        ts: Milliseconds since 1970 UTC.
        steps: What happens, in order.
        drafts: What of it goes on the store: that of each `Entry`, in the same order.
        marks: Up to where users have read, by room and key, with the user's name as shown and who
            said so.
        said: What other nodes are told, besides what is logged.
        arrivals: Drafts, by number, that say that a user has come to a room, with room and key.
        announced: Users who have come to a room, by room and key, and whose notice is still to be
            decided: it comes behind the admissions of others who come at the same time.
        newcomers: Plain members, who are told who is there in any case.
        settles: Who waits for the end of the turn.
    """

    __slots__ = (
        "announced",
        "arrivals",
        "drafts",
        "marks",
        "newcomers",
        "now",
        "said",
        "settles",
        "steps",
        "ts",
    )

    def __init__(self, now: float, ts: int) -> None:  # by hand: attrs calls ``list`` eight times
        self.now = now
        self.ts = ts
        self.steps: list[Step] = []
        self.drafts: list[Draft] = []
        self.marks: dict[tuple[str, str], tuple[ReadMarker, str, Member]] = {}
        self.said: list[NodeMessage] = []
        self.arrivals: list[tuple[int, Room, str]] = []
        self.announced: list[tuple[Room, str]] = []
        self.newcomers: list[tuple[Room, Member]] = []
        self.settles: list[Flush] = []

    def marks_to_commit(self) -> Sequence[ReadMarker]:
        """The marks, without who said so."""
        return [mark for mark, _, _ in self.marks.values()]
