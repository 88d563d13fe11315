"""Read markers for events that another node has sent, and this one has not.

A user may have connections to two nodes, one of which is a moment ahead. So this node does not
refuse a marker beyond the head of a room at once: at the next tick one query shows whether the
events exist.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final

from trio_chat.cluster.heads import ClusterHeads
from trio_chat.errors import Outage
from trio_chat.hub.rooms import Rooms
from trio_chat.protocol.commands import ReadMarker

if TYPE_CHECKING:
    from trio_chat.hub.requests import Member

_MOST_OF_A_MEMBER: Final = 8
"""Maximum markers of a member per tick: a client that sends more makes numbers up."""

_MOST_MEMBERS: Final = 10_000


class UnseenMarkers:
    """The read markers that wait for the next tick.

    Args:
        rooms: The open rooms.
        heads: Reads the heads of rooms in the store.
    """

    def __init__(self, rooms: Rooms, heads: ClusterHeads) -> None:
        self._rooms = rooms
        self._heads = heads
        self._waiting: dict[Member, list[ReadMarker]] = {}

    def add(self, request: ReadMarker) -> bool:
        """Keep a marker; return False if too many wait."""
        waiting = self._waiting.get(request.member)
        if waiting is None:
            if len(self._waiting) >= _MOST_MEMBERS:
                return False
            waiting = self._waiting[request.member] = []
        if len(waiting) >= _MOST_OF_A_MEMBER:
            return False
        waiting.append(request)
        return True

    async def take(self, now: float) -> tuple[Sequence[ReadMarker], Mapping[str, int] | None]:
        """Take the markers of members that are still in their rooms.

        This turn sends the events that these rooms lack.

        Returns:
            The markers, and the heads of their rooms; None if the store is unavailable.
        """
        rooms = self._rooms.by_name
        waiting = [
            request
            for request in chain.from_iterable(self._waiting.values())
            if request.room in rooms and request.member in rooms[request.room].users
        ]
        self._waiting.clear()
        if not waiting:
            return (), {}
        try:
            return waiting, await self._heads.read_heads({one.room for one in waiting}, now)
        except Outage:
            return waiting, None
