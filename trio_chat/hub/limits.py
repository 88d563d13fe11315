"""Limits how many new rooms an address may open. No trio; time is an argument, in seconds."""

import math
from collections.abc import Iterable
from typing import Final

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.hub.requests import Join
from trio_chat.ratelimit import KeyedWindows

NEW_ROOMS_SECONDS: Final = 3600.0
"""The period of an address' budget of new rooms."""


class NewRooms:
    """Decides whether a room without a stored event opens.

    Args:
        rate: New rooms of an address in `NEW_ROOMS_SECONDS`; 0 for no limit.
        default_room: Always opens.
    """

    def __init__(self, rate: int, default_room: str) -> None:
        self._default_room = default_room
        self._opened = KeyedWindows[str](rate, NEW_ROOMS_SECONDS)

    def take(self, room: str, joins: Iterable[Join], now: float) -> bool:
        """Return whether a new room opens; if so, the address of one join has paid for it.

        Args:
            room: Its name.
            joins: The joins of the room; none if the server itself needs the room.
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
