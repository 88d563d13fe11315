"""A member's subscription to a room: pending until the member has received the history. No trio.

Joining is one sync step: the hub fixes the last event of the history, the *cut*, and the member is
*pending*. From then on the room keeps its messages in the member's backlog. The member's task reads
the history up to the cut, sends it and activates the subscription. So the member sees no gap and no
repeat.

A long backlog never drops the member. Beyond a small bound it drops events: `activate` then returns
the gap, and the member's task reads that from the store.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from attrs import frozen

from trio_chat.hub.backlog import Backlog
from trio_chat.hub.requests import Join
from trio_chat.hub.room import Room
from trio_chat.protocol.encode import encode
from trio_chat.protocol.encodings import TEXT, message_frame
from trio_chat.protocol.messages import HasRead, PresenceChange
from trio_chat.protocol.names import Name


@frozen
class Gap:
    """Events that a backlog has dropped: read them from the store.

    Attributes:
        after: The ``seq`` before the first of them.
        upto: The ``seq`` of the last.
    """

    after: int
    upto: int


class Subscription(Backlog):
    """A member's subscription.

    Args:
        room: The room.
        join: The request.
        members: The users in the room, the member's included, by code point of their displayed
            names; at most as many as a large room shows. Empty for a plain member.
        count: How many users are in the room.

    Attributes:
        epoch: The epoch of the room's history.
        cut: The ``seq`` of the last event before the member joined; 0 if there is none.
        changes: The room's edits and deletions, for pages that are being read.
    """

    __slots__ = (
        "_known_read",
        "_room",
        "_was_activated",
        "changes",
        "count",
        "cut",
        "epoch",
        "members",
    )

    def __init__(self, room: Room, join: Join, members: tuple[Name, ...], count: int) -> None:
        super().__init__(join, room.head)
        self.epoch = room.epoch
        self.cut = room.head
        self.changes = room.changes
        self.members = members
        self.count = count
        self._room = room
        self._known_read: Mapping[str, int] = {}
        self._was_activated = False

    @property
    def sent(self) -> int | None:
        """The ``seq`` of the last event offered to the member; None while it is not active."""
        is_active = self._was_activated and self._room.has(self.join.member)
        return self._room.sent if is_active else None

    @property
    def is_pending(self) -> bool:
        """Whether the member is pending, and has not left or joined again meanwhile."""
        return self._room.has_pending(self)

    def show_read(self, read: Mapping[str, int]) -> None:
        """Note the read markers, by displayed name, that the member is about to receive.

        The backlog then sends no lower one.
        """
        self._known_read = read

    def activate(self, frames: Sequence[bytes]) -> Gap | None:
        """Send these frames and then the backlog; the member is active from then on.

        A member that has left the room meanwhile, or joined it again, receives the backlog up to
        then.

        Returns:
            None if that is done. Otherwise the backlog was too long: this has sent the frames and
            a part of it, and the backlog continues after the gap. Send the events of the gap, of
            which there may be none. Then call this again, without frames, when the queue has room.
        """
        if self.is_over:
            return None
        if not self._is_whole and self.is_pending:
            gap = Gap(self._after, self._seq)
            self._after, self._is_whole = self._seq, True
            self._offer(frames)
            return gap
        for shown, seq in self._read.items():
            if seq <= self._known_read.get(shown, 0):
                self._states.pop((HasRead, shown), None)
        if self._is_whole and len(self._events) + len(self._states) > self.join.member.held_frames:
            return self._send_some(frames)
        self.is_over = True
        states = [*self._states.values(), *self._presence_now()] if self._is_whole else ()
        self._was_activated = self._room.activate(self)
        self._offer([*frames, *self._events, *states, *self._last])
        self._drop_events()
        return None

    def discard(self) -> None:
        """Give up joining: the backlog is dropped, and the member must leave the room."""
        self._room.give_up(self)
        self.close()

    def _send_some(self, frames: Sequence[bytes]) -> Gap:
        """Send as many frames of the backlog as the bound allows, and keep the others."""
        most = self.join.member.held_frames - len(self._events)
        some = [self._states.pop(key) for key in tuple(islice(self._states, most))]
        self._offer([*frames, *self._events, *some])
        self._drop_events()
        self._after = self._seq
        return Gap(self._seq, self._seq)

    def _presence_now(self) -> Iterator[bytes]:
        """Yield the presence, if it changed meanwhile: all users, or changes to the list."""
        newest = self._presence
        if isinstance(newest, PresenceChange):
            before = dict.fromkeys(name.shown for name in self.members)
            online, offline = self._room.changes_since(before)
            count = len(self._room.presence)
            newest = PresenceChange(newest.room, online, offline, count, newest.ts)
            if not online and not offline and count == self.count:
                return
        if newest is not None:
            yield message_frame(self.join.member.encoding, TEXT, encode(newest))
