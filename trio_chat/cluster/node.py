"""What is known of one other node, from what it says. No trio; time comes in, in seconds."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from attrs import define, field

from trio_chat.cluster.envelope import (
    Counted,
    Envelope,
    Happened,
    HasRead,
    NodeLeaving,
    NodeMessage,
    Snapshot,
    UserJoined,
    UserLeft,
)
from trio_chat.protocol.names import is_label, is_name, is_room

BYE_SECONDS: Final = 5.0
"""How long the users of a node that has said goodbye have to come to another."""

# Of rooms with users, and of users with connections: ten times what a node is made for. What is
# heard is kept, so there has to be a bound.
MOST_OF_A_KIND: Final = 100_000

_NEVER: Final = float("inf")

_MAX_CHARS: Final = 128
"""Of an address, or of the key of a name, which may be longer than the name."""


@define
class _Part:
    """A roll as far as its parts have arrived: users, counts of connections, and marks."""

    here: dict[tuple[str, str], UserJoined] = field(factory=dict)
    counted: dict[tuple[str, str], int] = field(factory=dict)
    read: list[HasRead] = field(factory=list)


class Node:
    """One other node.

    Args:
        number: Of the envelope before the first that is heard.
    """

    def __init__(self, number: int) -> None:
        self.heard_at = float("-inf")
        """When it last said something new."""
        self.ends_at = _NEVER
        """From when on it is no more, as it has said goodbye or is taken for dead."""
        self.lacks_roll = True
        """Whether it may have something that is not known here."""
        self.is_left_out = False
        """Whether it left a `Ping` unanswered, and has sent nothing since."""
        self.pinged_at = float("-inf")
        """When it was last asked for a sign of life."""
        self.asked_at = float("-inf")
        """When it was last asked for its roll."""
        self.counted: dict[tuple[str, str], int] = {}
        """Its connections, by user and address."""
        self.number = number
        """The highest number of its envelopes that have arrived."""
        self._here: dict[tuple[str, str], UserJoined] = {}
        self._roll: _Part | None = None
        """The roll that is arriving, as far as its parts are here."""

    @property
    def is_ending(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.ends_at != _NEVER

    @property
    def is_empty(self) -> bool:
        """Whether it has no users."""
        return not self._here

    def hear(self, envelope: Envelope, now: float) -> Sequence[NodeMessage]:
        """Take what it says.

        Returns:
            What of it is news.
        """
        if envelope.number <= self.number:  # repeated, or overtaken: what it has is newer
            return [said for said in envelope.said if isinstance(said, Happened)]
        if envelope.number > self.number + 1:
            self.lacks_roll = True
            self._roll = None
        self.number = envelope.number
        self.heard_at = now
        self.is_left_out = False
        if self.is_ending:
            self.ends_at = _NEVER
            self.lacks_roll = True
        news: list[NodeMessage] = []
        for said in envelope.said:
            news.extend(self._take(said, now))
        return news

    def dissolve(self, most: int) -> Sequence[UserLeft]:
        """It is no more, and so are its connections, and this many of its users at a time."""
        self.counted.clear()
        gone = tuple(islice(self._here, most))
        for place in gone:
            del self._here[place]
        return [UserLeft(room, user, is_told=False) for room, user in gone]

    def _take(self, said: NodeMessage, now: float) -> Iterator[NodeMessage]:
        match said:
            case UserJoined(room, user):
                if _note(self._here, said):
                    yield said
            case UserLeft(room, user):
                if self._here.pop((room, user), None) is not None:
                    yield said
            case Counted():
                _count(self.counted, said)
            case Snapshot():
                yield from self._take_part(said)
            case NodeLeaving():
                self.ends_at = now + BYE_SECONDS
                self.counted.clear()  # whom it has cut off at last comes to another one at once
            case _:
                yield said

    def _take_part(self, part: Snapshot) -> Iterator[NodeMessage]:
        """One part of its roll; the last one replaces what was known."""
        if part.is_first:
            self._roll = _Part()
        roll = self._roll
        if roll is None:  # the beginning is missing
            return
        for one in part.here:
            _note(roll.here, one)
        for count in part.counted:
            _count(roll.counted, count)
        roll.read.extend(filter(_is_sound_mark, part.read[: MOST_OF_A_KIND - len(roll.read)]))
        if not part.is_last:
            return
        self._roll = None
        here = roll.here
        before, self._here, self.counted = self._here, here, roll.counted
        self.lacks_roll = False
        yield from (said for place, said in here.items() if before.get(place) != said)
        for room, user in before:
            if (room, user) not in here:
                yield UserLeft(room, user, is_told=False)
        yield from roll.read  # after the users whose marks they are


def _note(here: dict[tuple[str, str], UserJoined], said: UserJoined) -> bool:
    if not _is_sound(said) or len(here) >= MOST_OF_A_KIND:
        return False
    here[said.room, said.user] = said
    return True


def _count(counted: dict[tuple[str, str], int], said: Counted) -> None:
    place = said.user, said.address
    if said.connections <= 0:
        counted.pop(place, None)
    elif max(map(len, place)) <= _MAX_CHARS and len(counted) < MOST_OF_A_KIND:
        counted[place] = said.connections


def _is_sound(here: UserJoined) -> bool:
    """Whether a node of this chat may have said that: another thing would go wrong only later."""
    return is_room(here.room) and is_label(here.stay) and is_name(here.shown, here.user)


def _is_sound_mark(read: HasRead) -> bool:
    return is_room(read.room) and len(read.user) <= _MAX_CHARS and len(read.shown) <= _MAX_CHARS
