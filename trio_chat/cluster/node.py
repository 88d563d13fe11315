"""The state of one other node, from its envelopes. No trio; time is an argument, in seconds."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from attrs import define, field

from trio_chat.access.names import is_name
from trio_chat.cluster.envelope import (
    Counted,
    Envelope,
    EventsStored,
    NodeLeaving,
    NodeMessage,
    Snapshot,
    UserJoined,
    UserLeft,
)
from trio_chat.protocol.messages import HasRead
from trio_chat.protocol.names import is_label, is_room

LEAVING_SECONDS: Final = 5.0
"""Time for the users of a leaving node to connect to another."""

MOST_OF_A_KIND: Final = 100_000
"""Maximum rooms with users, and users with connections, that this node keeps of another: ten times
the load of a busy node."""

_NEVER: Final = float("inf")

_MAX_CHARS: Final = 128
"""Of an address, or of the key of a name, which may be longer than the name."""


@define
class _Partial:
    """The parts of a snapshot that have arrived: users, counts of connections, read markers."""

    here: dict[tuple[str, str], UserJoined] = field(factory=dict)
    counted: dict[tuple[str, str], int] = field(factory=dict)
    read: list[HasRead] = field(factory=list)


class Node:
    """One other node.

    Args:
        number: The number of the envelope before the first that arrives.

    Attributes:
        received_at: When its last new envelope arrived.
        ends_at: When it ends, since it is leaving or its lease has expired.
        lacks_snapshot: Whether it may have a state that this node does not know.
        is_left_out: Whether a `Ping` to it is unanswered and it has published nothing since.
        pinged_at: When this node last pinged it.
        asked_at: When this node last asked it for its snapshot.
        counted: Its connections, by user and address.
        number: The highest number of its envelopes that have arrived.
    """

    def __init__(self, number: int) -> None:
        self.received_at = self.pinged_at = self.asked_at = float("-inf")
        self.ends_at = _NEVER
        self.lacks_snapshot = True
        self.is_left_out = False
        self.counted: dict[tuple[str, str], int] = {}
        self.number = number
        self._here: dict[tuple[str, str], UserJoined] = {}
        self._partial: _Partial | None = None
        """The snapshot that is arriving."""

    @property
    def is_ending(self) -> bool:
        """Whether it will publish nothing more."""
        return self.ends_at != _NEVER

    @property
    def is_empty(self) -> bool:
        """Whether it has no users."""
        return not self._here

    def receive(self, envelope: Envelope, now: float) -> Sequence[NodeMessage]:
        """Note an envelope, and return the messages that are new."""
        if envelope.number <= self.number:  # repeated, or overtaken by a newer state
            return [one for one in envelope.messages if isinstance(one, EventsStored)]
        if envelope.number > self.number + 1:
            self.lacks_snapshot = True
            self._partial = None
        self.number = envelope.number
        self.received_at = now
        self.is_left_out = False
        if self.is_ending:
            self.ends_at = _NEVER
            self.lacks_snapshot = True
        news: list[NodeMessage] = []
        for message in envelope.messages:
            news.extend(self._take(message, now))
        return news

    def remove_users(self, most: int) -> Sequence[UserLeft]:
        """Drop the connections of an ended node, and remove at most this many of its users."""
        self.counted.clear()
        removed = tuple(islice(self._here, most))
        for place in removed:
            del self._here[place]
        return [UserLeft(room, user, is_announced=False) for room, user in removed]

    def _take(self, message: NodeMessage, now: float) -> Iterator[NodeMessage]:
        match message:
            case UserJoined(room, user):
                if _add(self._here, message):
                    yield message
            case UserLeft(room, user):
                if self._here.pop((room, user), None) is not None:
                    yield message
            case Counted():
                _count(self.counted, message)
            case Snapshot():
                yield from self._take_part(message)
            case NodeLeaving():
                self.ends_at = now + LEAVING_SECONDS
                self.counted.clear()  # clients that it cut off connect to another node at once
            case _:
                yield message

    def _take_part(self, part: Snapshot) -> Iterator[NodeMessage]:
        """Add a part of a snapshot. The last part replaces the state known before."""
        if part.is_first:
            self._partial = _Partial()
        partial = self._partial
        if partial is None:  # an earlier part was lost
            return
        for one in part.here:
            _add(partial.here, one)
        for count in part.counted:
            _count(partial.counted, count)
        most = MOST_OF_A_KIND - len(partial.read)
        partial.read.extend(filter(_is_valid_marker, part.read[:most]))
        if not part.is_last:
            return
        self._partial = None
        here = partial.here
        before, self._here, self.counted = self._here, here, partial.counted
        self.lacks_snapshot = False
        yield from (user for place, user in here.items() if before.get(place) != user)
        for room, user in before:
            if (room, user) not in here:
                yield UserLeft(room, user, is_announced=False)
        yield from partial.read  # after the users whose markers they are


def _add(here: dict[tuple[str, str], UserJoined], user: UserJoined) -> bool:
    if not _is_valid(user) or len(here) >= MOST_OF_A_KIND:
        return False
    here[user.room, user.user] = user
    return True


def _count(counted: dict[tuple[str, str], int], message: Counted) -> None:
    key = message.user, message.address
    if message.connections <= 0:
        counted.pop(key, None)
    elif max(map(len, key)) <= _MAX_CHARS and len(counted) < MOST_OF_A_KIND:
        counted[key] = message.connections


def _is_valid(user: UserJoined) -> bool:
    """Return whether a node of this chat may have sent this: other values would fail only later."""
    return is_room(user.room) and is_label(user.session) and is_name(user.shown, user.user)


def _is_valid_marker(read: HasRead) -> bool:
    return is_room(read.room) and len(read.user) <= _MAX_CHARS and len(read.shown) <= _MAX_CHARS
