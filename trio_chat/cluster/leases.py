"""The users of one room on all nodes. No trio; time is an argument, in seconds."""

from collections.abc import Iterator, Sequence
from typing import Final

from trio_chat.hub.presence import Presence, User
from trio_chat.protocol.names import Name

_HERE: Final = ""
"""This node, among those that have a user."""

Lease = tuple[str, str]
"""The presence session and the displayed name of a user, as one node reports them. The lowest lease
of a user decides both."""


class SharedPresence(Presence):
    """The users of one room, whichever nodes have them.

    A user has one lease for each node. After the last one has ended the user is still in the list:
    call `remove`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._leases: dict[str, dict[str, Lease]] = {}

    # --- this node -------------------------------------------------------------------------------

    def arrive(self, name: Name, session: str) -> bool:
        """See `Presence.arrive`. A user of another node keeps that node's session."""
        leases = self._leases.setdefault(name.key, {})
        is_new_here = _HERE not in leases
        super().arrive(name, session)
        leases[_HERE] = self.deciding_lease(name.key)
        return is_new_here

    def quit(self, key: str) -> bool:
        """End the lease of this node; return whether another node has the user."""
        self.away_until.pop(key, None)
        return self.lose(_HERE, key)

    def here(self) -> Iterator[tuple[str, Lease]]:
        """Yield the keys of all users of this node, and their leases."""
        for key, leases in self._leases.items():
            if _HERE in leases:
                yield key, leases[_HERE]

    def renew(self, key: str, session: str) -> Lease:
        """Give a user of this node another session; return the new lease."""
        user = self.users[key]
        lease = self._leases[key][_HERE] = (session, user.name.shown)
        self._decide(user)
        return lease

    # --- other nodes -----------------------------------------------------------------------------

    def receive(self, node: str, name: Name, session: str) -> bool:
        """Note the lease of another node; return whether it changed that of this node."""
        lease = (session, name.shown)
        leases = self._leases.setdefault(name.key, {})
        leases[node] = lease
        if name.key not in self.users:
            self._add(name, session)
            return False
        user = self.users[name.key]
        self._decide(user)
        deciding = self.deciding_lease(name.key)
        if _HERE not in leases or leases[_HERE] == deciding:
            return False
        leases[_HERE] = deciding
        return True

    def lose(self, node: str, key: str) -> bool:
        """End the lease of a node; return whether another node has the user."""
        leases = self._leases[key]
        del leases[node]
        if leases:
            self._decide(self.users[key])
        return bool(leases)

    def other_nodes(self, key: str) -> Sequence[str]:
        """Return the other nodes that have the user."""
        return [node for node in self._leases[key] if node != _HERE]

    def lease(self, key: str, node: str = _HERE) -> Lease | None:
        """Return the lease of a node for a user in the room; None if it does not have the user."""
        return self._leases[key].get(node)

    def deciding_lease(self, key: str) -> Lease:
        """Return the user's session and displayed name."""
        user = self.users[key]
        return user.session, user.name.shown

    def remove(self, key: str) -> User:
        """See `Presence.remove`."""
        del self._leases[key]
        return super().remove(key)

    def _decide(self, user: User) -> None:
        """Let the lowest lease decide, and display the name that it has."""
        user.session, shown = min(self._leases[user.name.key].values())
        if shown != user.name.shown:
            self._hide(user.name)
            user.name = Name(shown, user.name.key)
            self._show(user.name)
