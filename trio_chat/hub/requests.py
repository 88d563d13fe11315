"""The requests to the hub, and the two sides of a connection: a `Source` to read, a `Member`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from attrs import define, frozen
from outcome import Error

from trio_chat.errors import CommandError
from trio_chat.protocol.commands import LeaveRoom, ReadMarker, SetTyping, Since
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import Author, Kind
from trio_chat.protocol.names import Name

if TYPE_CHECKING:
    from trio_chat.hub.plan import Plan
    from trio_chat.hub.subscription import Subscription

NOTHING_SEEN: Final = Since()


class Member(Protocol):
    """A connection as the hub sees it. No call waits for the client.

    A member whose queue is full closes its connection, and ignores messages until the hub has
    handled its `Leave`. Encoding and author never change. The last two attributes bound the events
    that a room keeps for a pending member.
    """

    encoding: Encoding
    author: Author
    max_backlog_frames: int
    max_backlog_bytes: int

    def offer(self, frames: Sequence[bytes], joined: bytes) -> None:
        """Send or queue whole frames; ``joined`` has the same frames as one string of bytes."""

    def admit(self, subscription: "Subscription") -> None:
        """Note that the member is in a room, pending until it calls `Subscription.activate`."""

    def turn_away(self, join: "Join", error: CommandError) -> None:
        """Note that the hub refused a join."""

    def refuse(self, error: CommandError) -> None:
        """Answer a request that failed."""


class Source(Protocol):
    """A connection as the inbox sees it. No call waits; ``now`` is Trio's time, in seconds."""

    def read(self, now: float) -> "Request | None":
        """Receive bytes, and return the request if they are one text of at most 256 characters.

        The source keeps anything else, and calls `Inbox.serve`.
        """

    def go_on(self, now: float) -> "Request | None":
        """Handle one of the messages kept; call `Inbox.serve` if others remain."""

    def fail(self, error: Error) -> None:
        """Close the connection, since one of the other calls raised this."""


@frozen
class Join:
    """Let a member into a room. The hub calls `Member.admit` or `Member.turn_away`.

    A member that is in the room already becomes pending again, without a notice.

    Attributes:
        address: The client's address, which pays for notices and new rooms.
        is_renewal: Whether the hub itself asks, since the store holds another history. Then the
            member stays in the room even if it cannot be answered.
    """

    member: Member
    room: str
    name: Name
    since: Since = NOTHING_SEEN
    ref: str | None = None
    address: str = ""
    is_renewal: bool = False


@frozen
class Leave:
    """Remove a member from its rooms: its connection ended. The user may have time to return."""

    member: Member
    may_return: bool = False


@define  # not frozen: making a frozen one takes three times as long
class Publish:
    """Store a message, an edit or a deletion (of ``target``), and send it to the room."""

    member: Member
    room: str
    text: str
    ref: str | None = None
    kind: Kind = Kind.MESSAGE
    target: str | None = None


@frozen
class Tick:
    """Time has passed: end everything that has expired."""


@frozen
class Flush:
    """Call a function once the hub has handled all earlier requests."""

    done: Callable[[], None]


@frozen
class InTurn:
    """Call a function in the next turn; it adds steps to the plan."""

    decide: Callable[["Plan"], None]


Request = Join | LeaveRoom | Leave | Publish | SetTyping | ReadMarker | Tick | Flush | InTurn
