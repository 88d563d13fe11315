"""A store in memory, which lives as long as the process."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

import attrs
from attrs import define, field

from trio_chat.errors import ErrorCode
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import Author, Draft, Event, Kind
from trio_chat.store.base import (
    Commit,
    Outcome,
    Page,
    Refused,
    Repeated,
    Stored,
    StreamPosition,
    is_own,
    take_page,
)
from trio_chat.store.epoch import random_epoch

# Enough for a client to catch up after a short absence, and cheap: some 300 KiB of ordinary
# messages a room.
EVENTS_PER_ROOM: Final = 1000

REFS_SECONDS: Final = 10 * 60.0
"""Time for which the store remembers a ``ref``: enough for every retry of a connected client."""

# A lookup in the enum takes as long as finding the message.
_MESSAGE: Final = Kind.MESSAGE


@define
class _Kept:
    """An event with its author and its edits.

    Attributes:
        author: The author of the event.
        edits: The ``seq`` of each `Kind.EDITED` event that changed it.
    """

    event: Event
    author: Author | None
    edits: Sequence[int] = ()


@define
class _Room:
    epoch: str
    events: deque[_Kept]
    head: int = 0
    ts: int = 0
    """The time of the newest event."""
    seqs: dict[str, int] = field(factory=dict)
    """The ``seq`` of each message that can change, by id."""
    marks: dict[str, int] = field(factory=dict)

    def find(self, seq: int) -> _Kept | None:
        """Return the event with this number, or None for a forgotten one."""
        place = seq - self.events[0].event.seq if self.events else -1
        return self.events[place] if 0 <= place < len(self.events) else None


@define
class _Done:
    """A completed request: its fingerprint, its event, and the expiry of its ``ref``.

    It keeps no text, so a deleted text is gone, and a ``ref`` is small. The fingerprint is Python's
    hash of strings, whose secret lasts as long as the process, like this store.
    """

    fingerprint: int
    id: str
    seq: int
    until: float


class MemoryStore:
    """Keeps the newest events of each room in a deque. Satisfies `trio_chat.store.base.Store`.

    Args:
        new_epoch: Returns a new, unique epoch.
        events_per_room: Maximum events of a room; the store forgets older ones.
        clock: Seconds since any moment; monotonic.
    """

    def __init__(
        self,
        new_epoch: Callable[[], str] = random_epoch,
        events_per_room: int = EVENTS_PER_ROOM,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._new_epoch = new_epoch
        self.epoch = new_epoch()
        """The identity of this store. Each room also has an epoch of its own."""
        self._events_per_room = events_per_room
        self._rooms: dict[str, _Room] = {}
        self._done: OrderedDict[tuple[str, str, str], _Done] = OrderedDict()
        """By user, device and ``ref``; the oldest first."""
        self._forget_at = clock()
        """No ``ref`` expires before this time."""

    async def append(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()) -> Commit:
        """Number and keep a batch. Atomic: it never waits."""
        return self.commit_nowait(drafts, marks)

    def commit_nowait(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()) -> Commit:
        """Number and keep a batch."""
        return Commit(
            [self._append(draft) for draft in drafts],
            [mark for mark in marks if self._mark(mark)] if marks else (),
        )

    async def read_before(self, room: str, before: int, limit: int) -> Page:
        """Read backwards from the newest. Atomic, as is `append`."""
        life = self._rooms.get(room)
        kept = life.events if life is not None else ()
        older = (one.event for one in reversed(kept) if one.event.seq < before)
        taken, more = take_page(older, limit)
        return Page(tuple(reversed(taken)), more, epoch=None if life is None else life.epoch)

    async def read_after(self, room: str, after: int, limit: int) -> Page:
        """Read forwards from the oldest. Atomic, as is `append`."""
        life = self._rooms.get(room)
        kept = life.events if life is not None else ()
        newer = (one.event for one in kept if one.event.seq > after)
        taken, more = take_page(newer, limit)
        return Page(tuple(taken), more, epoch=None if life is None else life.epoch)

    async def positions(self, rooms: Collection[str]) -> Mapping[str, StreamPosition]:
        """Return the heads of some rooms; a forgotten room begins a new history."""
        return {room: self._position(room) for room in rooms}

    async def marks(self, room: str, users: Sequence[str]) -> Mapping[str, int]:
        """Return the read markers of some users."""
        marks = self._rooms[room].marks if room in self._rooms else {}
        return {user: marks[user] for user in users if user in marks}

    async def all_marks(self, room: str, most: int) -> Mapping[str, int] | None:
        """Return all read markers of a room."""
        marks = self._rooms[room].marks if room in self._rooms else {}
        return dict(marks) if len(marks) <= most else None

    async def take_new_epoch(self, known: str) -> str:
        """Give the store and all its rooms other epochs."""
        if self.epoch == known:
            self.epoch = self._new_epoch()
            for room in self._rooms.values():
                room.epoch = self._new_epoch()
        return self.epoch

    async def forget(self, room: str) -> None:
        """Drop a room; its next event is number 1 again, in another epoch."""
        self._rooms.pop(room, None)

    # --- inside ----------------------------------------------------------------------------------

    def _open(self, name: str) -> _Room:
        room = self._rooms.get(name)
        if room is None:
            events: deque[_Kept] = deque(maxlen=self._events_per_room)
            room = self._rooms[name] = _Room(self._new_epoch(), events)
        return room

    def _position(self, room: str) -> StreamPosition:
        life = self._open(room)
        return StreamPosition(life.epoch, life.head)

    def _mark(self, mark: ReadMarker) -> bool:
        marks = self._open(mark.room).marks
        if mark.seq <= marks.get(mark.user, 0):
            return False
        marks[mark.user] = mark.seq
        return True

    def _append(self, draft: Draft) -> Outcome:
        if draft.ref is None or draft.author is None or not draft.author.device:
            return self._store(draft)
        key = (draft.author.user, draft.author.device, draft.ref)
        now = self._clock()
        if now >= self._forget_at:
            self._forget_refs(now)
        print_ = hash((draft.kind, draft.room, draft.target, draft.message))
        done = self._done.get(key)
        if done is not None and _is_over(draft, now - (done.until - REFS_SECONDS)):
            del self._done[key]
            done = None
        if done is not None:
            if draft.ref_ms is None and done.fingerprint != print_:
                return Refused(ErrorCode.CONFLICT)
            return Repeated(done.id, done.seq)
        outcome = self._store(draft)
        if type(outcome) is Stored:
            event = outcome.event
            self._done[key] = _Done(print_, event.id, event.seq, now + REFS_SECONDS)
            if draft.ends is not None:
                self._done.pop((draft.author.user, draft.author.device, draft.ends), None)
        return outcome

    def _forget_refs(self, now: float) -> None:
        while self._done:
            key, oldest = next(iter(self._done.items()))
            if oldest.until > now:
                self._forget_at = oldest.until
                return
            del self._done[key]
        self._forget_at = now + REFS_SECONDS  # later refs expire later

    def _store(self, draft: Draft) -> Outcome:
        room = self._rooms.get(draft.room) or self._open(draft.room)
        seq = room.head + 1
        if draft.target is not None:
            refused = self._change(room, draft, seq)
            if refused is not None:
                return refused
        # The wall clock may have stepped back.
        room.ts = max(draft.ts, room.ts)
        event = draft.numbered(seq, room.ts)
        events = room.events
        if len(events) == self._events_per_room:
            room.seqs.pop(events[0].event.id, None)
        events.append(_Kept(event, draft.author))
        room.head = seq
        if draft.kind is _MESSAGE:
            room.seqs[draft.id] = seq
        elif draft.kind is Kind.EDITED:
            # Members receive the edit itself; history has the newest text of the message.
            self._show(room, seq, draft)
        return Stored(event)

    def _change(self, room: _Room, draft: Draft, seq: int) -> Refused | None:
        """Change the target of an edit or a deletion, and all its edits with it."""
        assert draft.target is not None  # noqa: S101 - the caller checks it
        target = room.find(room.seqs.get(draft.target, 0))
        if target is None or target.event.is_deleted:
            return Refused(ErrorCode.NOT_FOUND)
        if not is_own(target.author, draft.author):
            return Refused(ErrorCode.FORBIDDEN)
        for place in (target.event.seq, *target.edits):
            self._show(room, place, draft)
        if draft.kind is Kind.EDITED:
            target.edits = (*target.edits, seq)
        return None

    def _show(self, room: _Room, seq: int, draft: Draft) -> None:
        """Give an event the newest text of its message, or none."""
        kept = room.find(seq)
        if kept is not None:
            kept.event = attrs.evolve(
                kept.event,
                message=draft.message,
                is_edited=draft.kind is Kind.EDITED,
                is_deleted=draft.kind is Kind.DELETED,
            )


def _is_over(draft: Draft, age_seconds: float) -> bool:
    """Return whether a request of this age is too old for a draft with its ref to repeat it."""
    return draft.ref_ms is not None and age_seconds * 1000 >= draft.ref_ms
