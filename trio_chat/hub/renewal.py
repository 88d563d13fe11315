"""Moves all rooms to another history, once the store holds one.

The events sent from the old history are not valid any more: their numbers now name other events. So
no member receives anything until its room admits it again, some members at a time. Then the member
receives the newest events of the new history, as after joining. Nobody receives a notice.
"""

from collections import deque
from itertools import filterfalse
from typing import TYPE_CHECKING, Final

from trio_chat.errors import Outage
from trio_chat.hub.heads import Heads
from trio_chat.hub.plan import Plan, ToRoom
from trio_chat.hub.room import Room
from trio_chat.hub.rooms import Rooms
from trio_chat.protocol.encodings import PerVersion
from trio_chat.protocol.messages import HasRead
from trio_chat.store.base import Store

if TYPE_CHECKING:
    from trio_chat.hub.requests import Join

_READ_AT_ONCE: Final = 1000  # rooms in one query: the hub waits some milliseconds for it
_ADMITTED_AT_ONCE: Final = 64  # members admitted in one turn, which takes some 2 ms

# Members that read the store at the same time. Each reads a page, and other clients read, too.
_MOST_PENDING: Final = 256


class Renewal:
    """The history of the rooms, and the members that have not received it yet."""

    def __init__(self, store: Store, rooms: Rooms, heads: Heads) -> None:
        self._store = store
        self._rooms = rooms
        self._heads = heads
        self._epoch = store.epoch  # of the rooms
        self._unread: list[str] = []  # rooms whose end in this history is unknown
        self._waiting: deque[tuple[Room, Join]] = deque()  # members to admit again
        self._pending: list[tuple[Room, Join]] = []  # admitted ones that may not have read yet
        self.is_busy = False  # whether rooms or members may still be moving to another history

    @property
    def is_due(self) -> bool:
        """Whether the rooms have another history than the store, as far as the hub knows."""
        return self._store.epoch != self._epoch or self.is_under_way

    @property
    def is_under_way(self) -> bool:
        """Whether the heads of rooms are unknown, so that no member may receive anything."""
        return self._heads.is_over or bool(self._unread)

    async def carry_out(self, plan: Plan) -> bool:
        """Move all rooms to the history of the store; the plan loses its read markers.

        If it returns False the store is unavailable: the hub must send nothing, and refuse joins.
        """
        plan.marks.clear()
        plan.steps[:] = filterfalse(_has_read_marker, plan.steps)
        try:
            while self.is_due:
                if self._heads.is_over:
                    self._suspend()
                    await self._store.take_new_epoch(self._epoch)
                    self._heads.is_over = False
                elif self._store.epoch != self._epoch:
                    self._epoch = self._store.epoch
                    self._suspend()
                else:
                    await self._read_some()
        except Outage:
            return False
        return True

    def admit_some(self, plan: Plan) -> bool:
        """Admit some members; return whether the next turn should come soon, since others wait."""
        self.is_busy = bool(self._waiting or self._unread)
        if not self._waiting or self.is_under_way:
            return False
        self._pending = [
            (room, join) for room, join in self._pending if room.is_pending(join.member)
        ]
        most = min(_ADMITTED_AT_ONCE, _MOST_PENDING - len(self._pending))
        while self._waiting and most > 0:
            room, join = self._waiting.popleft()
            # It may have left meanwhile, or joined again.
            if self._rooms.lacks(room, join.member):
                self._rooms.admit(room, join, plan)
                self._pending.append((room, join))
                most -= 1
        self.is_busy = bool(self._waiting)
        return self.is_busy and len(self._pending) < _MOST_PENDING

    def _suspend(self) -> None:
        self.is_busy = True
        self._unread = []
        for room in self._rooms.by_name.values():
            # A room may have opened in the new history before this node knew of that.
            if room.epoch == self._epoch and not room.is_behind and not self._heads.is_over:
                self._rooms.recent.open(room.name, room.epoch, room.head)
            else:
                self._unread.append(room.name)
                self._suspend_room(room)
        self._heads.forget_received()

    def _suspend_room(self, room: Room) -> None:
        self._rooms.recent.close(room.name)
        self._waiting.extend((room, join) for join in room.suspend())

    async def _read_some(self) -> None:
        names = [name for name in self._unread[-_READ_AT_ONCE:] if name in self._rooms.by_name]
        epoch = self._store.epoch
        positions = await self._store.positions(names) if names else {}
        if epoch != self._store.epoch:
            return  # it was replaced again
        del self._unread[-_READ_AT_ONCE:]
        for name, position in positions.items():
            room = self._rooms.by_name[name]
            self._suspend_room(room)  # a member may have joined since, in the same turn
            room.restart(position)
            self._rooms.recent.open(name, position.epoch, position.head)
            room.is_behind = room in self._heads.behind  # an append may be of unknown outcome


def _has_read_marker(step: object) -> bool:
    message = step.message if isinstance(step, ToRoom) else None
    return isinstance(message, PerVersion) and isinstance(message.version_2, HasRead)
