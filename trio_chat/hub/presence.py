"""Who is in a room. No trio, no clock: the hub says when."""

from bisect import bisect_left, insort

from attrs import define

from trio_chat.protocol.names import Name


@define
class _User:
    shown: str
    connections: int


class Presence:
    """The users of one room. Several connections of one name count once."""

    def __init__(self) -> None:
        self._users: dict[str, _User] = {}
        self._sorted: list[str] = []  # kept in order, since every join of a crowd asks for a part

    def __len__(self) -> int:
        return len(self._users)

    def arrive(self, name: Name) -> bool:
        """Count one more connection of a user; True if the user was not there before."""
        user = self._users.get(name.key)
        if user is not None:
            user.connections += 1
            return False
        self._users[name.key] = _User(name.shown, 1)
        insort(self._sorted, name.shown)
        return True

    def depart(self, key: str) -> bool:
        """Count one connection less; True if the user is not there any more."""
        user = self._users[key]
        user.connections -= 1
        if user.connections:
            return False
        del self._users[key]
        del self._sorted[bisect_left(self._sorted, user.shown)]
        return True

    def shown(self, key: str) -> str:
        """The user's name in the form first given."""
        return self._users[key].shown

    def first(self, count: int) -> tuple[str, ...]:
        """The first names by code point, at most this many."""
        return tuple(self._sorted[:count])
