"""The other nodes of a single node: none."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from trio_chat.context import Context
from trio_chat.hub.heads import Heads
from trio_chat.hub.plan import CaughtUp, Plan
from trio_chat.hub.requests import Join, Publish
from trio_chat.hub.room import Room
from trio_chat.hub.rooms import Rooms
from trio_chat.hub.users import Users
from trio_chat.protocol.commands import ReadMarker, SetTyping

_ORDINARY: Final[frozenset[type]] = frozenset({SetTyping, ReadMarker, Publish})
"""What members send to their rooms: it changes neither the members nor the history of a room."""


class Alone:
    """Does nothing. Satisfies `trio_chat.hub.other_nodes.OtherNodes`."""

    ordinary = _ORDINARY
    owns_marks = True
    publish = None

    def make_users(self, rooms: Mapping[str, Room], context: Context) -> Users:
        """Return the users of this node."""
        return Users(rooms, context)

    def start(self, rooms: Rooms, heads: Heads) -> None:
        """Need nothing of the hub."""

    def rooms_wanted(self, now: float) -> Iterable[str]:  # noqa: ARG002 - see the protocol
        """Want no room."""
        return ()

    async def prepare(
        self,
        joins: Collection[Join],  # noqa: ARG002 - see the protocol
        plan: Plan,  # noqa: ARG002
        *,
        has_tick: bool,  # noqa: ARG002
    ) -> Collection[Join]:
        """Refuse no join: only this node appends to the store."""
        return ()

    def tick(self, plan: Plan) -> None:
        """Decide nothing."""

    def defer(self, request: ReadMarker) -> bool:  # noqa: ARG002 - see the protocol
        """Keep no read marker: no other node has sent an event that this one has not."""
        return False

    async def finish(self, plan: Plan) -> None:
        """Decide nothing."""

    def take_received(self, begins: Mapping[str, int], now: float) -> Iterable[CaughtUp]:  # noqa: ARG002 - see the protocol
        """Return nothing."""
        return ()

    def forget_history(self) -> None:
        """Forget nothing."""
