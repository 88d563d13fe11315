"""A member's subscription to a room: pending until the member has received the history. No trio.

Joining is one sync step: the hub fixes the last event of the history, the *cut*, and the member is
*pending*. From then on its subscription keeps the messages to the room. The member's task reads the
history up to the cut, sends it and activates the subscription. So the member sees no gap and no
repeat.

Many messages never drop the member. Of presence, typing and read markers a subscription keeps only
the newest state. Beyond the member's bound it drops all events: `activate` then returns the gap,
and the member's task reads that from the store.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from attrs import Factory, define, field, frozen

from trio_chat.hub.requests import Join
from trio_chat.protocol.encode import encode
from trio_chat.protocol.encodings import TEXT, Encoding, Outgoing, PerVersion, message_frame
from trio_chat.protocol.events import Event
from trio_chat.protocol.messages import HasRead, Presence, PresenceChange, Typing
from trio_chat.protocol.names import Name

if TYPE_CHECKING:
    from trio_chat.hub.room import Room
    from trio_chat.store.changes import Changes


@frozen
class Gap:
    """The dropped events above ``after``, up to ``upto``: read them from the store."""

    after: int
    upto: int


@define
class Sorted:
    """Messages to a room, sorted for the pending members of one encoding.

    Attributes:
        events: The frames of stored events, in order.
        size: Their bytes.
        seq: The ``seq`` of the newest stored event, even if this encoding does not receive it.
        states: The newest frame about each user who types or has read.
        read: The read markers among these, by displayed name.
    """

    events: list[bytes] = Factory(list)
    size: int = 0
    seq: int | None = None
    states: dict[tuple[type, str], bytes] = Factory(dict)
    read: dict[str, int] = Factory(dict)
    presence: Presence | PresenceChange | None = None


def sort_out(outgoing: Outgoing, encoding: Encoding) -> Sorted:
    """Sort messages to a room by how a subscription keeps them."""
    found = Sorted()
    frames = iter(outgoing.frames(encoding))
    for one in outgoing.messages:
        stored = one.version_2 if isinstance(one, PerVersion) else one
        message = one.plain if isinstance(one, PerVersion) and not encoding.is_version_2 else stored
        if type(stored) is Event:
            found.seq = stored.seq
        if message is None:
            continue
        frame = next(frames)
        if isinstance(message, Presence | PresenceChange):
            found.presence = message
        elif isinstance(message, Typing):
            found.states[Typing, message.username] = frame
        elif isinstance(message, HasRead):
            found.states[HasRead, message.shown] = frame
            found.read[message.shown] = message.seq
        else:
            found.events.append(frame)
            found.size += len(frame)
    return found


@define(eq=False)
class Subscription:
    """A member's subscription.

    Attributes:
        join: The request that the room answered.
        members: The users in the room, the member's included, by code point of their displayed
            names; at most as many as a large room shows. Empty for a plain member.
        count: How many users are in the room.
        epoch: The epoch of the room's history.
        cut: The ``seq`` of the last event before the member joined; 0 if there is none.
        changes: The room's edits and deletions, for pages that are being read.
        is_over: Whether it keeps nothing any more, since the member was activated or removed.
    """

    _room: "Room"
    join: Join
    members: Sequence[Name]
    count: int
    epoch: str = field(init=False)
    cut: int = field(init=False)
    changes: "Changes" = field(init=False)
    is_over: bool = field(init=False, default=False)
    _after: int = field(init=False)
    _seq: int = field(init=False)
    """It has kept or dropped the events above the first and up to the second."""
    _events: list[bytes] = field(init=False, factory=list)
    _size: int = field(init=False, default=0)
    _is_whole: bool = field(init=False, default=True)
    """Whether it has all events above `_after`."""
    _states: dict[tuple[type, str], bytes] = field(init=False, factory=dict)
    _read: dict[str, int] = field(init=False, factory=dict)
    _presence: Presence | PresenceChange | None = field(init=False, default=None)
    last: Sequence[bytes] = field(init=False, default=())
    """Frames that the member receives in any case: that it has left the room."""
    _known_read: Mapping[str, int] = field(init=False, factory=dict)
    _was_activated: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self.epoch = self._room.epoch
        self.cut = self._after = self._seq = self._room.head
        self.changes = self._room.changes

    # --- for the room ----------------------------------------------------------------------------

    def keep(self, some: Sorted) -> None:
        """Keep messages to the room."""
        if some.seq is not None:
            self._seq = some.seq
        if self._is_whole and some.events:
            self._events.extend(some.events)
            self._size += some.size
            member = self.join.member
            if (
                len(self._events) > member.max_backlog_frames
                or self._size > member.max_backlog_bytes
            ):
                self._drop_events()
                self._is_whole = False
        self._states.update(some.states)
        self._read.update(some.read)
        self._presence = some.presence or self._presence

    def close(self) -> None:
        """Keep nothing any more. The member still receives the frames of `last`."""
        self.is_over = True
        self._drop_events()
        self._offer(self.last)

    # --- for the member's task -------------------------------------------------------------------

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
        """Send no lower read markers than these, by displayed name: the member receives them."""
        self._known_read = read

    def activate(self, frames: Sequence[bytes]) -> Gap | None:
        """Send these frames and then what was kept; the member is active from then on.

        A member that has left the room meanwhile, or joined it again, receives what was kept up to
        then.

        Returns:
            None if that is done. Otherwise too much was kept: this has sent the frames and a part
            of it. Send the events of the gap, of which there may be none. Then call this again,
            without frames, when the queue has room.
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
        most = self.join.member.max_backlog_frames - len(self._events)
        if self._is_whole and len(self._states) > most:
            some = [self._states.pop(key) for key in tuple(islice(self._states, most))]
            self._offer([*frames, *self._events, *some])
            self._drop_events()
            self._after = self._seq
            return Gap(self._seq, self._seq)
        self.is_over = True
        states = [*self._states.values(), *self._presence_now()] if self._is_whole else ()
        self._was_activated = self._room.activate(self)
        self._offer([*frames, *self._events, *states, *self.last])
        self._drop_events()
        return None

    def discard(self) -> None:
        """Give up joining and keep nothing; the member must leave the room."""
        self._room.give_up(self)
        self.close()

    def _presence_now(self) -> Iterator[bytes]:
        """Yield the presence, if it changed meanwhile: all users, or changes to the list."""
        newest = self._presence
        if isinstance(newest, PresenceChange):
            presence, count = self._room.presence, len(self._room.presence)
            before = dict.fromkeys(name.shown for name in self.members)
            online, offline = presence.changes_since(before, self._room.most_names)
            newest = PresenceChange(newest.room, online, offline, count, newest.ts)
            if not online and not offline and count == self.count:
                return
        if newest is not None:
            yield message_frame(self.join.member.encoding, TEXT, encode(newest))

    def _drop_events(self) -> None:
        self._events = []
        self._size = 0

    def _offer(self, frames: Sequence[bytes]) -> None:
        if frames:
            self.join.member.offer(frames, b"".join(frames))
