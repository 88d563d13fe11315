"""One room: its members, and which of them receives what. No trio: nothing here waits.

A joining member is *pending* first: `trio_chat.hub.subscription` explains that.
"""

from collections.abc import Sequence

import attrs

from trio_chat.hub.ephemeral import Receipts, Typing
from trio_chat.hub.presence import Presence
from trio_chat.hub.requests import Join, Member
from trio_chat.hub.subscription import Subscription, sort_out
from trio_chat.protocol.encodings import Encoding, Outgoing
from trio_chat.protocol.names import Name
from trio_chat.store.base import StreamPosition
from trio_chat.store.changes import Changes

# The members of each encoding, at one moment. Later joins and leaves do not change it.
Audience = Sequence[tuple[Encoding, Sequence[Member]]]


class Room:
    """The state of a room on this node. One presence message has at most ``most_names`` names."""

    def __init__(
        self, name: str, position: StreamPosition, presence: Presence, most_names: int
    ) -> None:
        self.name = name
        self.epoch = position.epoch
        self.head = position.head
        """The room's cursor: the ``seq`` of the last event that members received or soon will."""
        self.sent = position.head  # the ``seq`` of the last event offered to all active members
        self.has_messages = position.head > 0  # notices alone are not worth keeping
        self.is_behind = False  # the store may have more than `head`: members wait for that
        self.presence = presence
        self.most_names = most_names
        self.changes = Changes()
        self.typing = Typing()
        self.receipts = Receipts()
        self.users: dict[Member, str] = {}  # the key of each member's user, pending ones included
        self.read: dict[str, int] = {}  # set since the user joined; a lower one is not stored
        self.presence_is_stale = False  # whether plain members do not know the present list
        # When a large room last received its presence, changes of it, and typing.
        self.presence_sent_at = self.changes_sent_at = self.typing_sent_at = float("-inf")
        self.lack_names: set[Member] = set()  # version 2 members that know a part of a large list
        # The active members, by encoding.
        self.members: dict[Encoding, dict[Member, None]] = {encoding: {} for encoding in Encoding}
        self._pending: dict[Member, Subscription] = {}
        self._all: Audience | None = None  # all active members; None after a join or leave
        self.audience: Audience | None = None  # the same, if no member is pending

    # --- members ---------------------------------------------------------------------------------

    def admit(self, join: Join, members: Sequence[Name], count: int) -> None:
        """Make a member pending, also an active one; see `Subscription` for the arguments."""
        self._remove(join.member)
        subscription = self._pending[join.member] = Subscription(self, join, members, count)
        join.member.admit(subscription)

    def activate(self, subscription: Subscription) -> bool:
        """Make a pending member active; False if it has left or joined again meanwhile."""
        if not self.has_pending(subscription):
            return False
        member = subscription.join.member
        del self._pending[member]
        self.members[member.encoding][member] = None
        self._all = self.audience = None
        return True

    def has_pending(self, subscription: Subscription) -> bool:
        """Return whether a member is pending with this subscription, and with no newer one."""
        return self._pending.get(subscription.join.member) is subscription

    def give_up(self, subscription: Subscription) -> None:
        """Remove a pending member that will not become active."""
        if self.has_pending(subscription):
            del self._pending[subscription.join.member]

    def remove(self, member: Member, last: Sequence[bytes]) -> None:
        """Remove a member that stays connected; these frames are its last from this room."""
        subscription = self._pending.pop(member, None)
        self._remove(member)
        if subscription is not None:
            subscription.last = last
        elif last:
            member.offer(last, b"".join(last))

    def drop(self, member: Member) -> None:
        """Remove a member whose connection has ended."""
        subscription = self._pending.pop(member, None)
        self._remove(member)
        if subscription is not None:
            subscription.close()

    def is_pending(self, member: Member) -> bool:
        """Return whether a member has joined and not received the history yet."""
        return member in self._pending

    def has(self, member: Member) -> bool:
        """Return whether a member is active: it receives messages at once."""
        return member in self.members[member.encoding]

    def _remove(self, member: Member) -> None:
        self.members[member.encoding].pop(member, None)
        self._all = self.audience = None

    # --- messages --------------------------------------------------------------------------------

    def send_to(self, member: Member, outgoing: Outgoing) -> None:
        """Send messages to one member only, after everything sent to it before."""
        subscription = self._pending.get(member)
        if subscription is not None:
            subscription.keep(sort_out(outgoing, member.encoding))
        elif self.has(member):
            frames = outgoing.frames(member.encoding)
            member.offer(frames, b"".join(frames))

    def address(self, outgoing: Outgoing) -> Audience:
        """Keep messages for pending members, and return the active ones, to be offered them.

        A member activated while others are being offered the frames receives them once, from its
        subscription. A member that ends meanwhile ignores them. While `audience` is not None it
        equals the result of this.
        """
        if self._all is None:
            self._all = [
                (encoding, tuple(members)) for encoding, members in self.members.items() if members
            ]
        if not self._pending:
            self.audience = self._all
        kept = {
            encoding: sort_out(outgoing, encoding)
            for encoding in {member.encoding for member in self._pending}
        }
        for member, subscription in self._pending.items():
            subscription.keep(kept[member.encoding])
        return self._all

    # --- another history -------------------------------------------------------------------------

    def suspend(self) -> list[Join]:
        """Send members nothing until the hub admits them again; return a join for each of them."""
        pending = tuple(self._pending.values())
        joins = [attrs.evolve(subscription.join, is_renewal=True) for subscription in pending]
        self._pending.clear()
        for subscription in pending:
            subscription.close()
        for members in self.members.values():
            for member in members:
                key = self.users.get(member)
                if key is not None:  # otherwise it leaves in this turn
                    name = Name(self.presence.shown(key), key)
                    joins.append(Join(member, self.name, name, is_renewal=True))
            members.clear()
        self._all = self.audience = None
        self.is_behind = True
        return joins

    def restart(self, position: StreamPosition) -> None:
        """Continue from the end of another history, with no read markers known."""
        self.epoch = position.epoch
        self.head = self.sent = position.head
        self.receipts = Receipts()
        self.read.clear()
        self.changes.lose()
