"""The bounded queue of events for the program, with the yielded position of each room. Pure."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import define

from trio_chat.client.events import Connected, Disconnected, Event, Gap, LoggedEvent, Seen
from trio_chat.client.room import Room

MAX_EVENTS: Final = 1000
"""Maximum events for a slow consumer, about a megabyte. Later ones stay in the server's store."""


@define
class _Waiting:
    """A queued event, and the position of its room after it."""

    event: Event
    room: str = ""
    seen: Seen | None = None


class Inbox:
    """The queue.

    Args:
        seen: The last yielded event of each room in an earlier run.

    Attributes:
        yielded: The last yielded event of each room.
    """

    def __init__(self, seen: Mapping[str, Seen]) -> None:
        self.yielded: dict[str, Seen] = dict(seen)
        self._waiting: deque[_Waiting] = deque()
        self._state: Connected | Disconnected | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def space(self) -> int:
        """Return the free space."""
        return MAX_EVENTS - len(self._waiting)

    def note(self, event: Event) -> bool:
        """Queue an event that no store keeps.

        Returns:
            False without space for it.
        """
        if self.space() <= 0:
            return False
        self._waiting.append(_Waiting(event))
        return True

    def put_state(self, state: Connected | Disconnected) -> None:
        """Queue a state of the connection, now or with the next free space."""
        self._state = None if self.note(state) else state

    def put_joined(self, room: Room) -> None:
        """Queue the state of a room, if the queue has space."""
        if self.space() <= 0 or room.seen is None:
            return
        if room.gap is not None:
            self._waiting.append(_Waiting(room.gap))
            room.gap = None
        head = None if room.opening is None else room.opening.head
        seen = None if head is None else Seen(room.seen.epoch, head)
        self._waiting.append(_Waiting(room.take_joined(), room.name, seen))

    def feed(self, room: Room, events: Iterable[LoggedEvent]) -> None:
        """Queue the events that follow the last one, as far as the queue has space."""
        assert room.seen is not None  # noqa: S101 - after the join
        for event in events:
            if event.seq != room.seen.seq + 1:
                continue
            if self.space() <= 0:
                break
            room.seen = Seen(room.seen.epoch, event.seq)
            self._waiting.append(_Waiting(event, room.name, room.seen))
        room.head = max(room.head, room.seen.seq)
        room.is_behind = room.seen.seq < room.head

    def skip(self, room: Room, oldest: int) -> None:
        """Queue a gap from the last event to this ``seq``."""
        assert room.seen is not None  # noqa: S101 - after the join
        gap = Gap(room.name, room.seen.seq, oldest)
        room.seen = Seen(room.seen.epoch, oldest - 1)
        self._waiting.append(_Waiting(gap, room.name, room.seen))

    def take(self, rooms: Iterable[Room]) -> Event:
        """Return the next event, which counts as yielded.

        Args:
            rooms: All rooms; one may wait for space for its state.
        """
        waiting = self._waiting.popleft()
        if waiting.seen is not None:
            self.yielded[waiting.room] = waiting.seen
        if self._state is not None:
            self.put_state(self._state)
        for room in rooms:
            if room.owes_joined:
                self.put_joined(room)
        return waiting.event
