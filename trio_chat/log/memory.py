"""A log that lives as long as the process."""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final

from trio_chat.log.base import Page
from trio_chat.protocol.messages import Draft, Event

# Enough for a client that was away for a while to catch up, little enough not to matter: some
# 300 KiB a room of ordinary messages.
EVENTS_PER_ROOM: Final = 1000


class MemoryLog:
    """Keeps the newest events of each room in a deque. Satisfies `trio_chat.log.base.Log`.

    Args:
        events_per_room: How many events of a room are kept; older ones are forgotten.
    """

    def __init__(self, events_per_room: int = EVENTS_PER_ROOM) -> None:
        self._events_per_room = events_per_room
        self._rooms: dict[str, deque[Event]] = {}

    async def append(self, drafts: Sequence[Draft]) -> Sequence[Event]:
        """Number and keep a batch. Atomic: it does not wait for anything."""
        return self.append_now(drafts)

    def append_now(self, drafts: Sequence[Draft]) -> Sequence[Event]:
        """Number and keep a batch."""
        return [self._append(draft) for draft in drafts]

    def _append(self, draft: Draft) -> Event:
        events = self._rooms.get(draft.room)
        if events is None:
            events = self._rooms[draft.room] = deque(maxlen=self._events_per_room)
        event = Event(events[-1].seq + 1 if events else 1, draft)
        events.append(event)
        return event

    async def read_before(self, room: str, before: int, limit: int) -> Page:
        """Read backwards from the newest. Atomic, as is `append`."""
        older = (event for event in reversed(self._rooms.get(room, ())) if event.seq < before)
        found = list(islice(older, limit + 1))
        return Page(tuple(reversed(found[:limit])), more=len(found) > limit)

    async def head(self, room: str) -> int:
        """The newest ``seq`` of a room."""
        events = self._rooms.get(room)
        return events[-1].seq if events else 0

    async def forget(self, room: str) -> None:
        """Let a room go; its next event is number 1 again."""
        self._rooms.pop(room, None)
