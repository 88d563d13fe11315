"""What a room keeps for a pending member, until the member has received the history. No trio."""

from collections.abc import Sequence
from typing import Final

from attrs import Factory, define

from trio_chat.hub.requests import Join
from trio_chat.protocol.encodings import Encoding, Outgoing, PerVersion
from trio_chat.protocol.events import Event
from trio_chat.protocol.messages import HasRead, Presence, PresenceChange, Typing

_PRESENCE: Final = (Presence, PresenceChange)


@define
class Sorted:
    """Messages to a room, sorted for the pending members of one encoding.

    Attributes:
        events: The frames of stored events, in order.
        size: Their bytes.
        seq: The ``seq`` of the newest stored event, even if this encoding does not receive it.
        states: The newest frame about each user who types or has read.
        read: The read markers among these, by displayed name.
        presence: The newest presence.
    """

    events: list[bytes] = Factory(list)
    size: int = 0
    seq: int | None = None
    states: dict[tuple[type, str], bytes] = Factory(dict)
    read: dict[str, int] = Factory(dict)
    presence: Presence | PresenceChange | None = None


def sort_out(outgoing: Outgoing, encoding: Encoding) -> Sorted:
    """Sort messages to a room by how a backlog keeps them."""
    found = Sorted()
    frames = iter(outgoing.frames(encoding))
    for one in outgoing.said:
        stored = one.version_2 if isinstance(one, PerVersion) else one
        message = one.plain if isinstance(one, PerVersion) and not encoding.is_version_2 else stored
        if type(stored) is Event:
            found.seq = stored.seq
        if message is None:
            continue
        frame = next(frames)
        if isinstance(message, _PRESENCE):
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


class Backlog:
    """The messages for a pending member of a room.

    Of presence, typing and read markers it keeps only the newest state, so these never fill it.
    Beyond the member's bound it drops all events, and counts on the store for them.

    Args:
        join: The request that the room answered.
        head: The ``seq`` of the last event before.

    Attributes:
        join: The same.
        is_over: Whether it keeps nothing any more, since the member was activated or removed.
    """

    __slots__ = (
        "_after",
        "_events",
        "_is_whole",
        "_last",
        "_presence",
        "_read",
        "_seq",
        "_size",
        "_states",
        "is_over",
        "join",
    )

    def __init__(self, join: Join, head: int) -> None:
        self.join = join
        self.is_over = False
        self._after = self._seq = head
        """It has kept or dropped the events above the first and up to the second."""
        self._events: list[bytes] = []
        self._size = 0
        self._is_whole = True
        """Whether it has all events above `_after`."""
        self._states: dict[tuple[type, str], bytes] = {}
        self._read: dict[str, int] = {}
        self._presence: Presence | PresenceChange | None = None
        self._last: Sequence[bytes] = ()

    def keep(self, some: Sorted) -> None:
        """Keep messages to the room."""
        if some.seq is not None:
            self._seq = some.seq
        if self._is_whole and some.events:
            self._events.extend(some.events)
            self._size += some.size
            member = self.join.member
            if len(self._events) > member.held_frames or self._size > member.held_bytes:
                self._drop_events()
                self._is_whole = False
        self._states.update(some.states)
        self._read.update(some.read)
        self._presence = some.presence or self._presence

    def keep_last(self, frames: Sequence[bytes]) -> None:
        """Keep frames that the member receives in any case: that it has left the room."""
        self._last = frames

    def close(self) -> None:
        """Keep nothing any more. The member still receives the frames of `keep_last`."""
        self.is_over = True
        self._drop_events()
        self._offer(self._last)

    def _drop_events(self) -> None:
        self._events = []
        self._size = 0

    def _offer(self, frames: Sequence[bytes]) -> None:
        if frames:
            self.join.member.offer(frames, b"".join(frames))
