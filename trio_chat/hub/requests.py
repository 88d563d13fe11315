"""What connections ask of the hub, and what the hub calls on a connection.

The inbox reads each connection as a `Source`, which returns one of the requests below. The hub
answers by calling the `Member`. All other tasks put requests into the inbox.
"""

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
    """A connection as the hub sees it.

    Every call is sync and never waits for the client. A member whose queue is full closes its
    connection and then sends a `Leave`, like every connection that ends. Until the hub has handled
    that, the member ignores messages. Encoding and author never change.

    Attributes:
        max_backlog_frames: The most events that a room may keep for it while it is pending.
        max_backlog_bytes: The most bytes of these.
    """

    encoding: Encoding
    author: Author
    max_backlog_frames: int
    max_backlog_bytes: int

    def offer(self, frames: Sequence[bytes], joined: bytes) -> None:
        """Send whole frames in the member's encoding now, or queue them.

        ``joined`` has the same frames as one string of bytes.
        """

    def admit(self, subscription: "Subscription") -> None:
        """Note that the member is in a room now, pending until it calls `activate`."""

    def turn_away(self, join: "Join", error: CommandError) -> None:
        """Note that the hub refused a join."""

    def refuse(self, error: CommandError) -> None:
        """Answer a request that failed."""


class Source(Protocol):
    """A connection as the inbox sees it. All calls are sync; ``now`` is Trio's time, in seconds."""

    def read(self, now: float) -> "Request | None":
        """Receive bytes, and handle them if they are one short message.

        The source keeps anything else, and asks the inbox to call `go_on`.

        Returns:
            A request for the hub, if any, with at most 256 characters of text.
        """

    def go_on(self, now: float) -> "Request | None":
        """Handle one of the things kept; if others remain, ask the inbox for another call."""

    def fail(self, error: Error) -> None:
        """Close the connection, since one of the other calls raised this."""


# --- requests of connections; `LeaveRoom`, `SetTyping` and `ReadMarker` are others ----------------


@frozen
class Join:
    """Let a member into a room. The hub calls `Member.admit` or `Member.turn_away`.

    A member that is in the room already becomes pending again, without a notice.

    Attributes:
        since: How far the client knows the room. Like `ref` it is for the answer.
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
    """Remove a member from all its rooms. Its connection has ended.

    Attributes:
        may_return: Whether the user has some seconds to return before anybody is notified.
    """

    member: Member
    may_return: bool = False


@define  # not frozen: making a frozen one takes three times as long
class Publish:
    """Store a message, an edit or a deletion, and send it to the room.

    Attributes:
        text: The text, or the new text; empty for a deletion.
        ref: Requests an acknowledgement. A repeat of it is not stored again.
        target: The id of the message to edit or delete.
    """

    member: Member
    room: str
    text: str
    ref: str | None = None
    kind: Kind = Kind.MESSAGE
    target: str | None = None


# --- requests of others ---------------------------------------------------------------------------


@frozen
class Tick:
    """Time has passed: end everything that has expired."""


@frozen
class Flush:
    """Call a function once all requests put in before have been handled."""

    done: Callable[[], None]


@frozen
class InTurn:
    """Call a function in the next turn; it adds steps to the plan."""

    decide: Callable[["Plan"], None]


Request = Join | LeaveRoom | Leave | Publish | SetTyping | ReadMarker | Tick | Flush | InTurn
