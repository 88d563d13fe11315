"""What connections and the hub say to each other.

Connections (``websocket``) and the hub (``hub``) never import each other. The hub's inbox reads a
connection as a `Source`, which returns one of the requests below; the hub answers by calling the
`Member`. Everybody else puts requests into the inbox (`Requests`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Protocol

from attrs import define, frozen
from outcome import Error

from trio_chat.cluster.envelope import Envelope
from trio_chat.errors import CommandError
from trio_chat.hub.changes import Changes
from trio_chat.protocol.commands import Since
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import Author, Kind
from trio_chat.protocol.names import Name


@frozen
class Gap:
    """Events that were let go rather than held: to be read from the store.

    Attributes:
        after: The ``seq`` before the first of them.
        upto: The ``seq`` of the last.
    """

    after: int
    upto: int


class Admission(Protocol):
    """A member's place in a room, held until the member has been sent what was before it.

    Attributes:
        join: What was asked.
        epoch: The life of the room's log.
        cut: The ``seq`` of the last event before the member came in; 0 if there is none. What
            comes after it is held for the member.
        roster: Who is in the room, the member's user included: by code point of the names as
            shown, at most as many as a crowd has. Empty for a plain member, who is told otherwise.
        count: How many there are in all.
        changes: The room's edits and deletions, for pages that are being read.
        is_over: Whether nothing more comes of this place, as it was released or discarded. The hub
            discards the place of a member that it admits again by itself.
    """

    join: "Join"
    epoch: str
    cut: int
    members: tuple[Name, ...]
    count: int
    changes: Changes
    is_over: bool

    @property
    def told(self) -> int | None:
        """The last ``seq`` that has been offered to the member; None while it is held."""

    @property
    def is_pending(self) -> bool:
        """Whether this place holds the member, which has not left or joined again meanwhile."""

    def show_read(self, read: Mapping[str, int]) -> None:
        """Note up to where, by name as shown, the member is about to see that users have read.

        Receipts that are held and say no more are not sent: they would take a step back.
        """

    def release(self, frames: Sequence[bytes]) -> Gap | None:
        """Send these frames, then what was held; from then on the member gets all as it comes.

        If it has left the room, or joined it again, meanwhile, it gets what was held until then.

        Returns:
            None if that is done. Otherwise the place held too much. It has sent the frames and a
            part of it, and holds the events after the gap from now on. Send the events of the gap,
            which may have none, and call this again, without frames, when the queue has room.
        """

    def discard(self) -> None:
        """The member gives up coming in: nothing is held for it any more, and it is to leave."""


class Member(Protocol):
    """A connection as the hub sees it.

    Every call is sync and never waits for the client. A member whose queue is full ends itself, and
    then leaves as every member leaves: by a `Leave` in the inbox. Until that is dealt with it takes
    no notice of what it is offered.

    Attributes:
        encoding: The encoding of the frames it takes; it never changes.
        author: Whose its messages are; it never changes.
        held_frames: How many events a room may hold for it while it comes in.
        held_bytes: How many bytes these may have.
    """

    encoding: Encoding
    author: Author
    held_frames: int
    held_bytes: int

    def offer(self, frames: Sequence[bytes], joined: bytes) -> None:
        """Send frames now or queue them.

        Args:
            frames: Whole frames, in order, in the member's encoding.
            joined: The same frames as one string of bytes.
        """

    def admit(self, admission: Admission) -> None:
        """Tell the member that it is in a room now, held."""

    def turn_away(self, join: "Join", error: CommandError) -> None:
        """Tell the member that it could not be let into a room."""

    def refuse(self, error: CommandError) -> None:
        """Tell the member that something could not be done."""


class Names(Protocol):
    """The encoding in which each user's name is displayed, to the connections."""

    def hold(self, member: Member, name: Name) -> str:
        """Give the displayed form, and keep it until the member is in a room or has left.

        Args:
            member: The connection.
            name: As its client gave it.
        """


class OtherNodes(Protocol):
    """The other nodes, to who counts a user's connections."""

    def connections(self, user: str, address: str) -> int:
        """How many connections a user has to all other nodes, as far as they have said so.

        Args:
            user: The key of the user's name.
            address: The client's address; empty if a token vouches for the name.
        """

    def count(self, user: str, address: str, connections: int) -> None:
        """Tell them at once how many the user has here now."""

    def ask_after(self, user: str, address: str, now: float) -> Collection[str]:
        """Ask the nodes which have connections of a user whether they live.

        Args:
            user: As for `connections`.
            address: The same.
            now: The time on Trio's clock, in seconds.

        Returns:
            Their ids.
        """

    def silent(self, nodes: Collection[str]) -> Collection[str]:
        """Return those of these nodes that have sent nothing since they were asked."""

    def leave_out(self, nodes: Collection[str]) -> None:
        """Count no connections to these nodes until they publish again."""

    def surplus(self, user: str, address: str, most: int) -> int:
        """How many of a user's connections here are to end, as there are too many in all.

        Args:
            user: As for `connections`.
            address: The same.
            most: As many as there should be; one more for each node may have come unseen.
        """

    def watch_growth(self, grown: Callable[[str, str], None]) -> None:
        """Have this called, with a user and an address, whenever others may have more of them."""


