"""Compares the heads of rooms with the store, and collects the events of other nodes."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from trio_chat.errors import DamagedData, Outage
from trio_chat.hub.heads import Heads, first_of_each_room
from trio_chat.hub.limits import NewRooms
from trio_chat.hub.plan import Plan
from trio_chat.hub.requests import Join
from trio_chat.hub.rooms import Rooms
from trio_chat.protocol.events import Event
from trio_chat.store.base import Commit, Store, StreamPosition

if TYPE_CHECKING:
    from trio_chat.hub.room import Room

COMPARE_SECONDS: Final = 30.0
"""Interval between two comparisons of the rooms with the store: envelopes of events may be lost."""

UNCONNECTED_SECONDS: Final = 2.0
"""The interval while no envelopes arrive: other nodes may still append."""

GAP_SECONDS: Final = 0.5
"""The interval while an envelope is missing: any publisher can leave out numbers."""

_COMPARED_AT_ONCE: Final = 1000
"""Maximum rooms in one query: the hub waits some milliseconds for it."""

_ONCE_MORE_SECONDS: Final = 0.001
"""For a room that must also be read in the next turn."""


class ClusterHeads(Heads):
    """The heads of all rooms, and the events that other nodes have appended."""

    def __init__(self, store: Store, rooms: Rooms, new_rooms: NewRooms) -> None:
        super().__init__(store, rooms, new_rooms)
        self._received: dict[Room, list[Event]] = {}
        """Events received in this turn."""
        self._is_connected = False
        self._has_missed = False
        """Whether envelopes were lost since the last comparison."""
        self._compared_at = float("-inf")
        self._uncompared: list[str] = []
        """Rooms that the present comparison has not reached."""

    def forget_received(self) -> None:
        """See `Heads.forget_received`."""
        self._received.clear()
        self._expected.clear()
        self._uncompared.clear()

    def receive(self, events: Iterable[Event]) -> None:
        """Note events that another node has stored; this turn sends them."""
        for event in events:
            room = self._rooms.by_name.get(event.room)
            if room is not None:
                self._received.setdefault(room, []).append(event)
                self._expected[room] = max(self._expected_head(room), event.seq)
                self.are_behind = True

    def set_connected(self, *, is_connected: bool) -> None:
        """Note whether envelopes arrive, and compare soon."""
        self._is_connected = is_connected
        self._compared_at = float("-inf")
        self._rooms.recent.drop_all()  # a text in memory may have been deleted

    def note_gap(self) -> None:
        """Compare the rooms with the store soon: an envelope is missing."""
        self._has_missed = True
        self._rooms.recent.drop_all()  # a text in memory may have been deleted

    async def compare(self, now: float) -> None:
        """Find the rooms that lack events, if a comparison is due."""
        if now >= self._compared_at + self._pause():
            self._compared_at = now
            self._has_missed = False
            rooms = self._rooms.by_name.items()
            self._uncompared = [name for name, room in rooms if room.users]
        some = self._uncompared[-_COMPARED_AT_ONCE:]
        names = [name for name in some if name in self._rooms.by_name]
        try:
            # The store does not have the events of this turn yet.
            positions = await self._store.positions(names) if names else {}
        except Outage:
            return
        del self._uncompared[-_COMPARED_AT_ONCE:]
        self._note(positions, now)

    async def read_heads(self, names: Collection[str], now: float) -> Mapping[str, int]:
        """Read the heads of some rooms, and make this turn send the events they lack.

        Raises:
            Outage: The store is unavailable.
        """
        positions = await self._store.positions(names)
        self._note(positions, now)
        return {name: position.head for name, position in positions.items()}

    async def prepare(self, joins: Iterable[Join]) -> Sequence[Join]:
        """Read the events that joining clients may know and this node lacks.

        The clients received more on another node, or this node had no member in the room and so
        did not notice. This turn reads these rooms before all others that are behind.

        Returns:
            The joins of clients that have received more than can be read now. They would receive
            it again later, so the hub must refuse them.
        """
        unsure = [join for join in joins if self._may_know_more(join)]
        if not unsure:
            return ()
        try:
            positions = await self._store.positions({join.room for join in unsure})
            rooms = ((self._rooms.by_name[name], one.head) for name, one in positions.items())
            behind = [room for room, head in rooms if head > room.head]
            for room in behind:
                with suppress(DamagedData):  # no client will receive that
                    self.receive(await self._missing(room, None))
        except Outage:
            return [join for join in unsure if self._has_seen_more(join)]
        for room in behind:  # first: what was read just now may not be all
            if room in self.behind:
                self.behind = {room: self.behind.pop(room)} | self.behind
        return ()

    async def catch_up(self, plan: Plan, commit: Commit | None) -> bool:
        """See `Heads.catch_up`; add the received events, too."""
        plan.caught_up += self._take_received(first_of_each_room(commit), plan.now)
        return await super().catch_up(plan, commit)

    def _take_received(
        self, begins: Mapping[str, int], now: float
    ) -> Iterator[tuple["Room", list[Event]]]:
        """Yield the received events that fit, of rooms that are not behind."""
        received, self._received = self._received, {}
        self._expected.clear()
        for room, events in received.items():
            fresh = {event.seq: event for event in events if event.seq > room.head}
            if not fresh:
                continue
            begin = begins.get(room.name, max(fresh) + 1)
            if max(fresh) >= begin:
                # It is newer than this turn's commit: read it in the next turn.
                self.fall_behind(room, now + _ONCE_MORE_SECONDS)
            elif len(fresh) != begin - 1 - room.head:
                self.fall_behind(room, now)
            elif room not in self.behind:  # otherwise this turn reads the room
                yield room, [fresh[seq] for seq in sorted(fresh)]

    def _expected_head(self, room: "Room") -> int:
        return max(room.head, self._expected.get(room, 0))

    def _note(self, positions: Mapping[str, StreamPosition], now: float) -> None:
        for name, position in positions.items():
            room = self._rooms.by_name[name]
            if position.epoch != room.epoch:
                return  # all rooms are about to move to another history
            if position.head > self._expected_head(room):
                self.fall_behind(room, now)
            elif position.head < room.head:
                self.is_over = True  # the store has lost its end: an older copy took over

    def _pause(self) -> float:
        if self._has_missed and not self._uncompared:
            return GAP_SECONDS
        return COMPARE_SECONDS if self._is_connected else UNCONNECTED_SECONDS

    def _may_know_more(self, join: Join) -> bool:
        room = self._rooms.by_name.get(join.room)
        if room is None:
            return False  # this turn opens it, at its end
        return not room.users or self._has_seen_more(join)

    def _has_seen_more(self, join: Join) -> bool:
        return (join.since.since or 0) > self._rooms.by_name[join.room].head
