"""The limits of new rooms, empty rooms, notices and departures. No trio; time is an argument."""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Final

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.hub.requests import Join, Member
from trio_chat.hub.room import Room
from trio_chat.ratelimit import KeyedWindows

# How long an empty room stays open. The first is for messages in memory: a user may return to them.
# The second is for a room without messages, or with messages on a disk; it is longer than the
# outcome of a commit may be unknown.
EMPTY_SECONDS: Final = 3600.0
QUIET_SECONDS: Final = 60.0

NEW_ROOMS_SECONDS: Final = 3600.0  # the period of an address' budget of new rooms

# The periods of the budgets of notices: of a user in a room, and of an address, all of whose users
# may arrive at once.
USER_SECONDS: Final = 600.0
ADDRESS_SECONDS: Final = 60.0
ADDRESS_FACTOR: Final = 20  # in budgets of a user: an office of 100 joins within a minute

# Departures announced in one turn, as many as a turn takes messages. While more are due, only ticks
# announce some: 50 times a second. So a client receives some 2,000 messages a second, a fifth of
# the rate at which a slow one can read.
A_TURN: Final = 64
A_TICK: Final = 32


class NewRooms:
    """The budgets of addresses for new rooms: ``rate`` in `NEW_ROOMS_SECONDS`; 0 for no limit."""

    def __init__(self, rate: int, default_room: str) -> None:
        self._default_room = default_room
        self._opened = KeyedWindows[str](rate, NEW_ROOMS_SECONDS)

    def take(self, room: str, joins: Iterable[Join], now: float) -> bool:
        """Return whether a new room opens; if so, the address of one join has paid for it."""
        addresses = [join.address for join in joins]
        if room == self._default_room or not addresses:  # or the server itself needs the room
            return True
        for address in addresses:
            if not self._opened.wait(address, now):
                self._opened.add(address, now)
                return True
        return False

    def refusal(self, join: Join, now: float) -> CommandError:
        """Return the answer to a join of a new room beyond the budget."""
        return CommandError(
            ErrorCode.LIMIT_EXCEEDED,
            "Too many new rooms from your address; join one that exists, or try again later",
            retry_after_ms=math.ceil(self._opened.wait(join.address, now) * 1000),
        )


class EmptyRooms:
    """The empty rooms; one with messages stays open for ``seconds``, else for `QUIET_SECONDS`."""

    def __init__(self, seconds: float) -> None:
        # Each in order of time, so that the clock looks only at those that are due.
        self._with_messages: dict[str, float] = {}
        self._quiet: dict[str, float] = {}
        self._seconds = seconds

    def __len__(self) -> int:
        return len(self._with_messages) + len(self._quiet)

    def add(self, room: Room, now: float) -> None:
        """Note that a room is empty from now on."""
        kind = self._with_messages if room.has_messages else self._quiet
        kind[room.name] = now

    def discard(self, name: str) -> None:
        """Note that a room has a member, or is closed."""
        self._with_messages.pop(name, None)
        self._quiet.pop(name, None)

    def due(self, now: float) -> Iterator[str]:
        """Yield the names of the rooms that have been empty for long enough."""
        for kind, seconds in (self._with_messages, self._seconds), (self._quiet, QUIET_SECONDS):
            last = now - seconds
            yield from takewhile(lambda name: kind[name] <= last, kind)  # noqa: B023 - used at once


class NoticeBudget:
    """Decides which joins and leaves are announced and stored: ``rate`` in `USER_SECONDS`.

    A client that joins and leaves a thousand times would push everything else out of a page of
    history. Beyond the budget only the presence shows such users. A rate of 0 means no limit.
    """

    def __init__(self, rate: int) -> None:
        # By room, user and address. Without a token a name alone pays nothing.
        self._by_user = KeyedWindows[tuple[str, str, str]](rate, USER_SECONDS)
        self._by_address = KeyedWindows[str](rate * ADDRESS_FACTOR, ADDRESS_SECONDS)
        # By room and user: the keys that paid for an announced arrival.
        self._present: dict[tuple[str, str], tuple[tuple[str, str, str], str]] = {}

    def take_join(self, join: Join, now: float) -> bool:
        """Return whether the arrival of this user is announced; if so, count it."""
        user, address = join.name.key, join.address
        payer = join.room, user, "" if join.member.author.is_proven else address
        if self._by_address.wait(address, now) or self._by_user.wait(payer, now):
            return False
        self._present[join.room, user] = payer, address
        self.count(join.room, user, now)
        return True

    def count(self, room: str, user: str, now: float) -> None:
        """Count a notice about a user, if this node announced the arrival."""
        known = self._present.get((room, user))
        if known is not None:
            payer, address = known
            self._by_user.add(payer, now)
            self._by_address.add(address, now)

    def forget(self, room: str, user: str) -> None:
        """Forget a user who is not in the room any more, on any node."""
        self._present.pop((room, user), None)


class Departures:
    """The members of ended connections that have not left their rooms yet, in order.

    When a network fails, hundreds of users leave dozens of rooms at once. A client in all of these
    rooms would receive thousands of messages in one turn, far more than its queue holds. So users
    leave at a pace at which every client can read.
    """

    def __init__(self, large_room_size: int) -> None:
        self._large_room_size = large_room_size
        self.waiting: deque[tuple[Room, Member, bool]] = deque()
        """Room, member, and whether the user has time to return."""
        self.are_late = False  # whether more are due than a turn may announce
        self._left = A_TURN

    def due(self) -> Iterator[tuple[Room, Member, bool]]:
        """Yield the departures of this turn."""
        while self.waiting:
            room, _, may_return = self.waiting[0]
            if not may_return and not self.may_announce(room):
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
