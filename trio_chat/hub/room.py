"""One room: its members, and how a batch of frames reaches them. No trio: nothing here waits.

A member sees no gap and no repeat between history and live frames, because coming in is one sync
step: the cut is fixed and the member added, *held*. What is sent to the room from then on is kept
for the member until its own task has read the log up to the cut, and releases it.
"""

from collections.abc import Iterable, Sequence

from trio_chat.hub.presence import Presence
from trio_chat.hub.typing import Typing
from trio_chat.protocol.membership import Member
from trio_chat.protocol.outgoing import Form, Outgoing

Delivery = tuple[Sequence[Member], Sequence[bytes]]
"""Members of one form, and the frames they are to be offered."""


class Place:
    """A held member's place. Satisfies `trio_chat.protocol.membership.Admission`."""

    __slots__ = ("_kept", "_room", "cut", "member", "room")

    def __init__(self, room: "Room", member: Member) -> None:
        self.room = room.name
        self.cut = room.head
        self.member = member
        self._room = room
        self._kept: list[bytes] = []

    def keep(self, outgoing: Outgoing) -> None:
        """Hold messages back, as frames; they count in the member's queue."""
        frames = outgoing.frames(self.member.form)
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
        # By form: all of a form are offered the same frames, and none is asked for its form.
        self._members: dict[Form, dict[Member, None]] = {form: {} for form in Form}
        self._held: dict[Member, Place] = {}
        # The members as tuples, which last through a fan-out; made anew when somebody came or went.
        self._audience: list[tuple[Form, tuple[Member, ...]]] | None = None

    def hold(self, member: Member) -> Place:
        """Let a member in, held."""
        place = self._held[member] = Place(self, member)
        return place

    def take_part(self, place: Place) -> bool:
        """End the holding of a place; False if its member has left meanwhile."""
        if self._held.get(place.member) is not place:
            return False
        del self._held[place.member]
        self._members[place.member.form][place.member] = None
        self._audience = None
        return True

    def remove(self, member: Member) -> None:
        """Let a member go: nothing more is offered to it."""
        self._members[member.form].pop(member, None)
        self._audience = None
        self._held.pop(member, None)

    def send_to(self, member: Member, outgoing: Outgoing) -> None:
        """Send messages to one member only, after what it was sent before."""
        place = self._held.get(member)
        if place is not None:
            place.keep(outgoing)
        elif member in self._members[member.form]:
            frames = outgoing.frames(member.form)
            member.offer(frames, b"".join(frames))

    def address(self, outgoing: Outgoing) -> Sequence[Delivery]:
        """Keep messages for the held members now, and say who is to be offered which frames.

        Both are fixed in the same step, so a member released while others are being offered the
        frames gets them once, from its place. A member that ends meanwhile takes no notice.

        A message is framed in the forms of those who are here, and in no other.
        """
        for place in self._held.values():
            place.keep(outgoing)
        if self._audience is None:
            self._audience = [
                (form, tuple(members)) for form, members in self._members.items() if members
            ]
        return [(members, outgoing.frames(form)) for form, members in self._audience]


def fan_out(members: Iterable[Member], frames: Sequence[bytes], joined: bytes) -> None:
    """Offer the same frames to many members. The hot loop: about a microsecond a member."""
    for member in members:
        member.offer(frames, joined)
