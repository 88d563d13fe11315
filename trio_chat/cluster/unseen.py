"""Receipts for events that another node has shown, and this one has not.

A user may have connections to two nodes, one of which is ahead by a moment. So a receipt beyond the
head of a room here is not refused at once: at the next tick the store knows whether the event
exists. That is one query for all of them, however many there are.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

from trio_chat.errors import Outage
from trio_chat.hub.heads import Heads
from trio_chat.hub.requests import MarkRead, Member
from trio_chat.hub.rooms import Rooms

_MOST_OF_A_MEMBER: Final = 8
"""A client that sends more in a quarter of a second invents numbers."""

_MOST_MEMBERS: Final = 10_000


class UnseenReceipts:
    """Those that wait for the next tick.

    Args:
        rooms: All rooms.
        cursors: Ask the store how far rooms have come.
    """

    def __init__(self, rooms: Rooms, cursors: Heads) -> None:
        self._rooms = rooms
        self._cursors = cursors
        self._waiting: dict[Member, list[MarkRead]] = {}

    def takes(self, request: MarkRead) -> bool:
        """Keep a receipt if its event may be on the store without having been sent here."""
        if request.room not in self._rooms or request.seq <= self._rooms[request.room].head:
            return False
        waiting = self._waiting.get(request.member)
        if waiting is None:
            if len(self._waiting) >= _MOST_MEMBERS:
                return False
            waiting = self._waiting[request.member] = []
        if len(waiting) >= _MOST_OF_A_MEMBER:
            return False
        waiting.append(request)
        return True

    async def take(self, now: float) -> tuple[Sequence[MarkRead], Mapping[str, int] | None]:
        """Take all that wait, of members that are still in their rooms.

        Rooms that are behind the store are sent what they lack in this turn.

        Returns:
            The receipts, and the heads of their rooms; None if the store is unavailable.
        """
        waiting = [
            request
            for request in chain.from_iterable(self._waiting.values())
            if request.room in self._rooms and request.member in self._rooms[request.room].users
        ]
        self._waiting.clear()
        if not waiting:
            return (), {}
        try:
            return waiting, await self._cursors.heads({request.room for request in waiting}, now)
        except Outage:
            return waiting, None
