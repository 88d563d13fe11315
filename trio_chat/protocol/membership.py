"""What connections and the hub say to each other.

Connections (``websocket``) and the hub (``hub``) never import each other. A connection puts one of
the requests below into the hub's inbox, a memory channel; the hub answers by calling the `Member`.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from attrs import define, frozen

from trio_chat.protocol.names import Name
from trio_chat.protocol.outgoing import Form


class Admission(Protocol):
    """A member's place in a room, held until the member has been sent what was before it.

    Attributes:
        room: The room's name.
        cut: The ``seq`` of the last event before the member came in; 0 if there is none. What
            comes after it is held for the member, and counts in its queue.
    """

    room: str
    cut: int

    def release(self, frames: Sequence[bytes]) -> None:
        """Send these frames, then what was held; from then on the member gets all as it comes."""


class Member(Protocol):
    """A connection as the hub sees it.

    Every call is sync and never waits for the client. A member whose queue is full ends itself, and
    then leaves as every member leaves: by a `Leave` in the inbox. Until that is dealt with it takes
    no notice of what it is offered.

    Attributes:
        form: The form of the frames it takes; it never changes.
    """

    form: Form

    def offer(self, frames: Sequence[bytes], joined: bytes) -> None:
        """Send frames now or queue them.

        Args:
            frames: Whole frames, in order, in the member's form.
            joined: The same frames as one string of bytes.
        """

    def reserve(self, frames: Sequence[bytes]) -> None:
        """Count frames in the queue that are held back elsewhere."""

    def unreserve(self, frames: Sequence[bytes]) -> None:
        """Count them no longer; they are about to be offered."""

    def admit(self, admission: Admission) -> None:
        """Tell the member that it is in a room now, held."""


@frozen
class Join:
    """Let a member into a room. Answered by `Member.admit`."""

    member: Member
    room: str
    name: Name


@frozen
class Leave:
    """The member is gone; nothing more is offered to it."""

    member: Member


@define  # not frozen, as the messages are not
class Publish:
    """Log a text and send it to the member's room."""

    member: Member
    room: str
    text: str


@frozen
class ChangeTyping:
    """The member's user has begun, goes on, or has stopped to type."""

    member: Member
    room: str
    is_typing: bool


@frozen
class Tick:
    """Time has passed: end what has run out."""


@frozen
class Settle:
    """Call back when everything put into the inbox before has been dealt with."""

    done: Callable[[], None]


Request = Join | Leave | Publish | ChangeTyping | Tick | Settle


class Requests(Protocol):
    """The hub's inbox, to who puts requests in."""

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


class PromptHub(Protocol):
    """A hub that can deal with requests on the spot, while it has nothing else to do.

    All calls are sync: what `is_free` says holds until something is awaited.
    """

    def is_prompt(self) -> bool:
        """Whether it is free whenever it is idle, as things are."""

    def is_free(self) -> bool:
        """Whether `turn_at_once` may be called."""

    def turn_at_once(self, requests: Sequence[Publish | ChangeTyping], now: float) -> None:
        """Deal with requests as if they had come out of the inbox; when it returns, all is done.

        Args:
            requests: Not more than fit into one turn: 64, of 16 Ki characters together.
            now: The time on Trio's clock, in seconds.
        """
