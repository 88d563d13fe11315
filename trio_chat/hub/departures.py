"""Limits how many members leave their rooms at a time. No trio, no clock.

Every member of a room receives a message or two for each user who leaves. When a network fails,
hundreds of users leave dozens of rooms at once. A client in all of these rooms would receive
thousands of messages in one turn, far more than its queue holds. So users leave one after another,
at a pace at which every client can read.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from trio_chat.hub.requests import Member
from trio_chat.hub.room import Room

A_TURN: Final = 64
"""Announced departures in one turn, as many as a turn takes messages. Each is a notice, and each
room receives one presence."""

A_TICK: Final = 32
"""Announced departures in each tick while more are due. Ticks then come 50 times a second, so a
client receives some 2,000 messages a second, a fifth of what a slow one can read."""


@frozen
class Departure:
    """A member leaves a room.

    Attributes:
        may_return: Whether the user has some seconds to return before this is announced.
    """

    room: Room
    member: Member
    may_return: bool


class Departures:
    """The departures that wait, in order.

    Args:
        large_room_size: Rooms with more users announce no departure.

    Attributes:
        waiting: Departures of members whose connections have ended.
        are_late: Whether more are due than a turn may announce.
    """

    def __init__(self, large_room_size: int) -> None:
        self._large_room_size = large_room_size
        self.waiting: deque[Departure] = deque()
        self.are_late = False
        self._left = A_TURN

    def add(self, departure: Departure) -> None:
        """Let a member leave a room once all before it have left."""
        self.waiting.append(departure)

    def due(self) -> Iterator[Departure]:
        """Yield the departures of this turn."""
        while self.waiting:
            first = self.waiting[0]
            if not first.may_return and not self.may_announce(first.room):
                return
            yield self.waiting.popleft()

    def begin_turn(self, *, has_tick: bool) -> None:
        """Begin a turn. While more are due than a turn may announce, only ticks continue."""
        if not self.are_late:
            self._left = A_TURN
        elif has_tick:
            self._left = A_TICK
            self.are_late = False

    def may_announce(self, room: Room) -> bool:
        """Return whether one more user may leave a room in this turn; if so, count it."""
        if len(room.presence) > self._large_room_size:
            return True
        if not self._left:
            self.are_late = True
            return False
        self._left -= 1
        return True
