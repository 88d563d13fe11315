"""The users of one room, and the displayed names of all users. No trio; time is in seconds.

Between several nodes `trio_chat.cluster.leases` adds the users of other nodes.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from attrs import define

from trio_chat.hub.requests import Member
from trio_chat.protocol.names import Name

# The displayed names of users who are online and offline now.
Changes = tuple[tuple[str, ...], tuple[str, ...]]

# Begins the session of a user whose arrival is not announced. Of several sessions that nodes report
# of one user the lowest counts, so an announced one.
UNANNOUNCED: Final = "~"

_BY_SHOWN: Final = attrgetter("shown")


@define
class User:
    """A user of a room; only its `Presence` changes it.

    A *presence session* is the time from joining to leaving. On a single node its name only says
    whether it began with a notice. Connections to other nodes do not count.
    """

    name: Name
    session: str
    connections: int = 0

    @property
    def is_announced(self) -> bool:
        """Whether the arrival that began the session was announced; then so is its end."""
        return not self.session.startswith(UNANNOUNCED)


class Presence:
    """The users of one room, by key. Several connections of a user count once.

    A user whose last connection has closed stays until `remove`, perhaps for the time to return.
    """

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self._sorted: list[Name] = []  # always in order: each join of a large room needs some
        self.away_until: dict[str, float] = {}  # when users without connections leave
        self.changed: dict[str, bool] = {}
        """The displayed names added (True) and removed since the last `take_changes`."""

    def __len__(self) -> int:
        return len(self.users)

    def __contains__(self, key: str) -> bool:
        return key in self.users

    def arrive(self, name: Name, session: str) -> bool:
        """Count one more connection of a user; return whether the user is new to this node."""
        is_new = name.key not in self.users
        if is_new:
            self._add(name, session)
        self.users[name.key].connections += 1
        self.away_until.pop(name.key, None)
        return is_new

    def depart(self, key: str) -> bool:
        """Count one connection less; return whether it was the user's last one to this node."""
        user = self.users[key]
        user.connections -= 1
        return not user.connections

    def remove(self, key: str) -> User:
        """Remove and return a user."""
        user = self.users.pop(key)
        self.away_until.pop(key, None)
        self._hide(user.name)
        return user

    def shown(self, key: str) -> str:
        """Return the displayed name of a user."""
        return self.users[key].name.shown

    def members(self, count: int) -> tuple[Name, ...]:
        """Return the first users by code point of their displayed names, at most this many."""
        return tuple(self._sorted[:count])

    def first(self, count: int) -> tuple[str, ...]:
        """Return the displayed names of the same users."""
        return tuple(map(_BY_SHOWN, self._sorted[:count]))

    def take_changes(self) -> Changes:
        """Return the displayed names that were added and removed since the last call."""
        online = tuple(shown for shown, is_online in self.changed.items() if is_online)
        offline = tuple(shown for shown, is_online in self.changed.items() if not is_online)
        self.changed.clear()
        return online, offline

    def changes_since(self, before: Sequence[Name], most: int) -> Changes:
        """Return the names added to an earlier list, of the first ``most``, and those removed."""
        known = set(before)
        online = tuple(name.shown for name in self._sorted[:most] if name not in known)
        offline = tuple(name.shown for name in before if not self._shows(name))
        return online, offline

    def _shows(self, name: Name) -> bool:
        return name.key in self.users and self.users[name.key].name == name

    def _add(self, name: Name, session: str) -> None:
        self.users[name.key] = User(name, session)
        self._show(name)

    def _show(self, name: Name) -> None:
        insort(self._sorted, name, key=_BY_SHOWN)
        self._note(name.shown, is_online=True)

    def _hide(self, name: Name) -> None:
        del self._sorted[bisect_left(self._sorted, name.shown, key=_BY_SHOWN)]
        self._note(name.shown, is_online=False)

    def _note(self, shown: str, *, is_online: bool) -> None:
        # A change that is undone before members receive it is never sent.
        if self.changed.pop(shown, None) is None:
            self.changed[shown] = is_online


class ShownNames:
    """The displayed name of each user: the first spelling given, until the user has left.

    A connection keeps the spelling from its first message until the hub has admitted it to a room
    or handled its end. So events carry the name that ``welcome`` had.
    """

    def __init__(self) -> None:
        self._names: dict[str, Name] = {}
        self._uses: dict[str, int] = {}  # by key, how many rooms and connections use the name
        self._held: dict[Member, str] = {}

    def __len__(self) -> int:
        return len(self._names)

    def hold(self, member: Member, name: Name) -> str:
        """Return the displayed name, and keep it for this connection until `release`."""
        self._held[member] = name.key
        return self.add(name).shown

    def release(self, member: Member) -> None:
        """Keep the name for this connection no longer, if it did."""
        key = self._held.pop(member, None)
        if key is not None:
            self.remove(key)

    def add(self, name: Name) -> Name:
        """Count one more room of a user; return the name to display."""
        self._uses[name.key] = self._uses.get(name.key, 0) + 1
        return self._names.setdefault(name.key, name)

    def remove(self, key: str) -> None:
        """Count one room of a user less; after the last one the name is free."""
        self._uses[key] -= 1
        if not self._uses[key]:
            del self._uses[key], self._names[key]

    def replace(self, name: Name) -> None:
        """Display the name of a present user like this from now on."""
        self._names[name.key] = name
