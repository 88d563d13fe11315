"""Who is in a room. No trio, no clock: the hub says when."""

from bisect import bisect_left, insort
from collections.abc import Sequence

from attrs import define

from trio_chat.protocol.names import Name


@define
class _User:
    name: Name
    connections: int


class Presence:
    """The users of one room. Several connections of one name count once.

    A user whose last connection has gone is still here until `remove`: at once, or when the time to
    come back is over.
    """

    def __init__(self) -> None:
        self._users: dict[str, _User] = {}
        self._sorted: list[str] = []  # kept in order, since every join of a crowd asks for a part
        self._by_shown: dict[str, Name] = {}
        self._away_until: dict[str, float] = {}
        self._online: dict[str, None] = {}
        self._offline: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._users)

    def __contains__(self, key: str) -> bool:
        return key in self._users

    def arrive(self, name: Name) -> bool:
        """Count one more connection of a user; True if the user was not there before."""
        user = self._users.get(name.key)
        if user is not None:
            user.connections += 1
            self._away_until.pop(name.key, None)
            return False
        self._users[name.key] = _User(name, 1)
        insort(self._sorted, name.shown)
        self._by_shown[name.shown] = name
        self._note(name.shown, self._online, self._offline)
        return True

    def depart(self, key: str) -> bool:
        """Count one connection less; True if it was the last of the user's."""
        user = self._users[key]
        user.connections -= 1
        return not user.connections

    def wait_for(self, key: str, until: float) -> None:
        """The user, whose last connection has gone, may come back until then, in seconds."""
        self._away_until[key] = until

    @property
    def is_awaited(self) -> bool:
        """Whether there is a user who may come back."""
        return bool(self._away_until)

    def overdue(self, now: float) -> Sequence[str]:
        """The keys of users who have not come back in time."""
        return [key for key, until in self._away_until.items() if now >= until]

    def remove(self, key: str) -> str:
        """The user is not here any more; gives the name as it was shown."""
        shown = self._users.pop(key).name.shown
        self._away_until.pop(key, None)
        del self._sorted[bisect_left(self._sorted, shown)]
        del self._by_shown[shown]
        self._note(shown, self._offline, self._online)
        return shown

    def shown(self, key: str) -> str:
        """The user's name in the form first given."""
        return self._users[key].name.shown

    def first(self, count: int) -> tuple[str, ...]:
        """The first names by code point, at most this many."""
        return tuple(self._sorted[:count])

    def roster(self, count: int) -> tuple[Name, ...]:
        """The same users, with their keys."""
        return tuple(map(self._by_shown.__getitem__, self._sorted[:count]))

    @property
    def has_changed(self) -> bool:
        """Whether somebody has come or gone since the last `take_changes`."""
        return bool(self._online or self._offline)

    def take_changes(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Who has come and who has gone, since the last time; who did both is left out."""
        changes = tuple(self._online), tuple(self._offline)
        self._online.clear()
        self._offline.clear()
        return changes

    def _note(self, shown: str, now: dict[str, None], before: dict[str, None]) -> None:
        if shown in before:
            del before[shown]
        else:
            now[shown] = None
