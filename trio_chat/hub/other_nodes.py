"""The hub's view of the other nodes. A single node has none; `trio_chat.cluster` extends these."""

# ruff: noqa: ARG002 - a single node ignores the arguments

from collections.abc import Callable, Collection, Iterable

from trio_chat.context import Context
from trio_chat.hub.heads import Heads
from trio_chat.hub.limits import NewRooms
from trio_chat.hub.plan import Plan
from trio_chat.hub.requests import Join, Publish
from trio_chat.hub.room import Room
from trio_chat.hub.rooms import Rooms
from trio_chat.hub.users import Users
from trio_chat.protocol.commands import ReadMarker, SetTyping
from trio_chat.store.base import Commit, Store


class OtherNodes:
    """The other nodes of a single node: none. The hub calls each method in its own task."""

    # The requests of a turn that needs neither `prepare` nor `finish`.
    ordinary: frozenset[type] = frozenset({SetTyping, ReadMarker, Publish})
    # Whether this node stores all read markers, so that it may keep them in memory.
    owns_marks: bool = True
    # Sends other nodes the events and the news of a turn, before members receive them.
    publish: Callable[[Plan, Commit | None], None] | None = None

    def make_users(self, rooms: dict[str, Room], context: Context) -> Users:
        """Return the users of the rooms."""
        return Users(rooms, context)

    def make_heads(self, store: Store, rooms: Rooms, new_rooms: NewRooms) -> Heads:
        """Return the heads of the rooms."""
        return Heads(store, rooms, new_rooms)

    def rooms_wanted(self, now: float) -> Iterable[str]:
        """Return the names of the rooms that this turn must open for a notice."""
        return ()

    async def prepare(
        self, joins: Collection[Join], plan: Plan, *, has_tick: bool
    ) -> Collection[Join]:
        """Read what this turn needs of other nodes; return the joins that must fail without it."""
        return ()

    def tick(self, plan: Plan) -> None:
        """Decide what follows from the time."""

    def defer(self, marker: ReadMarker) -> bool:
        """Keep a read marker beyond the head of its room until it can be checked, if possible."""
        return False

    async def finish(self, plan: Plan) -> None:
        """Decide what is due at the end of a turn."""
