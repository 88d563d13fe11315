"""The empty rooms, and how long they stay open. No trio; time is an argument, in seconds."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from trio_chat.hub.room import Room

EMPTY_SECONDS: Final = 3600.0
"""How long a store in memory keeps an empty room: a user may return to it."""

QUIET_SECONDS: Final = 60.0
"""How long an empty room stays open if it has no messages, or if a disk has them. It is longer than
the outcome of a commit may be unknown."""


class EmptyRooms:
    """The empty rooms, in order of time.

    Args:
        seconds: How long one with messages stays open.
        quiet_seconds: How long one without messages stays open.
    """

    def __init__(self, seconds: float, quiet_seconds: float = QUIET_SECONDS) -> None:
        # Each in order of time, so that the clock looks only at those that are due.
        self._with_messages: dict[str, float] = {}
        self._quiet: dict[str, float] = {}
        self._seconds = seconds
        self._quiet_seconds = quiet_seconds

    def __len__(self) -> int:
        return len(self._with_messages) + len(self._quiet)

    def add(self, room: Room, now: float) -> None:
        """Note that a room is empty from now on."""
        kind = self._with_messages if room.has_messages else self._quiet
        kind[room.name] = now

    def discard(self, name: str) -> None:
        """Note that a room has a member, or is closed."""
        self._with_messages.pop(name, None)
        self._quiet.pop(name, None)

    def due(self, now: float) -> Sequence[str]:
        """Return the names of the rooms that have been empty for long enough."""
        kinds = ((self._with_messages, self._seconds), (self._quiet, self._quiet_seconds))
        due: list[str] = []
        for kind, seconds in kinds:
            last = now - seconds
            due += [name for name, _ in takewhile(lambda one: one[1] <= last, kind.items())]  # noqa: B023 - used up at once
        return due
