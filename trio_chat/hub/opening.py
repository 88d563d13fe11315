"""Opens rooms for joins, and closes rooms that have been empty for long."""

from collections.abc import Collection, Sequence
from contextlib import suppress

from trio_chat.errors import CommandError, Outage
from trio_chat.hub.heads import Heads
from trio_chat.hub.limits import NewRooms
from trio_chat.hub.requests import Join
from trio_chat.hub.rooms import Rooms
from trio_chat.settings import Settings
from trio_chat.store.base import Store


class Opening:
    """Opens and closes rooms.

    Args:
        store: Knows the end of each room.
        rooms: The open rooms.
        heads: Their heads.
        settings: The limits of new rooms.
    """

    def __init__(self, store: Store, rooms: Rooms, heads: Heads, settings: Settings) -> None:
        self._store = store
        self._rooms = rooms
        self._heads = heads
        self._new_rooms = NewRooms(settings.new_room_rate, settings.default_room)

    def refusal(self, join: Join, now: float) -> CommandError:
        """Return the error for a join of a room that `open` did not open."""
        return self._new_rooms.refusal(join, now)

    async def open(
        self, names: Collection[str], joins: Sequence[Join], now: float
    ) -> Collection[str]:
        """Open these rooms, unless the store is unavailable.

        Returns:
            The rooms that stay closed: they are new, and no joining client may open one more.
        """
        wanted = [name for name in names if name not in self._rooms]
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

    async def forget_empty(self, now: float, wanted: Collection[str]) -> None:
        """Close the rooms that have been empty for long, unless a join wants them."""
        for name in self._rooms.long_empty(now):
            if name in wanted:
                continue
            try:
                await self._store.forget(name)
            except Outage:
                continue
            self._heads.forget(self._rooms[name])
            self._rooms.forget(name)
