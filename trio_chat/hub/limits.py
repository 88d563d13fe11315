"""What bounds rooms: their size, their notices, and how many new ones an address may open."""

import math
from collections.abc import Iterable
from typing import Final

from attrs import frozen

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.hub.requests import Join
from trio_chat.ratelimit import KeyedWindows

NEW_ROOMS_SECONDS: Final = 3600.0
"""The period of an address' budget of new rooms."""


@frozen
class RoomLimits:
    """Limits of all rooms, from the settings.

    Attributes:
        large_room_size: Rooms of more users than this are told less often.
        notice_rate: Notices of a user in a room in ten minutes; 0 for no limit.
        new_room_rate: New rooms of an address in an hour; 0 for no limit.
        default_room: Always open, whether it is new or not.
    """

    large_room_size: int
    notice_rate: int
    new_room_rate: int
    default_room: str


class NewRooms:
    """Decides which rooms without a stored event open. Time comes in, in seconds.

    Args:
        limits: The rate, and the room that is exempt.
    """

    def __init__(self, limits: RoomLimits) -> None:
        self._default_room = limits.default_room
        self._opened = KeyedWindows[str](limits.new_room_rate, NEW_ROOMS_SECONDS)

    def take(self, room: str, joins: Iterable[Join], now: float) -> bool:
        """Return whether a new room opens: the address of one of these joins must pay for it.

        Args:
            room: Its name.
            joins: What asks for it; nothing, if the server itself needs the room.
            now: The time.
        """
        addresses = [join.address for join in joins]
        if room == self._default_room or not addresses:
            return True
        for address in addresses:
            if not self._opened.wait(address, now):
                self._opened.add(address, now)
                return True
        return False

    def refusal(self, join: Join, now: float) -> CommandError:
        """Return the answer to a join of a new room beyond the budget."""
        wait_ms = math.ceil(self._opened.wait(join.address, now) * 1000)
        error = CommandError(
            ErrorCode.LIMIT_EXCEEDED,
            "Too many new rooms from your address; join one that exists, or try again later",
            retry_after_ms=wait_ms,
        )
        error.ref, error.room = join.ref, join.room
        return error
