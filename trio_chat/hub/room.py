"""One room: its members, and how a batch of frames reaches them. No trio: nothing here waits.

A member sees no gap and no repeat between history and live frames, because coming in is one sync
step: the cut is fixed and the member added, *held*. What is sent to the room from then on is kept
for the member until its own task has read the log up to the cut, and releases it.
"""

from collections.abc import Iterable, Sequence

from trio_chat.hub.presence import Presence
from trio_chat.hub.typing import Typing
from trio_chat.protocol.membership import Member


class Place:
    """A held member's place. Satisfies `trio_chat.protocol.membership.Admission`."""

    __slots__ = ("_kept", "_room", "cut", "member", "room")

    def __init__(self, room: "Room", member: Member) -> None:
        self.room = room.name
        self.cut = room.head
        self.member = member
        self._room = room
        self._kept: list[bytes] = []

    def keep(self, frames: Sequence[bytes]) -> None:
        """Hold frames back; they count in the member's queue."""
        self._kept.extend(frames)
        self.member.reserve(frames)

    def release(self, frames: Sequence[bytes]) -> None:
        """Send these frames, then what was kept, and let the member take part. Atomic.

        Nothing happens if the member has left meanwhile.
        """
        if self._room.take_part(self):
            self.member.unreserve(self._kept)
            first = [*frames, *self._kept]
            if first:
                self.member.offer(first, b"".join(first))


class Room:
    """The members of a room, and who they are.

    Args:
        name: Its name.
        head: The ``seq`` of its newest event.
    """

    def __init__(self, name: str, head: int) -> None:
        self.name = name
        self.head = head
        self.presence = Presence()
        self.typing = Typing()
        self.users: dict[Member, str] = {}
        """The key of each member's user, from the moment the hub has decided to let it in."""
        self.presence_is_stale = False
        """Whether the members know less about who is here than the room does."""
        self.presence_told_at = float("-inf")
        self.empty_since: float | None = None
        self._members: dict[Member, None] = {}
        self._held: dict[Member, Place] = {}

    def hold(self, member: Member) -> Place:
        """Let a member in, held."""
        place = self._held[member] = Place(self, member)
        return place

    def take_part(self, place: Place) -> bool:
        """End the holding of a place; False if its member has left meanwhile."""
        if self._held.get(place.member) is not place:
            return False
        del self._held[place.member]
        self._members[place.member] = None
        return True

    def remove(self, member: Member) -> None:
        """Let a member go: nothing more is offered to it."""
        self._members.pop(member, None)
        self._held.pop(member, None)

    def send_to(self, member: Member, frame: bytes) -> None:
        """Send a frame to one member only, after what it was sent before."""
        place = self._held.get(member)
        if place is not None:
            place.keep([frame])
        elif member in self._members:
            member.offer([frame], frame)

    def recipients(self, frames: Sequence[bytes]) -> Sequence[Member]:
        """Keep the frames for the held members now, and list those they are to be offered to.

        Both are fixed in the same step, so a member released while others are being offered the
        frames gets them once, from its place. A member that ends meanwhile takes no notice.
        """
        for place in self._held.values():
            place.keep(frames)
        return tuple(self._members)


def fan_out(members: Iterable[Member], frames: Sequence[bytes], joined: bytes) -> None:
    """Offer the same frames to many members. The hot loop: about a microsecond a member."""
    for member in members:
        member.offer(frames, joined)
