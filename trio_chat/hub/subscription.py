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

from attrs import Factory, define, frozen

from trio_chat.hub.requests import Join
from trio_chat.protocol.encode import encode
from trio_chat.protocol.encodings import TEXT, Encoding, Outgoing, PerVersion, message_frame
from trio_chat.protocol.events import Event
from trio_chat.protocol.messages import HasRead, Presence, PresenceChange, Typing
from trio_chat.protocol.names import Name

if TYPE_CHECKING:
    from trio_chat.hub.room import Room


@frozen
class Gap:
    """The dropped events above ``after``, up to ``upto``: read them from the store."""

    after: int
    upto: int


@define
class Kept:
    """Messages to a room, as a subscription keeps them: for one encoding."""

    events: list[bytes] = Factory(list)  # the frames of stored events, in order
    size: int = 0  # their bytes
    seq: int = 0  # of the newest stored event, even if this encoding does not receive it
    states: dict[tuple[type, str], bytes] = Factory(dict)  # by type and name, the newest
    read: dict[str, int] = Factory(dict)  # the read markers among these, by displayed name
    presence: Presence | PresenceChange | None = None

    def drop_events(self) -> None:
        """Keep no events."""
        self.events = []
        self.size = 0


def sort_out(outgoing: Outgoing, encoding: Encoding) -> Kept:
    """Sort messages to a room by how a subscription keeps them."""
    found = Kept()
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


class Subscription:
    """A member's subscription, the answer to a `Join`.

    Of ``count`` users in the room, ``members`` are the first by code point of their displayed
    names, as many as a large room shows. A plain member has none.
    """

    def __init__(self, room: "Room", join: Join, members: Sequence[Name], count: int) -> None:
        self.join = join
        self.members = members
        self.count = count
        self.epoch = room.epoch
        self.cut = room.head  # the ``seq`` of the last event before the member joined, or 0
        self.changes = room.changes  # edits and deletions, for pages that are being read
        self.is_over = False  # it keeps nothing any more: the member was activated or removed
        self.last: Sequence[bytes] = ()  # frames sent in any case: the member has left the room
        self._room = room
        self._after = room.head
        self._kept = Kept(seq=room.head)
        """It has kept or dropped the events above `_after`, up to the ``seq`` of this."""
        self._is_whole = True  # whether it has all of them
        self._known_read: Mapping[str, int] = {}
        self._was_activated = False

    # --- for the room ----------------------------------------------------------------------------

    def keep(self, some: Kept) -> None:
        """Keep messages to the room."""
        kept, member = self._kept, self.join.member
        kept.seq = some.seq or kept.seq
        if self._is_whole:
            kept.events.extend(some.events)
            kept.size += some.size
            self._is_whole = (
                len(kept.events) <= member.max_backlog_frames
                and kept.size <= member.max_backlog_bytes
            )
            if not self._is_whole:
                kept.drop_events()
        kept.states.update(some.states)
        kept.read.update(some.read)
        kept.presence = some.presence or kept.presence

    def close(self) -> None:
        """Keep nothing any more. The member still receives the frames of `last`."""
        self.is_over = True
        self._kept.drop_events()
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

        Returns None if that is done. Otherwise too much was kept: this has sent the frames and a
        part of it. Send the events of the gap, of which there may be none. Then call this again,
        without frames, when the queue has room.
        """
        if self.is_over:
            return None
        kept = self._kept
        if not self._is_whole and self.is_pending:
            gap = Gap(self._after, kept.seq)
            self._after, self._is_whole = kept.seq, True
            self._offer(frames)
            return gap
        for shown, seq in kept.read.items():
            if seq <= self._known_read.get(shown, 0):
                kept.states.pop((HasRead, shown), None)
        most = self.join.member.max_backlog_frames - len(kept.events)
        if self._is_whole and len(kept.states) > most:
            some = [kept.states.pop(key) for key in tuple(islice(kept.states, most))]
            self._offer([*frames, *kept.events, *some])
            kept.drop_events()
            self._after = kept.seq
            return Gap(kept.seq, kept.seq)
        self.is_over = True
        states = [*kept.states.values(), *self._presence_now()] if self._is_whole else ()
        self._was_activated = self._room.activate(self)
        self._offer([*frames, *kept.events, *states, *self.last])
        kept.drop_events()
        return None

    def discard(self) -> None:
        """Give up joining and keep nothing; the member must leave the room."""
        self._room.give_up(self)
        self.close()

    def _presence_now(self) -> Iterator[bytes]:
        """Yield the presence, if it changed meanwhile: all users, or changes to the list."""
        newest = self._kept.presence
        if isinstance(newest, PresenceChange):
            presence, count = self._room.presence, len(self._room.presence)
            online, offline = presence.changes_since(self.members, self._room.most_names)
            newest = PresenceChange(newest.room, online, offline, count, newest.ts)
            if not online and not offline and count == self.count:
                return
        if newest is not None:
            yield message_frame(self.join.member.encoding, TEXT, encode(newest))

    def _offer(self, frames: Sequence[bytes]) -> None:
        if frames:
            self.join.member.offer(frames, b"".join(frames))
