"""The client's state of one room: its position, users and read markers. Pure."""

from collections.abc import Iterator
from typing import Final

from attrs import define, evolve, field, frozen

from trio_chat.client.events import (
    Gap,
    Joined,
    LoggedEvent,
    PresenceChanged,
    Read,
    RoomView,
    Seen,
)
from trio_chat.client.wire import JoinedMessage, write
from trio_chat.protocol.commands import ReadMarker, SetTyping, Since

READ_SECONDS: Final = 1.0
"""Minimum time between two read markers: the server sends them at most as often."""

TYPING_SECONDS: Final = 3.0
"""Time after which the client repeats that the user types: the server ends it after 6 s."""

NOT_TYPING: Final = (False, float("-inf"))
"""The initial state: not typing."""


@frozen
class Opening:
    """The beginning of a room that was not resumed.

    Attributes:
        history: The newest events, oldest first.
        more: The room has earlier events.
        head: The ``seq`` of the newest event.
    """

    history: tuple[LoggedEvent, ...]
    more: bool
    head: int


@define
class Room:
    """The state of a room over all connections.

    Attributes:
        name: The room.
        seen: The last event in the inbox; None before the first join.
        head: The highest known ``seq``.
        is_behind: The client must read events above `seen`. Until then it drops live ones.
        gap: A gap to yield before anything else.
        opening: The history to yield with the next `Joined`.
        owes_joined: Whether a `Joined` must precede any further event.
        read: The user's read marker.
        read_sent: The marker that the server knows.
        read_at: The time of the last marker sent, in seconds.
        typing: The last state of typing and its time.
        has_unsent_typing: Whether the state of typing waits to be sent.
        from_start: Yield all events, also those before the first join.
    """

    name: str
    seen: Seen | None = None
    head: int = 0
    is_behind: bool = False
    gap: Gap | None = None
    opening: Opening | None = None
    owes_joined: bool = False
    read: int = 0
    read_sent: int = 0
    read_at: float = float("-inf")
    typing: tuple[bool, float] = NOT_TYPING
    has_unsent_typing: bool = False
    from_start: bool = False
    _users: set[str] = field(factory=set)
    _count: int = 0
    _reads: dict[str, int] = field(factory=dict)

    def since(self) -> Since:
        """Return the position for the hello."""
        return Since() if self.seen is None else Since(self.seen.seq, self.seen.epoch)

    def begin(self, message: JoinedMessage) -> None:
        """Apply the state of a room after a join."""
        seen = self.seen
        self._users, self._count = set(message.users), message.count
        self._reads = dict(message.reads)
        self.head = message.head
        self.forget_typing()
        self.owes_joined = True
        if seen is not None and seen.epoch == message.epoch and seen.seq <= message.head:
            self.is_behind = seen.seq < message.head
        else:
            if seen is not None:
                # The earliest missing event counts, if its gap still waits.
                self.gap = self.gap or Gap(self.name, seen.seq)
                self.read = 0
            self.seen = Seen(message.epoch, 0 if self.from_start else message.head)
            self.is_behind = self.seen.seq < message.head
            if not self.from_start:
                self.opening = Opening(message.history, message.more, message.head)
        self.read_sent = message.read
        self.read = max(self.read, message.read)

    def forget_typing(self) -> None:
        """End the typing, as the server does."""
        self.typing, self.has_unsent_typing = NOT_TYPING, False

    def set_typing(self, *, is_typing: bool, now: float) -> None:
        """Set whether the user types."""
        was_typing, at = self.typing
        if is_typing != was_typing or (is_typing and now >= at + TYPING_SECONDS):
            self.typing, self.has_unsent_typing = (is_typing, now), True

    def mark_read(self, seq: int) -> None:
        """Advance the user's read marker."""
        self.read = max(self.read, min(seq, self.head))

    def outgoing(self, now: float, *, is_last: bool) -> Iterator[str]:
        """Yield the messages that are due, each once.

        Args:
            now: The time, in seconds.
            is_last: Send everything now.
        """
        if self.has_unsent_typing:
            self.has_unsent_typing = False
            yield write(SetTyping(self.typing[0], self.name))
        if self.read > self.read_sent and (is_last or now >= self.read_at + READ_SECONDS):
            self.read_sent, self.read_at = self.read, now
            yield write(ReadMarker(self.read, self.name))

    def due(self) -> float:
        """Return the time of the next message, or infinity."""
        return self.read_at + READ_SECONDS if self.read > self.read_sent else float("inf")

    def take_joined(self) -> Joined:
        """Return the present state of the room, which then counts as yielded."""
        opening, self.opening, self.owes_joined = self.opening, None, False
        view = self.view()
        joined = Joined(
            room=self.name,
            users=view.users,
            count=view.count,
            read=view.read,
            reads=view.reads,
            head=view.head,
            is_resumed=True,
        )
        if opening is None:
            return joined
        return evolve(
            joined,
            is_resumed=False,
            history=opening.history,
            more=opening.more,
            head=opening.head,
        )

    def answer(self, message: JoinedMessage) -> Joined:
        """Return the answer to a call of `join`: the complete state."""
        view = self.view()
        return Joined(
            room=message.room,
            users=view.users,
            count=view.count,
            read=view.read,
            reads=view.reads,
            head=message.head,
            is_resumed=message.recovered,
            history=message.history,
            more=message.more,
        )

    def note_presence(self, change: PresenceChanged) -> None:
        """Apply joins and leaves."""
        self._users.difference_update(change.offline)
        self._users.update(change.online)
        self._count = change.count

    def note_read(self, read: Read) -> None:
        """Apply a read marker."""
        self._reads[read.username] = max(read.seq, self._reads.get(read.username, 0))

    def view(self) -> RoomView:
        """Return the view of the room for the program."""
        users = tuple(sorted(self._users))
        return RoomView(self.name, self.head, self.read, users, self._count, dict(self._reads))