NOTHING_SEEN: Final = Since()


@frozen
class Join:
    """Let a member into a room. Answered by `Member.admit` or `Member.turn_away`.

    A member that is there already is held and admitted anew, and nobody is told.

    Attributes:
        since: Up to where the client knows the room; for who answers, as is `ref`.
        address: The client's, which pays for notices and new rooms.
        is_renewal: Whether the hub asks by itself, as the store holds another history: the member
            is in the room, and stays there until it can be answered.
    """

    member: Member
    room: str
    name: Name
    since: Since = NOTHING_SEEN
    ref: str | None = None
    address: str = ""
    is_renewal: bool = False


@frozen
class LeaveRoom:
    """Let a member out of one room, and acknowledge it if there is a ``ref``."""

    member: Member
    room: str
    ref: str | None = None


@frozen
class Leave:
    """The member is gone from all its rooms; nothing more is offered to it.

    Attributes:
        may_return: Whether it is given some seconds to come back before anybody is told.
    """

    member: Member
    may_return: bool = False


@define  # not frozen, as the messages are not
class Publish:
    """Log something of a user's, and send it to the member's room.

    Attributes:
        text: The text, or the new text; empty if this deletes.
        ref: Makes it acknowledged, and never logged twice.
        kind: A message, an edit or a deletion.
        target: The id of the message that is edited or deleted.
    """

    member: Member
    room: str
    text: str
    ref: str | None = None
    kind: Kind = Kind.MESSAGE
    target: str | None = None


@frozen
class ChangeTyping:
    """The member's user has begun, goes on, or has stopped to type."""

    member: Member
    room: str
    is_typing: bool


@frozen
class MarkRead:
    """The member's user has read the room up to this ``seq``."""

    member: Member
    room: str
    seq: int


@frozen
class Tick:
    """Time has passed: end what has run out."""


@frozen
class Flush:
    """Call back when everything put into the inbox before has been dealt with."""

    done: Callable[[], None]


@frozen
class Heard:
    """Other nodes have said something, in this order.

    The hub calls `done` when it has dealt with it: then the next envelopes may come.
    """

    envelopes: Sequence[Envelope]
    done: Callable[[], None]


@frozen
class Reach:
    """Whether the backplane is in reach from now on; if it is, much may have been missed before."""

    is_given: bool


Request = (
    Join | LeaveRoom | Leave | Publish | ChangeTyping | MarkRead | Tick | Flush | Heard | Reach
)


class Source(Protocol):
    """A connection as the inbox sees it. All calls are sync."""

    def read(self, now: float) -> Request | None:
        """Receive what has come, and deal with it if it is one short message.

        Anything else stays in hand: `go_on` is called for it, since the source asks for that.

        Args:
            now: The time on Trio's clock, in seconds.

        Returns:
            What the hub is to do about it, if anything; at most 256 characters of text.
        """

    def go_on(self, now: float) -> Request | None:
        """Deal with one of the things in hand; what is left makes the source ask once more.

        Args:
            now: The time on Trio's clock, in seconds.

        Returns:
            What the hub is to do about it, if anything.
        """

    def fail(self, error: Error) -> None:
        """End with what one of the other calls has raised."""


class Requests(Protocol):
    """The hub's inbox, to a connection, and to everybody else who puts requests in."""

    def watch(self, fd: int, source: Source) -> None:
        """Read a source whenever its descriptor is readable, from now on."""

    def unwatch(self, fd: int) -> None:
        """Read a source no longer. Call this before its descriptor is closed."""

    def serve(self, fd: int) -> None:
        """Call `Source.go_on` once, of a source that is watched."""

    def is_paused(self, fd: int) -> bool:
        """Whether a source is not read for now, as the hub has not taken a request of it yet."""

    def send_nowait(self, value: Request, /) -> None:
        """Put a request in.

        Raises:
            trio.WouldBlock: There is no room.
            trio.BrokenResourceError: There is no hub any more.
        """

    async def send(self, value: Request, /) -> None:
        """Put a request in, when there is room. Cancelled, it has not been put in.

        Raises:
            trio.BrokenResourceError: There is no hub any more.
        """
