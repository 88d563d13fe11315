"""Rooms that nobody is in, and how long they are kept. No trio; time comes in, in seconds."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from trio_chat.hub.room import Room

EMPTY_SECONDS: Final = 3600.0
"""How long a store that lives in memory keeps an empty room: somebody may come back to it."""

QUIET_SECONDS: Final = 60.0
"""How long an empty room is kept without messages, or with messages in a store on a disk. It is
longer than the outcome of a commit may be unknown."""


class EmptyRooms:
    """The empty rooms, in order of time.

    Args:
        seconds: How long one with messages is kept.
        quiet_seconds: How long one without messages is kept.
    """

    def __init__(self, seconds: float, quiet_seconds: float = QUIET_SECONDS) -> None:
        # Each in order of time, so the clock looks only at those that are due.
        self._spoken: dict[str, float] = {}
        self._quiet: dict[str, float] = {}
        self._seconds = seconds
        self._quiet_seconds = quiet_seconds

    def __len__(self) -> int:
        return len(self._spoken) + len(self._quiet)

    def add(self, room: Room, now: float) -> None:
        """Nobody is in a room, from now on."""
        kind = self._spoken if room.has_messages else self._quiet
        kind[room.name] = now

    def discard(self, name: str) -> None:
        """Somebody is in a room, or it is kept no longer."""
        self._spoken.pop(name, None)
        self._quiet.pop(name, None)

    def due(self, now: float) -> Sequence[str]:
        """Return the names of the rooms that have been empty for long enough."""
        due: list[str] = []
        for kind, seconds in ((self._spoken, self._seconds), (self._quiet, self._quiet_seconds)):
            last = now - seconds
            due += [name for name, _ in takewhile(lambda one: one[1] <= last, kind.items())]  # noqa: B023 - used up at once
        return due
