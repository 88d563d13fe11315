"""Moves all rooms to another history, once the store holds one.

Events sent from the old history are no longer true: their numbers now stand for other events. So no
member receives anything until its room admits it again and shows it the newest events of the new
history. A joining member takes the same way (`trio_chat.hub.room`), so order holds. No notice is
sent, since no user joins or leaves. Members are admitted some at a time.
"""

from collections import deque
from typing import TYPE_CHECKING, Final

from trio_chat.errors import Outage
from trio_chat.hub.heads import Heads
from trio_chat.hub.plan import Plan, Told
from trio_chat.hub.room import Room
from trio_chat.hub.rooms import Rooms
from trio_chat.protocol.encodings import PerVersion
from trio_chat.protocol.messages import Read
from trio_chat.store.base import Store

if TYPE_CHECKING:
    from trio_chat.hub.requests import Join

_READ_AT_ONCE: Final = 1000
"""Rooms in one query: a few milliseconds, in which nobody else is served."""

_ADMITTED_AT_ONCE: Final = 64
"""Members in one turn: some 2 ms."""

_MOST_PENDING: Final = 256
"""Members that read the store at the same time: each reads a page, and others want to read, too."""


class Renewal:
    """The history of the rooms, and the members that have not been shown it yet.

    Args:
        store: The store.
        rooms: All rooms that are open.
        cursors: Where they stand.
    """

    def __init__(self, store: Store, rooms: Rooms, cursors: Heads) -> None:
        self._store = store
        self._rooms = rooms
        self._cursors = cursors
        self._epoch = store.epoch
        """Of the history of the rooms."""
        self._unread: list[str] = []
        """The rooms of which it is unknown how far they have come in this history."""
        self._waiting: deque[tuple[Room, Join]] = deque()
        """Members that wait to be admitted again."""
        self._pending: list[tuple[Room, Join]] = []
        """Members that were admitted, and perhaps have not been shown anything yet."""
        self.is_busy = False
        """Whether rooms or members may still be on their way to another history."""

    @property
    def is_due(self) -> bool:
        """Whether the rooms are of another history than the store, as far as is known."""
        return self._store.epoch != self._epoch or self._cursors.is_over or bool(self._unread)

    @property
    def is_under_way(self) -> bool:
        """Whether no member may receive anything: the heads of the rooms are unknown."""
        return self._cursors.is_over or bool(self._unread)

    async def carry_out(self) -> bool:
        """Move all rooms to the history of the store.

        Returns:
            Whether that is done. If not, the store is out of reach: nothing may be sent to any
            room, and nobody may join one.
        """
        try:
            while self.is_due:
                if self._cursors.is_over:
                    self._suspend()
                    await self._store.take_new_epoch(self._epoch)
                    self._cursors.is_over = False
                elif self._store.epoch != self._epoch:
                    self._epoch = self._store.epoch
                    self._suspend()
                else:
                    await self._read_some()
        except Outage:
            return False
        return True

    def admit_some(self, plan: Plan) -> bool:
        """Have some members admitted.

        Returns:
            Whether others wait, so that the next turn should come soon.
        """
        self.is_busy = bool(self._waiting or self._unread)
        if not self._waiting or self.is_under_way:
            return False
        self._pending = [(room, join) for room, join in self._pending if room.is_held(join.member)]
        most = min(_ADMITTED_AT_ONCE, _MOST_PENDING - len(self._pending))
        while self._waiting and most > 0:
            room, join = self._waiting.popleft()
            # It may have left meanwhile, or have joined again.
            if self._rooms.lacks(room, join.member):
                self._rooms.admit(room, join, plan)
                self._pending.append((room, join))
                most -= 1
        self.is_busy = bool(self._waiting)
        return self.is_busy and len(self._pending) < _MOST_PENDING

    def _suspend(self) -> None:
        self.is_busy = True
        self._unread = []
        for room in self._rooms.all():
            if self._has_moved(room):
                self._rooms.recent.open(room.name, room.epoch, room.head)
            else:
                self._unread.append(room.name)
                self._suspend_room(room)
        self._cursors.stop()

    def _has_moved(self, room: Room) -> bool:
        """Whether a room was opened in the new history, before this node knew of that.

        Its members have received that history.
        """
        return room.epoch == self._epoch and not room.is_behind and not self._cursors.is_over

    def _suspend_room(self, room: Room) -> None:
        self._rooms.recent.close(room.name)
        self._waiting.extend((room, join) for join in room.suspend())

    async def _read_some(self) -> None:
        names = [name for name in self._unread[-_READ_AT_ONCE:] if name in self._rooms]
        epoch = self._store.epoch
        positions = await self._store.positions(names) if names else {}
        if epoch != self._store.epoch:
            return  # it was replaced again
        del self._unread[-_READ_AT_ONCE:]
        for name, stand in positions.items():
            room = self._rooms[name]
            self._suspend_room(room)  # somebody may have come in since, in the same turn
            room.begin_anew(stand)
            self._rooms.recent.open(name, stand.epoch, stand.head)
            self._cursors.begin_anew(room)


def drop_what_is_over(plan: Plan) -> None:
    """Remove read marks of the former history from a plan."""
    plan.marks.clear()
    plan.steps[:] = [step for step in plan.steps if not _is_receipt(step)]


def _is_receipt(step: object) -> bool:
    return (
        isinstance(step, Told)
        and isinstance(step.said, PerVersion)
        and isinstance(step.said.version_2, Read)
    )
