"""Who is in a room, on any node. No trio, no clock: the hub says when."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import Factory, define

from trio_chat.protocol.names import Name

_HERE: Final = ""
"""This node, among those that have a user."""

Lease = tuple[str, str]
"""What a node says of a user: the stay, and the name as shown. The lowest that is said counts."""


@define
class User:
    """A user of a room; only its `Presence` changes it."""

    name: Name
    """As it is shown."""
    claims: dict[str, Lease]
    connections: int = 0
    """To this node."""
    claim: Lease = Factory(lambda self: min(self.claims.values()), takes_self=True)
    """The one that counts."""


class Presence:
    """The users of one room. Several connections of one name count once, to whichever nodes.

    A user whose last connection here has gone is still here until `quit`: at once, or when the time
    to come back is over. Whom no node has any more is to be removed.
    """

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self.users: Mapping[str, User] = self._users
        """By key; for others to read."""
        self._sorted: list[str] = []  # kept in order, since every join of a crowd asks for a part
        self._by_shown: dict[str, Name] = {}
        self._away_until: dict[str, float] = {}
        self._online: dict[str, None] = {}
        self._offline: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._users)

    def __contains__(self, key: str) -> bool:
        return key in self._users

    # --- who is here -----------------------------------------------------------------------------

    def arrive(self, name: Name, stay: str) -> bool:
        """Count one more connection of a user; True if the user was not here before.

        Args:
            name: As it is to be shown, if the user is in the room on no node.
            stay: The same.
        """
        key = name.key
        user = self._users.get(key)
        if user is None:
            user = self._add(name, _HERE, (stay, name.shown))
            is_new_here = True
        else:
            is_new_here = _HERE not in user.claims
            user.claims[_HERE] = user.claim
        user.connections += 1
        self._away_until.pop(key, None)
        return is_new_here

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

    def awaits(self, key: str) -> bool:
        """Whether this user may come back."""
        return key in self._away_until

    def overdue(self, now: float) -> Sequence[str]:
        """The keys of users who have not come back in time."""
        return [key for key, until in self._away_until.items() if now >= until]

    def quit(self, key: str) -> bool:
        """The user is not here any more; False if no other node has the user either."""
        self._away_until.pop(key, None)
        return self._drop(key, _HERE)

    def here(self) -> Iterator[tuple[str, Lease]]:
        """The keys of all users this node has, and what it says of them."""
        for key, user in self._users.items():
            if _HERE in user.claims:
                yield key, user.claims[_HERE]

    def renew(self, key: str, stay: str) -> Lease:
        """The user, who is here, has begun another stay; gives what this node says now."""
        user = self._users[key]
        claim = user.claims[_HERE] = (stay, user.name.shown)
        self._weigh(user)
        return claim

    # --- who is on other nodes -------------------------------------------------------------------

    def hear(self, node: str, name: Name, stay: str) -> bool:
        """Another node has the user; True if this one has, too, and said something else so far."""
        claim = (stay, name.shown)
        user = self._users.get(name.key)
        if user is None:
            self._add(name, node, claim)
            return False
        user.claims[node] = claim
        self._weigh(user)
        if _HERE not in user.claims or user.claims[_HERE] == user.claim:
            return False
        user.claims[_HERE] = user.claim
        return True

    def lose(self, node: str, key: str) -> bool:
        """Another node does not have the user any more; False if none has."""
        return self._drop(key, node)

    def other_nodes(self, key: str) -> Sequence[str]:
        """Return the other nodes that have the user."""
        return [node for node in self._users[key].claims if node != _HERE]

    def claim(self, key: str, node: str = _HERE) -> Lease | None:
        """What a node says of a user who is in the room; None if it does not have the user."""
        return self._users[key].claims.get(node)

    def claim_that_counts(self, key: str) -> Lease:
        """The user's stay, and the name as it is shown."""
        return self._users[key].claim

    # --- the list --------------------------------------------------------------------------------

    def remove(self, key: str) -> Lease:
        """The user is nowhere any more; gives the stay that is over, and the name as shown."""
        user = self._users.pop(key)
        self._away_until.pop(key, None)
        self._hide(user.name)
        return user.claim

    def shown(self, key: str) -> str:
        """The user's name in the encoding first given."""
        return self._users[key].name.shown

    def has_shown(self, shown: str) -> bool:
        """Whether a user is here under exactly this name."""
        return shown in self._by_shown

    def first(self, count: int) -> tuple[str, ...]:
        """The first names by code point, at most this many."""
        return tuple(self._sorted[:count])

    def members(self, count: int) -> tuple[Name, ...]:
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

    # --- inside ----------------------------------------------------------------------------------

    def _add(self, name: Name, node: str, claim: Lease) -> User:
        user = self._users[name.key] = User(name, {node: claim})
        self._show(name)
        return user

    def _drop(self, key: str, node: str) -> bool:
        user = self._users[key]
        claim = user.claims.pop(node)
        if not user.claims:
            user.claim = claim
            return False
        self._weigh(user)
        return True

    def _weigh(self, user: User) -> None:
        """Let the lowest claim count, and show the name as it says."""
        user.claim = min(user.claims.values())
        shown = user.claim[1]
        if shown != user.name.shown:
            self._hide(user.name)
            user.name = Name(shown, user.name.key)
            self._show(user.name)

    def _show(self, name: Name) -> None:
        insort(self._sorted, name.shown)
        self._by_shown[name.shown] = name
        self._note(name.shown, self._online, self._offline)

    def _hide(self, name: Name) -> None:
        del self._sorted[bisect_left(self._sorted, name.shown)]
        del self._by_shown[name.shown]
        self._note(name.shown, self._offline, self._online)

    def _note(self, shown: str, now: dict[str, None], before: dict[str, None]) -> None:
        if shown in before:
            del before[shown]
        else:
            now[shown] = None
