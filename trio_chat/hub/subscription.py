"""A pending member of a room: live messages wait here until the history is sent. No trio.

Joining is one sync step: the cut is fixed and the member is *held*. From then on its place keeps
the messages to the room. The member's own task reads the history up to the cut, sends it, and
releases the place, so the member sees no gap and no repeat.

These messages never drop the member. Of presence, typing and receipts a place keeps only the newest
state. It drops events beyond a small bound: `Subscription.release` then names the gap, the member's
task reads it from the store, and the place keeps later events.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from attrs import Factory, define

from trio_chat.hub.requests import Gap, Join
from trio_chat.protocol.encode import encode
from trio_chat.protocol.encodings import TEXT, Encoding, Outgoing, PerVersion, message_frame
from trio_chat.protocol.events import Event
from trio_chat.protocol.messages import Presence, PresenceChange, Read, Typing
from trio_chat.protocol.names import Name

if TYPE_CHECKING:
    from trio_chat.hub.room import Room

_PRESENCE: Final = (Presence, PresenceChange)


@define
class Sorted:
    """Messages to a room, sorted for the pending members of one encoding.

    Attributes:
        events: The frames of stored events, in order.
        size: Their bytes.
        seq: Of the newest stored event, also of one that this encoding is not sent.
        states: The newest frame of each typist, and of each reader.
        read: Up to where, by name as shown.
        presence: The newest presence.
    """

    events: list[bytes] = Factory(list)
    size: int = 0
    seq: int | None = None
    states: dict[tuple[type, str], bytes] = Factory(dict)
    read: dict[str, int] = Factory(dict)
    presence: Presence | PresenceChange | None = None


def sort_out(outgoing: Outgoing, encoding: Encoding) -> Sorted:
    """Sort messages to a room by how a place keeps them."""
    found = Sorted()
    frames = iter(outgoing.frames(encoding))
    for said in outgoing.said:
        stored = said.version_2 if isinstance(said, PerVersion) else said
        message = stored
        if isinstance(said, PerVersion) and not encoding.is_version_2:
            message = said.plain
        if type(stored) is Event:
            found.seq = stored.seq
        if message is None:
            continue
        frame = next(frames)
        if isinstance(message, _PRESENCE):
            found.presence = message
        elif isinstance(message, Typing | Read):
            found.states[type(message), message.username] = frame
            if isinstance(message, Read):
                found.read[message.username] = message.seq
        else:
            found.events.append(frame)
            found.size += len(frame)
    return found


class Subscription:
    """A held member's place. Satisfies `trio_chat.hub.requests.Admission`."""

    __slots__ = (
        "_after",
        "_events",
        "_is_whole",
        "_last",
        "_presence",
        "_read",
        "_room",
        "_seq",
        "_shown_read",
        "_size",
        "_states",
        "_takes_part",
        "changes",
        "count",
        "cut",
        "epoch",
        "is_over",
        "join",
        "members",
    )

    def __init__(self, room: "Room", join: Join, members: tuple[Name, ...], count: int) -> None:
        self.join = join
        self.epoch = room.epoch
        self.cut = room.head
        self.changes = room.changes
        self.members = members
        self.count = count
        self._room = room
        self._after = self._seq = room.head
        """Between these two are the events that the place has kept or dropped."""
        self._events: list[bytes] = []
        self._size = 0
        self._is_whole = True
        """Whether all events since `_after` are kept."""
        self._states: dict[tuple[type, str], bytes] = {}
        self._read: dict[str, int] = {}
        self._shown_read: Mapping[str, int] = {}
        self._presence: Presence | PresenceChange | None = None
        self._last: Sequence[bytes] = ()
        self._takes_part = False
        self.is_over = False

    @property
    def told(self) -> int | None:
        """The last ``seq`` that has been offered to the member; None while it is held."""
        takes_part = self._takes_part and self._room.has(self.join.member)
        return self._room.told if takes_part else None

    @property
    def is_pending(self) -> bool:
        """Whether the member is still held by this place: it has not left or joined again."""
        return self._room.holds(self)

    def keep(self, some: Sorted) -> None:
        """Hold back messages to the room."""
        if some.seq is not None:
            self._seq = some.seq
        if self._is_whole and some.events:
            self._events.extend(some.events)
            self._size += some.size
            member = self.join.member
            if len(self._events) > member.held_frames or self._size > member.held_bytes:
                self._let_go()
                self._is_whole = False
        self._states.update(some.states)
        self._read.update(some.read)
        self._presence = some.presence or self._presence

    def show_read(self, read: Mapping[str, int]) -> None:
        """See `trio_chat.hub.requests.Admission`."""
        self._shown_read = read

    def keep_last(self, frames: Sequence[bytes]) -> None:
        """Hold back the frames that the member receives in any case: that it has left."""
        self._last = frames

    def release(self, frames: Sequence[bytes]) -> Gap | None:
        """See `trio_chat.hub.requests.Admission`."""
        if self.is_over:
            return None
        if not self._is_whole and self.is_pending:
            gap = Gap(self._after, self._seq)
            self._after, self._is_whole = self._seq, True
            self._offer(frames)
            return gap
        for shown, seq in self._read.items():
            if seq <= self._shown_read.get(shown, 0):
                self._states.pop((Read, shown), None)
        if self._is_whole and len(self._events) + len(self._states) > self.join.member.held_frames:
            return self._release_some(frames)
        self.is_over = True
        state = [*self._states.values(), *self._presence_now()] if self._is_whole else ()
        self._takes_part = self._room.take_part(self)
        self._offer([*frames, *self._events, *state, *self._last])
        self._let_go()
        return None

    def _release_some(self, frames: Sequence[bytes]) -> Gap:
        """Send as many of the kept frames as the member may be held, and keep the others."""
        most = self.join.member.held_frames - len(self._events)
        some = [self._states.pop(key) for key in tuple(islice(self._states, most))]
        self._offer([*frames, *self._events, *some])
        self._let_go()
        self._after = self._seq
        return Gap(self._seq, self._seq)

    def discard(self) -> None:
        """Hold nothing back any more, and never release it."""
        self.is_over = True
        self._room.give_up(self)
        self._let_go()
        self._offer(self._last)

    def _let_go(self) -> None:
        self._events = []
        self._size = 0

    def _offer(self, frames: Sequence[bytes]) -> None:
        if frames:
            self.join.member.offer(frames, b"".join(frames))

    def _presence_now(self) -> Iterator[bytes]:
        """Yield the presence, if it was sent meanwhile: all users, or changes to the roster."""
        newest: Presence | PresenceChange | None = self._presence
        if isinstance(newest, PresenceChange):
            before = dict.fromkeys(name.shown for name in self.members)
            online, offline = self._room.changes_since(before)
            count = len(self._room.presence)
            newest = PresenceChange(newest.room, online, offline, count, newest.ts)
            if not online and not offline and count == self.count:
                return
        if newest is not None:
            yield message_frame(self.join.member.encoding, TEXT, encode(newest))
