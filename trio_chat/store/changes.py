"""The edits and deletions of a room, recorded while clients read its history.

A page of history takes time: a thread reads it, then it waits until the client's queue has room.
Live edits and deletions overtake it on the way. `Reading.apply` brings the page up to date in the
same step in which it is sent, so no page shows a text older than the client has received.

Without readings in progress nothing is recorded.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import attrs

from trio_chat.protocol.events import Event, Kind

MAX_CHANGES: Final = 512
"""Changes kept for each room: more than one turn of the hub makes."""

MAX_CHARS: Final = 256 * 1024
"""Characters of the texts kept: as many as a page holds."""


class Changes:
    """The newest change of each message of a room, as far as readings in progress need it.

    Attributes:
        count: The number of changes noted.
        lost: The number of the newest change that was dropped.
    """

    def __init__(self) -> None:
        self._newest: OrderedDict[str, tuple[int, Event]] = OrderedDict()
        """By the id of the message: the number of the change, and the change; oldest first."""
        self._chars = 0
        self._readings = 0
        self.count = 0
        self.lost = 0

    @contextmanager
    def reading(self) -> Iterator["Reading"]:
        """Record changes for as long as the block lasts."""
        self._readings += 1
        try:
            yield Reading(self)
        finally:
            self._readings -= 1
            if not self._readings:
                self._newest.clear()
                self._chars = 0

    def note(self, change: Event) -> None:
        """Record a change, an event with a target, before any client receives it."""
        if not self._readings:
            return
        assert change.target is not None  # noqa: S101 - every change has one
        self.count += 1
        self._forget(change.target)
        self._newest[change.target] = self.count, change
        self._chars += len(change.message)
        while len(self._newest) > MAX_CHANGES or self._chars > MAX_CHARS:
            oldest = next(iter(self._newest))
            self.lost, _ = self._newest[oldest]
            self._forget(oldest)

    def lose(self) -> None:
        """Make every reading in progress stale: it cannot know what changed since it began."""
        self.count += 1
        self.lost = self.count

    def newest(self, message: str | None, after: int) -> Event | None:
        """Return the newest change of a message, if its number is above a bound."""
        number, change = self._newest.get(message or "", (0, None))
        return change if number > after else None

    def _forget(self, message: str) -> None:
        _, change = self._newest.pop(message, (0, None))
        if change is not None:
            self._chars -= len(change.message)


class Reading:
    """A page on its way from the store to one client."""

    __slots__ = ("_began", "_changes")

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._began = changes.count  # earlier changes are in the answer of the store

    def is_stale(self) -> bool:
        """Whether too much has changed since it began: the store must be asked again."""
        return self._changes.lost > self._began

    def apply(self, events: tuple[Event, ...]) -> tuple[Event, ...]:
        """Return the events as they are now; the same tuple if nothing changed.

        Args:
            events: As the store gave them, or as an earlier call returned them.
        """
        if self._changes.count == self._began:
            return events
        current = tuple(map(self._current, events))
        return events if current == events else current

    def _current(self, event: Event) -> Event:
        message = event.id if event.kind is Kind.MESSAGE else event.target
        change = self._changes.newest(message, self._began)
        # A `deleted` event has no text, and a deletion that the store already shows is final.
        if change is None or event.kind is Kind.DELETED or event.is_deleted:
            return event
        return attrs.evolve(
            event,
            message=change.message,
            is_edited=change.kind == Kind.EDITED,
            is_deleted=change.kind == Kind.DELETED,
        )
