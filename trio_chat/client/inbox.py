"""What waits to be yielded: bounded, and with it how far each room has been yielded. Pure."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import define

from trio_chat.client.events import Connected, Disconnected, Event, Gap, LoggedEvent, Seen
from trio_chat.client.room import Room

MAX_EVENTS: Final = 1000
"""As many wait for a slow consumer, about a megabyte. Further ones stay on the server's log."""


@define
class _Waiting:
    """An event in line, and how far its room has been seen once it is yielded."""

    event: Event
    room: str = ""
    seen: Seen | None = None


class Inbox:
    """The line.

    Args:
        seen: How far each room has been yielded before.

    Attributes:
        yielded: How far each has been.
    """

    def __init__(self, seen: Mapping[str, Seen]) -> None:
        self.yielded: dict[str, Seen] = dict(seen)
        self._waiting: deque[_Waiting] = deque()
        self._state: Connected | Disconnected | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def space(self) -> int:
        """How many more may come."""
        return MAX_EVENTS - len(self._waiting)

    def note(self, event: Event) -> bool:
        """Put in line what the store knows nothing of.

        Returns:
            False if there is no space for it.
        """
        if self.space() <= 0:
            return False
        self._waiting.append(_Waiting(event))
        return True

    def say_state(self, state: Connected | Disconnected) -> None:
        """Put this in line, now or, if it still is the newest then, when there is space."""
        self._state = None if self.note(state) else state

    def say_news(self, room: Room) -> None:
        """Put the state of a room in line, if there is space for it."""
        if self.space() <= 0 or room.seen is None:
            return
        if room.gap is not None:
            self._waiting.append(_Waiting(room.gap))
            room.gap = None
        head = None if room.opening is None else room.opening.head
        seen = None if head is None else Seen(room.seen.epoch, head)
        self._waiting.append(_Waiting(room.take_news(), room.name, seen))

    def feed(self, room: Room, events: Iterable[LoggedEvent]) -> None:
        """Put those in line that follow on the last one, as far as there is space."""
        assert room.seen is not None  # noqa: S101 - it has been joined
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
        """The log has nothing between what has been seen and this ``seq``."""
        assert room.seen is not None  # noqa: S101 - it has been joined
        gap = Gap(room.name, room.seen.seq, oldest)
        room.seen = Seen(room.seen.epoch, oldest - 1)
        self._waiting.append(_Waiting(gap, room.name, room.seen))

    def take(self, rooms: Iterable[Room]) -> Event:
        """The next event, which counts as yielded.

        Args:
            rooms: Those that may have something to say for which there was no space.
        """
        waiting = self._waiting.popleft()
        if waiting.seen is not None:
            self.yielded[waiting.room] = waiting.seen
        if self._state is not None:
            self.say_state(self._state)
        for room in rooms:
            if room.has_news:
                self.say_news(room)
        return waiting.event
