"""The heads of all rooms, and the events that rooms still have to receive.

A room's head, its cursor, advances by one with each event. If a committed event is not the next, or
if the outcome of a commit is unknown, the room is *behind*: the hub reads the store from the head
on. Between several nodes `trio_chat.cluster.heads` adds the events of other nodes.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

from trio_chat.errors import HistoryReplaced, Outage
from trio_chat.hub.limits import NewRooms
from trio_chat.hub.plan import Entry, Plan
from trio_chat.hub.requests import Join
from trio_chat.hub.room import Room
from trio_chat.hub.rooms import Rooms
from trio_chat.protocol.events import Event
from trio_chat.store.base import Commit, Repeated, Store, Stored

# How long an append of unknown outcome may still be committed: three times the limit of a call.
DOUBT_SECONDS: Final = 15.0

_READ_AT_ONCE: Final = 64  # rooms read in one turn: after an outage all may be behind
_PAGE_EVENTS: Final = 100  # events read at a time for a room that is behind


class Heads:
    """Opens rooms at their heads, and finds out which events they lack."""

    def __init__(self, store: Store, rooms: Rooms, new_rooms: NewRooms) -> None:
        self._store = store
        self._rooms = rooms
        self._new_rooms = new_rooms
        self.behind: dict[Room, float] = {}
        """Rooms that are behind, and until when the store may get more of what they lack."""
        self.are_behind = False  # whether rooms may lack events
        self.is_over = False
        """Whether the store is known to hold another history than the rooms."""
        self._expected: dict[Room, int] = {}
        """The heads that rooms reach in this turn with the events of other nodes."""

    async def open(
        self, names: Collection[str], joins: Sequence[Join], now: float
    ) -> Collection[str]:
        """Open these rooms at their heads, unless the store is unavailable.

        Returns the rooms that stay closed: they are new, and no joining client may open one more.
        """
        wanted = [name for name in names if name not in self._rooms.by_name]
        if not wanted:
            return ()
        try:
            positions = await self._store.positions(wanted)
        except Outage:
            return ()
        too_new: list[str] = []
        for name in wanted:
            asking = [join for join in joins if join.room == name]
            if positions[name].head or self._new_rooms.take(name, asking, now):
                self._rooms.open(name, positions[name], now)
            else:
                too_new.append(name)
                with suppress(Outage):
                    await self._store.forget(name)
        return too_new

    async def close_empty(self, now: float, wanted: Collection[str]) -> None:
        """Close the rooms that have been empty for long, unless a join wants them."""
        for name in self._rooms.long_empty(now):
            if name not in wanted:
                with suppress(Outage):
                    await self._store.forget(name)
                    self.behind.pop(self._rooms.by_name[name], None)
                    self._rooms.forget(name)

    def fall_behind(self, room: Room, until: float) -> None:
        """Read a room, in this turn and again until then, in seconds."""
        room.is_behind = self.are_behind = True
        self.behind[room] = max(until, self.behind.get(room, until))

    def forget_received(self) -> None:
        """Forget events of other nodes, since the rooms move to another history."""

    def doubt(self, plan: Plan) -> None:
        """Note that the outcome of a commit is unknown for a while."""
        for step in plan.steps:
            if isinstance(step, Entry):
                self.fall_behind(step.room, plan.now + DOUBT_SECONDS)
        for mark in plan.marks.values():
            self._rooms.recent.doubt_mark(mark)

    def check(self, plan: Plan, commit: Commit) -> None:
        """Find the rooms to which another node has appended, by the numbers of this commit.

        A number that was given before shows that the store holds another history.
        """
        heads: dict[str, int] = {}
        rooms, expected = self._rooms.by_name, self._expected
        for draft, outcome in zip(plan.drafts, commit.outcomes, strict=True):
            name = draft.room
            room = rooms[name]
            head = heads.get(name)
            if head is None:
                head = max(room.head, expected.get(room, 0)) if expected else room.head
            if type(outcome) is Stored:
                seq = heads[name] = outcome.event.seq
                if seq == head + 1:
                    continue  # as nearly always
                self.is_over |= seq <= room.head
            elif type(outcome) is not Repeated or outcome.seq <= head:
                continue
            self.fall_behind(room, plan.now)

    async def catch_up(self, plan: Plan, commit: Commit | None) -> bool:
        """Add the events that rooms lack to the plan, before its steps.

        Call it where `are_behind`. A room that cannot be read stays behind, and so do some if too
        many are: then it returns True, and the next turn should come soon.
        """
        begins = first_of_each_room(commit)
        was_read = 0
        for room in tuple(islice(self.behind, _READ_AT_ONCE)):
            try:
                events = await self._missing(room, begins.get(room.name))
            except Outage:
                # It may lack events in doubt, or received events that this turn would have sent.
                room.is_behind = True
                continue
            was_read += 1
            plan.caught_up.append((room, events))
            room.is_behind = False
            until = self.behind.pop(room)
            if plan.now < until:
                self.behind[room] = until  # after those not read yet
        self.are_behind = bool(self.behind)
        return was_read == _READ_AT_ONCE

    async def _missing(self, room: Room, end: int | None) -> list[Event]:
        """Read a room after its head, and below ``end`` if given, or raise `Outage`."""
        events: list[Event] = []
        after = room.head
        while end is None or after < end - 1:
            limit = _PAGE_EVENTS if end is None else min(_PAGE_EVENTS, end - 1 - after)
            page = await self._store.read_after(room.name, after, limit)
            if page.epoch not in (None, room.epoch):
                raise HistoryReplaced("this page is of another history")
            events.extend(page.events)
            if not page.more:
                break
            after = page.events[-1].seq
        newest = events[-1].seq if events else room.head
        if end is not None and newest < end - 1:
            raise HistoryReplaced("the store has lost events before a commit")
        return events


def first_of_each_room(commit: Commit | None) -> dict[str, int]:
    """Return by room the ``seq`` of the first event of a commit."""
    first: dict[str, int] = {}
    for outcome in commit.outcomes if commit is not None else ():
        if type(outcome) is Stored:
            first.setdefault(outcome.event.room, outcome.event.seq)
    return first
