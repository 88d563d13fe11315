"""One room, as the client knows it: how far it has been yielded, and who is there. Pure."""

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
from trio_chat.client.wire import JoinedFrame, write
from trio_chat.protocol.commands import ReadUpTo, SetTyping, Since

READ_SECONDS: Final = 1.0
"""A mark goes out at most so often: the room is not told more often either."""

TYPING_SECONDS: Final = 3.0
"""A typist's state goes out again after this: the server forgets it after 6 s."""

NOT_TYPING: Final = (False, float("-inf"))
"""What the server knows of who has said nothing."""


@frozen
class Opening:
    """What a room begins with that is not gone on with, but joined for the first time.

    Attributes:
        history: The newest events, oldest first.
        more: Whether there are events before.
        head: The ``seq`` of the newest.
    """

    history: tuple[LoggedEvent, ...]
    more: bool
    head: int


@define
class Room:
    """What is known of a room, over all connections.

    Attributes:
        name: Its name.
        seen: Up to where events have been put in line to be yielded; None before the first join.
        head: The highest ``seq`` heard of.
        is_behind: There are events above `seen` that the server is to be asked for; until they have
            come, live ones are let go.
        gap: What is still to be said before anything else.
        opening: What is still to be said of the history, with the news.
        has_news: That the state of the room is still to be said, before any further event.
        read: Up to where this user has read.
        read_told: Up to where the server knows that.
        read_at: When it was told last, in seconds.
        typing: What the server was told last about this user's typing, and when.
        has_typing_to_tell: That it is only about to be told.
        from_start: Whether all events are yielded, and not only those after the first join.
    """

    name: str
    seen: Seen | None = None
    head: int = 0
    is_behind: bool = False
    gap: Gap | None = None
    opening: Opening | None = None
    has_news: bool = False
    read: int = 0
    read_told: int = 0
    read_at: float = float("-inf")
    typing: tuple[bool, float] = NOT_TYPING
    has_typing_to_tell: bool = False
    from_start: bool = False
    _users: set[str] = field(factory=set)
    _count: int = 0
    _reads: dict[str, int] = field(factory=dict)

    def since(self) -> Since:
        """What to tell the server of where this client is."""
        return Since() if self.seen is None else Since(self.seen.seq, self.seen.epoch)

    def begin(self, frame: JoinedFrame) -> None:
        """Take the state of a room that has just been joined, on whichever connection."""
        seen = self.seen
        self._users, self._count = set(frame.users), frame.count
        self._reads = dict(frame.reads)
        self.head = frame.head
        self.forget_typing()
        self.has_news = True
        if seen is not None and seen.epoch == frame.epoch and seen.seq <= frame.head:
            self.is_behind = seen.seq < frame.head
        else:
            if seen is not None:
                # The first that was lost counts, if that could not be said yet.
                self.gap = self.gap or Gap(self.name, seen.seq)
                self.read = 0
            self.seen = Seen(frame.epoch, 0 if self.from_start else frame.head)
            self.is_behind = self.seen.seq < frame.head
            if not self.from_start:
                self.opening = Opening(frame.history, frame.more, frame.head)
        self.read_told = frame.read
        self.read = max(self.read, frame.read)

    def forget_typing(self) -> None:
        """As the server has, too."""
        self.typing, self.has_typing_to_tell = NOT_TYPING, False

    def set_typing(self, *, is_typing: bool, now: float) -> None:
        """The user types, or does not: to be told if the server does not know it."""
        was_typing, at = self.typing
        if is_typing != was_typing or (is_typing and now >= at + TYPING_SECONDS):
            self.typing, self.has_typing_to_tell = (is_typing, now), True

    def mark_read(self, seq: int) -> None:
        """The user has read up to here."""
        self.read = max(self.read, min(seq, self.head))

    def outgoing(self, now: float, *, is_last: bool) -> Iterator[str]:
        """The frames that are due, each once.

        Args:
            now: The time, in seconds.
            is_last: Whether nothing can wait.
        """
        if self.has_typing_to_tell:
            self.has_typing_to_tell = False
            yield write(SetTyping(self.typing[0], self.name))
        if self.read > self.read_told and (is_last or now >= self.read_at + READ_SECONDS):
            self.read_told, self.read_at = self.read, now
            yield write(ReadUpTo(self.read, self.name))

    def due(self) -> float:
        """When there will be a frame: the time, or infinity."""
        return self.read_at + READ_SECONDS if self.read > self.read_told else float("inf")

    def take_news(self) -> Joined:
        """The state of the room as it is now, which counts as said then."""
        opening, self.opening, self.has_news = self.opening, None, False
        view = self.view()
        news = Joined(
            room=self.name,
            users=view.users,
            count=view.count,
            read=view.read,
            reads=view.reads,
            head=view.head,
            is_resumed=True,
        )
        if opening is None:
            return news
        return evolve(
            news,
            is_resumed=False,
            history=opening.history,
            more=opening.more,
            head=opening.head,
        )

    def answer(self, frame: JoinedFrame) -> Joined:
        """What who asked to join it is given: all of it, whatever comes as events."""
        view = self.view()
        return Joined(
            room=frame.room,
            users=view.users,
            count=view.count,
            read=view.read,
            reads=view.reads,
            head=frame.head,
            is_resumed=frame.recovered,
            history=frame.history,
            more=frame.more,
        )

    def note_presence(self, change: PresenceChanged) -> None:
        """Take over who has come and gone."""
        self._users.difference_update(change.offline)
        self._users.update(change.online)
        self._count = change.count

    def note_read(self, read: Read) -> None:
        """Take over who has read."""
        self._reads[read.username] = max(read.seq, self._reads.get(read.username, 0))

    def view(self) -> RoomView:
        """What the user gets to see of it."""
        users = tuple(sorted(self._users))
        return RoomView(self.name, self.head, self.read, users, self._count, dict(self._reads))
