"""Members that are leaving their rooms: how many at a time. No trio, no clock.

Everybody in a room receives a frame or two for each user who leaves. When a network fails, hundreds
of users leave dozens of rooms at the same moment, and somebody who is in all of these rooms would
receive thousands of frames in one turn, far more than a queue holds. So they leave one after the
other, at a pace at which everybody can read.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from trio_chat.hub.requests import Member
from trio_chat.hub.room import Room

A_TURN: Final = 64
"""Announced departures in one turn, as many as a turn takes messages: a notice for each, and one
presence for each room."""

A_TICK: Final = 32
"""Announced departures in each tick of the clock while more are due. Ticks then come 50 times a
second, so a client receives some 2,000 frames a second, a fifth of what a slow one can read."""


@frozen
class Departure:
    """A member leaves a room.

    Attributes:
        may_return: Whether it has some seconds to come back before it is announced.
    """

    room: Room
    member: Member
    may_return: bool


class Departures:
    """Those that wait, in order.

    Args:
        large_room_size: In rooms of more users nobody is announced.
    """

    def __init__(self, large_room_size: int) -> None:
        self._crowd_size = large_room_size
        self.waiting: deque[Departure] = deque()
        """Of members that have gone, and have not left all their rooms yet."""
        self._left = A_TURN
        self._are_late = False

    @property
    def are_late(self) -> bool:
        """Whether more are due than may be announced in a turn."""
        return self._are_late

    def add(self, departure: Departure) -> None:
        """Let a member leave a room when all before it have left."""
        self.waiting.append(departure)

    def due(self) -> Iterator[Departure]:
        """Yield those that leave now."""
        while self.waiting:
            first = self.waiting[0]
            if not first.may_return and not self.may_announce(first.room):
                return
            yield self.waiting.popleft()

    def begin_turn(self, *, has_tick: bool) -> None:
        """A turn begins. While more are due than a turn may announce, only the clock goes on."""
        if not self._are_late:
            self._left = A_TURN
        elif has_tick:
            self._left = A_TICK
            self._are_late = False

    def may_announce(self, room: Room) -> bool:
        """Whether one more user may leave a room in this turn; if so, it counts."""
        if len(room.presence) > self._crowd_size:
            return True
        if not self._left:
            self._are_late = True
            return False
        self._left -= 1
        return True
