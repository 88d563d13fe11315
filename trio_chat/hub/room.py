"""One room: its members, and who of them is sent what. No trio: nothing here waits.

A member comes in *held*: `trio_chat.hub.subscription` says why, and what becomes of it.
"""

from collections.abc import Mapping, Sequence

import attrs

from trio_chat.hub.changes import Changes
from trio_chat.hub.presence import Presence
from trio_chat.hub.receipts import Receipts
from trio_chat.hub.requests import Join, Member
from trio_chat.hub.subscription import Sorted, Subscription, sort_out
from trio_chat.hub.typing import Typing
from trio_chat.protocol.encodings import Encoding, Outgoing
from trio_chat.protocol.names import Name
from trio_chat.store.base import StreamPosition

Audience = Sequence[tuple[Encoding, Sequence[Member]]]
"""The members of each encoding, at one moment. Later arrivals and departures do not change it."""


class Room:
    """The members of a room, and who they are.

    Args:
        name: Its name.
        stand: How far its store has come.
        presence: Who is there, on any node.
        most_names: How many names a roster has.
    """

    def __init__(
        self, name: str, stand: StreamPosition, presence: Presence, most_names: int
    ) -> None:
        self.name = name
        self.epoch = stand.epoch
        self.head = stand.head
        """The cursor: what is on the store up to here has been sent, or is about to be."""
        self.told = stand.head
        """What has been offered to everybody who takes part."""
        self.has_messages = stand.head > 0
        """Whether it may have more than notices, which alone are not worth keeping."""
        self.is_behind = False
        """Whether the store may have more than `head`: nothing is sent before that is known."""
        self.presence = presence
        self._most_names = most_names
        self.changes = Changes()
        self.typing = Typing()
        self.receipts = Receipts()
        self.users: dict[Member, str] = {}
        """The key of each member's user, from the moment the hub has decided to let it in."""
        self.read: dict[str, int] = {}
        """Up to where users have read, as far as they have said so since they came: what says no
        more need not go on the store."""
        self.presence_is_stale = False
        """Whether plain members know less about who is here than the room does."""
        self.lack_names: set[Member] = set()
        """Those that have been shown only a part of the list, as there were too many."""
        self.presence_told_at = float("-inf")
        self.changes_told_at = float("-inf")
        # All members with one encoding are offered the same frames; none is asked for it.
        self.members: dict[Encoding, dict[Member, None]] = {encoding: {} for encoding in Encoding}
        """Those that take part, by encoding."""
        self._held: dict[Member, Subscription] = {}
        self._all: Audience | None = None
        """Made anew when somebody came or went."""
        self.audience: Audience | None = None
        """All members, if nothing has changed since `address`, and nobody is held."""

    def hold(self, join: Join, members: tuple[Name, ...], count: int) -> Subscription:
        """Let a member in, held. If it was in already, it is held from now on."""
        self._forget(join.member)
        place = self._held[join.member] = Subscription(self, join, members, count)
        return place

    def take_part(self, place: Subscription) -> bool:
        """End the holding of a place; False if its member has left or come in again meanwhile."""
        member = place.join.member
        if not self.holds(place):
            return False
        del self._held[member]
        self.members[member.encoding][member] = None
        self._all = self.audience = None
        return True

    def holds(self, place: Subscription) -> bool:
        """Whether a member is held by this place, and by no newer one."""
        return self._held.get(place.join.member) is place

    def changes_since(
        self, before: Mapping[str, object]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names that a roster lacks, and those in it that have left the room."""
        online = [shown for shown in self.presence.first(self._most_names) if shown not in before]
        offline = [shown for shown in before if not self.presence.has_shown(shown)]
        return tuple(online), tuple(offline)

    def give_up(self, place: Subscription) -> None:
        """End the holding of a place whose member will not take part."""
        if self.holds(place):
            del self._held[place.join.member]

    def remove(self, member: Member, last: Sequence[bytes]) -> None:
        """Let a member go that stays elsewhere: it is offered nothing more after these frames."""
        place = self._held.pop(member, None)
        self._forget(member)
        if place is not None:
            place.keep_last(last)
        elif last:
            member.offer(last, b"".join(last))

    def drop(self, member: Member) -> None:
        """Let a member go that is gone altogether: it is offered nothing more."""
        place = self._held.get(member)
        self._forget(member)
        if place is not None:
            place.discard()

    def is_held(self, member: Member) -> bool:
        """Whether a member is in, and has not received the history yet."""
        return member in self._held

    def suspend(self) -> list[Join]:
        """Offer nothing to anybody until they are admitted again, to another history.

        Returns:
            A join for each member, to admit; that of a held member is the one it asked for.
        """
        joins = [attrs.evolve(place.join, is_renewal=True) for place in self._held.values()]
        for place in tuple(self._held.values()):
            place.discard()
        for members in self.members.values():
            for member in members:
                key = self.users.get(member)
                if key is not None:  # or else it is about to be let go, in this turn
                    name = Name(self.presence.shown(key), key)
                    joins.append(Join(member, self.name, name, is_renewal=True))
            members.clear()
        self._all = self.audience = None
        self.is_behind = True
        return joins

    def begin_anew(self, stand: StreamPosition) -> None:
        """Go on from where another history stands: nothing is known of what users have read."""
        self.epoch = stand.epoch
        self.head = self.told = stand.head
        self.receipts = Receipts()
        self.read.clear()
        self.changes.lose()

    def has(self, member: Member) -> bool:
        """Whether a member takes part: it is offered what the room is sent."""
        return member in self.members[member.encoding]

    def send_to(self, member: Member, outgoing: Outgoing) -> None:
        """Send messages to one member only, after what it was sent before."""
        place = self._held.get(member)
        if place is not None:
            place.keep(sort_out(outgoing, member.encoding))
        elif self.has(member):
            frames = outgoing.frames(member.encoding)
            member.offer(frames, b"".join(frames))

    def address(self, outgoing: Outgoing) -> Audience:
        """Keep messages for the held members, and return the members that receive them now.

        Both are fixed in the same step, so a member released while others are being offered the
        frames gets them once, from its place. A member that ends meanwhile takes no notice.
        While there is an `audience`, that is what this would return.
        """
        if self._all is None:
            self._all = [
                (encoding, tuple(members)) for encoding, members in self.members.items() if members
            ]
        if self._held:
            self._hold_back(outgoing)
        else:
            self.audience = self._all
        return self._all

    def _hold_back(self, outgoing: Outgoing) -> None:
        by_encoding: dict[Encoding, Sorted] = {}
        for place in self._held.values():
            encoding = place.join.member.encoding
            some = by_encoding.get(encoding)
            if some is None:
                some = by_encoding[encoding] = sort_out(outgoing, encoding)
            place.keep(some)

    def _forget(self, member: Member) -> None:
        self.members[member.encoding].pop(member, None)
        self._all = self.audience = None
