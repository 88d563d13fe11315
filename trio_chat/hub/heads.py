"""Where each room stands against its store, and what it still has to be sent.

A room's cursor, its head, advances by one with each event. The hub sends an event that this node
committed, or that another node published, if it fits the cursor. If it does not fit, or if nobody
knows what the store has, the room is *behind*: the hub reads the store from the cursor on.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

from trio_chat.errors import DamagedData, HistoryReplaced, Outage
from trio_chat.hub.plan import CaughtUp, Entry, Plan
from trio_chat.hub.requests import Join
from trio_chat.hub.room import Room
from trio_chat.hub.rooms import Rooms
from trio_chat.protocol.events import Event
from trio_chat.store.base import Commit, Repeated, Store, Stored, StreamPosition

DOUBT_SECONDS: Final = 15.0
"""How long an append whose outcome is unknown may still be committed: three times what a call of a
log may take."""

HEADS_SECONDS: Final = 30.0
"""How often the rooms are compared with the store, in case what was said of an event was lost."""

UNHEARD_HEADS_SECONDS: Final = 2.0
"""The same while nothing is heard of other nodes: they may log all the same."""

GAP_SECONDS: Final = 0.5
"""How often they are compared at most because an envelope is missing: anybody who can publish on
the backplane can leave out numbers."""

_COMPARED_AT_ONCE: Final = 1000
"""Rooms in one query: a few milliseconds, in which nobody else is served."""

_READ_AT_ONCE: Final = 64
"""Rooms that are behind and are read in one turn; after an outage all may be."""

_CATCH_UP_EVENTS: Final = 100
"""How many events are read at a time by a room that is behind."""

_ONCE_MORE_SECONDS: Final = 0.001
"""For a room that is to be read in the next turn, too."""


class Heads:
    """The cursors of all rooms.

    Args:
        store: What they are compared with, and read from.
        rooms: Those that are open.
        is_shared: Whether other nodes append to the same store.
    """

    def __init__(self, store: Store, rooms: Rooms, *, is_shared: bool) -> None:
        self._store = store
        self._rooms = rooms
        self._behind: dict[Room, float] = {}
        """Rooms whose log may have more than their head, and until when it may get more of that."""
        self._heard: dict[Room, list[Event]] = {}
        """What other nodes have logged, as far as it has been said in this turn."""
        self.are_behind = False
        """Whether a room may not have been sent all that the store has, or that was heard."""
        self._is_shared = is_shared
        self.is_over = False
        """Whether the store is known to hold another history than what was sent to the rooms."""
        self._hears = False
        self._has_missed = False
        """Whether envelopes with events were lost since the last comparison."""
        self._compared_at = float("-inf")
        self._uncompared: list[str] = []
        """The rooms that are still to be compared this time."""

    def stop(self) -> None:
        """Forget all events of this history: the rooms are about to move to another one."""
        self._heard.clear()
        self._uncompared.clear()

    def begin_anew(self, room: Room) -> None:
        """Go on with a room that was moved. An append of unknown outcome may still be committed."""
        room.is_behind = room in self._behind

    def forget(self, room: Room) -> None:
        """The room is about to be no more."""
        self._behind.pop(room, None)

    def hear(self, events: Iterable[Event]) -> None:
        """Another node has logged these; the turn that is going on is to send them."""
        for event in events:
            if event.room in self._rooms:
                self._heard.setdefault(self._rooms[event.room], []).append(event)
                self.are_behind = True

    def reach(self, *, is_given: bool) -> None:
        """The other nodes are heard from now on, or are not."""
        self._hears = is_given
        self._compared_at = float("-inf")
        self._rooms.recent.drop_all()  # a text in memory may have been deleted

    def distrust(self) -> None:
        """Compare the rooms with the store soon: an envelope of another node is missing."""
        self._has_missed = True
        self._rooms.recent.drop_all()  # a text in memory may have been deleted

    async def compare(self, now: float) -> None:
        """Find out, now and then, which rooms have missed something."""
        if not self._is_shared:
            return
        if now >= self._compared_at + self._pause():
            self._compared_at = now
            self._has_missed = False
            self._uncompared = list(self._rooms.with_members())
        some = self._uncompared[-_COMPARED_AT_ONCE:]
        names = [name for name in some if name in self._rooms]
        try:
            # What this turn commits is not on the store yet.
            positions = await self._store.positions(names) if names else {}
        except Outage:
            return
        del self._uncompared[-_COMPARED_AT_ONCE:]
        self._note(positions, now)

    async def heads(self, names: Collection[str], now: float) -> Mapping[str, int]:
        """Ask the store for the heads of some rooms, and have missing events sent.

        Raises:
            Outage: The log is out of reach.
        """
        positions = await self._store.positions(names)
        self._note(positions, now)
        return {name: stand.head for name, stand in positions.items()}

    def _note(self, positions: Mapping[str, StreamPosition], now: float) -> None:
        for name, stand in positions.items():
            room = self._rooms[name]
            if stand.epoch != room.epoch:
                return  # all rooms are about to be moved to another history
            if stand.head > self._expected(room):
                self._fall_behind(room, now)
            elif stand.head < room.head:
                self.is_over = True  # the store has lost its end: a copy that was behind took over

    def _pause(self) -> float:
        if self._has_missed and not self._uncompared:
            return GAP_SECONDS
        return HEADS_SECONDS if self._hears else UNHEARD_HEADS_SECONDS

    async def meet(self, joins: Iterable[Join]) -> Sequence[Join]:
        """Find out what people may know of a room who come into it, and this node does not.

        They have seen more on another node; or nobody was here, for whom it would have been found.
        This turn is to read these rooms, before any others that are behind.

        Returns:
            Those who have seen more than can be read now. They would be shown it again later, so
            they are not to be let in.
        """
        curious = [join for join in joins if self._may_know_more(join)]
        if not self._is_shared or not curious:
            return ()
        try:
            positions = await self._store.positions({join.room for join in curious})
            behind = [
                self._rooms[name]
                for name, stand in positions.items()
                if stand.head > self._rooms[name].head
            ]
            for room in behind:
                with suppress(DamagedData):  # nobody will be shown that
                    self.hear(await self._missed(room, None))
        except Outage:
            return [join for join in curious if self._has_seen_more(join)]
        for room in behind:
            if room in self._behind:  # what has been read just now may not be all
                self._behind = {room: self._behind.pop(room)} | self._behind
        return ()

    def _may_know_more(self, join: Join) -> bool:
        if join.room not in self._rooms:
            return False  # it is about to be opened, as far as it has come
        return not self._rooms[join.room].users or self._has_seen_more(join)

    def _has_seen_more(self, join: Join) -> bool:
        return (join.since.since or 0) > self._rooms[join.room].head

    def doubt(self, plan: Plan) -> None:
        """Whether any of a batch was committed is unknown, and will be for a while."""
        for step in plan.steps:
            if isinstance(step, Entry):
                self._fall_behind(step.room, plan.now + DOUBT_SECONDS)
        for mark, _, _ in plan.marks.values():
            self._rooms.recent.doubt_mark(mark)

    async def catch_up(self, plan: Plan, commit: Commit | None) -> bool:
        """Have sent, before anything else, what the store got before what is committed now.

        Call it where `are_behind`. A room that cannot be read, or is one of too many, stays behind.

        Returns:
            Whether there were too many: the next turn is to come soon.
        """
        begins = {event.room: event.seq for event in _first_of_each_room(commit)}
        caught_up = list(self._join_in(begins, plan.now))
        was_read = 0
        for room in tuple(islice(self._behind, _READ_AT_ONCE)):
            try:
                events = await self._missed(room, begins.get(room.name))
            except Outage:
                continue
            caught_up.append(CaughtUp(room, events))
            was_read += 1
            room.is_behind = False
            until = self._behind.pop(room)
            if plan.now < until:
                self._behind[room] = until  # behind those that have not been read
        self.are_behind = bool(self._behind)
        plan.steps[:0] = caught_up
        return was_read == _READ_AT_ONCE

    def _fall_behind(self, room: Room, until: float) -> None:
        room.is_behind = self.are_behind = True
        self._behind[room] = max(until, self._behind.get(room, until))

    def check(self, plan: Plan, commit: Commit) -> None:
        """Find the rooms in which somebody else has logged, by what came of this batch.

        A number that was given before shows that the history is another one.
        """
        heads: dict[str, int] = {}
        rooms = self._rooms.by_name
        for draft, outcome in zip(plan.drafts, commit.outcomes, strict=True):
            name = draft.room
            room = rooms[name]
            head = heads.get(name)
            if head is None:
                head = self._expected(room) if self._heard else room.head
            if type(outcome) is Stored:
                seq = heads[name] = outcome.event.seq
                if seq == head + 1:
                    continue  # as nearly all are
                self.is_over |= seq <= room.head
            elif type(outcome) is not Repeated or outcome.seq <= head:
                continue
            self._fall_behind(room, plan.now)

    def _expected(self, room: Room) -> int:
        """Where a room stands with all that has been heard, if nothing of it is missing."""
        heard = self._heard.get(room)
        return room.head if heard is None else max(room.head, *(event.seq for event in heard))

    def _join_in(self, begins: dict[str, int], now: float) -> Iterator[CaughtUp]:
        """What has been heard and fits, of the rooms that are not behind."""
        for room, heard in self._heard.items():
            fresh = {event.seq: event for event in heard if event.seq > room.head}
            if not fresh:
                continue
            begin = begins.get(room.name, max(fresh) + 1)
            if max(fresh) >= begin:
                # It is newer than what is committed now: to be read in the next turn.
                self._fall_behind(room, now + _ONCE_MORE_SECONDS)
            elif len(fresh) != begin - 1 - room.head:
                self._fall_behind(room, now)
            elif room not in self._behind:  # or else the store has it
                yield CaughtUp(room, [fresh[seq] for seq in sorted(fresh)])
        self._heard.clear()

    async def _missed(self, room: Room, end: int | None) -> list[Event]:
        """The events behind the cursor, and before ``end`` if there is one."""
        events: list[Event] = []
        after = room.head
        while end is None or after < end - 1:
            limit = _CATCH_UP_EVENTS if end is None else min(_CATCH_UP_EVENTS, end - 1 - after)
            page = await self._store.read_after(room.name, after, limit)
            if page.epoch not in (None, room.epoch):
                raise HistoryReplaced("this page is of another history")
            events.extend(page.events)
            if not page.more:
                break
            after = page.events[-1].seq
        newest = events[-1].seq if events else room.head
        if end is not None and newest < end - 1:
            raise HistoryReplaced("the store has lost what was before a commit")
        return events


def _first_of_each_room(commit: Commit | None) -> Sequence[Event]:
    if commit is None:
        return ()
    first: dict[str, Event] = {}
    for outcome in commit.outcomes:
        if type(outcome) is Stored:
            first.setdefault(outcome.event.room, outcome.event)
    return tuple(first.values())
