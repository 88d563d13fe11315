"""The decisions about a batch: *decide* fills a `Plan`, *commit* and *deliver* carry it out."""

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


@define
class Entry:
    """Acknowledge the next draft to its member, if any, and send it to the room, once stored."""

    room: Room
    draft: Draft
    member: Member | None


@define
class ToRoom:
    """Send a message that is not stored to a room."""

    room: Room
    message: ServerMessage | PerVersion


@define
class Call:
    """Call a function, after all earlier steps of the room, if one is given."""

    function: Callable[[], None]
    room: Room | None = None


class Plan:
    """The decisions about a batch. ``now`` is Trio's time, in seconds; ``ts`` in ms since 1970."""

    def __init__(self, now: float, ts: int) -> None:  # by hand: attrs calls ``list`` seven times
        self.now = now
        self.ts = ts
        self.steps: list[Entry | ToRoom | Call] = []
        self.drafts: list[Draft] = []  # of each `Entry`, in the same order
        self.marks: dict[tuple[str, str], ReadMarker] = {}  # to store, by room and user
        self.caught_up: list[tuple[Room, list[Event]]] = []
        """Stored events that rooms have not received: they come before all steps."""
        self.news: list[object] = []  # what other nodes must learn, besides events
        self.announced: list[tuple[Room, str]] = []  # joined users whose notice is not stored yet
        self.newcomers: list[tuple[Room, Member]] = []  # plain ones: they must receive the presence
        self.flushes: list[Flush] = []

    def store(self, room: Room, notice: Draft) -> None:
        """Add a notice, and the step that sends it."""
        self.drafts.append(notice)
        self.steps.append(Entry(room, notice, None))

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
