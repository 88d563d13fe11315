"""The users of one room, and the displayed names of all users. No trio.

Time is an argument, in seconds. Between several nodes `trio_chat.cluster.leases` adds the users of
other nodes.
"""

from bisect import bisect_left, insort
from collections.abc import Collection

from attrs import define

from trio_chat.hub.requests import Member
from trio_chat.protocol.names import Name

Changes = tuple[tuple[str, ...], tuple[str, ...]]
"""The displayed names of users who are online and offline now."""


@define
class User:
    """A user of a room; only its `Presence` changes it.

    Attributes:
        name: As displayed.
        session: The name of the user's presence session, from joining to leaving
            (`trio_chat.hub.users`).
        connections: How many connections the user has to this node.
    """

    name: Name
    session: str
    connections: int = 0


class Presence:
    """The users of one room. Several connections of a user count once.

    A user whose last connection has closed stays until `remove`. The hub calls that at once, or
    after the time to return.
    """

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        """By key; only the presence changes it."""
        self._sorted: list[str] = []
        """Displayed names, always in order: each join of a large room needs the first ones."""
        self._by_shown: dict[str, Name] = {}
        self.away_until: dict[str, float] = {}
        """Users without connections, and until when they may return."""
        self._online: dict[str, None] = {}
        self._offline: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self.users)

    def __contains__(self, key: str) -> bool:
        return key in self.users

    def arrive(self, name: Name, session: str) -> bool:
        """Count one more connection of a user; return whether the user is new to this node.

        A user who is in the room already keeps the displayed name and the session.
        """
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
        """Remove a user, and return the user as they were."""
        user = self.users.pop(key)
        self.away_until.pop(key, None)
        self._hide(user.name)
        return user

    # --- the list --------------------------------------------------------------------------------

    def shown(self, key: str) -> str:
        """Return the displayed name of a user."""
        return self.users[key].name.shown

    def first(self, count: int) -> tuple[str, ...]:
        """Return the first displayed names by code point, at most this many."""
        return tuple(self._sorted[:count])

    def members(self, count: int) -> tuple[Name, ...]:
        """Return the same users with their keys."""
        return tuple(map(self._by_shown.__getitem__, self._sorted[:count]))

    @property
    def has_changed(self) -> bool:
        """Whether the list differs from that of the last `take_changes`."""
        return bool(self._online or self._offline)

    def take_changes(self) -> Changes:
        """Return the displayed names that were added and removed since the last call."""
        changes = tuple(self._online), tuple(self._offline)
        self._online.clear()
        self._offline.clear()
        return changes

    def changes_since(self, before: Collection[str], most: int) -> Changes:
        """Return the displayed names added to and removed from an earlier list.

        Only the first names, at most ``most``, count as added.
        """
        online = [shown for shown in self.first(most) if shown not in before]
        offline = [shown for shown in before if shown not in self._by_shown]
        return tuple(online), tuple(offline)

    def _add(self, name: Name, session: str) -> None:
        self.users[name.key] = User(name, session)
        self._show(name)

    def _show(self, name: Name) -> None:
        insort(self._sorted, name.shown)
        self._by_shown[name.shown] = name
        _note(name.shown, self._online, self._offline)

    def _hide(self, name: Name) -> None:
        del self._sorted[bisect_left(self._sorted, name.shown)]
        del self._by_shown[name.shown]
        _note(name.shown, self._offline, self._online)


def _note(shown: str, now: dict[str, None], before: dict[str, None]) -> None:
    if shown in before:
        del before[shown]
    else:
        now[shown] = None


class ShownNames:
    """The displayed name of each user: the first spelling given, until the user has left.

    A connection keeps the spelling from its first message until the hub has admitted it to a room
    or handled its end. So events carry the name that ``welcome`` had. Two nodes that admit a user
    at the same moment may display two spellings: the lowest lease decides
    (`trio_chat.cluster.leases`).
    """

    def __init__(self) -> None:
        self._names: dict[str, Name] = {}
        self._uses: dict[str, int] = {}
        """By key, how many rooms and connections use the name."""
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
