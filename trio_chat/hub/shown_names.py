"""The displayed name of each user: the first spelling given, until the user has left. No trio.

A connection keeps the spelling from its first message until the hub has admitted it to a room or
handled its end. So events carry the name that ``welcome`` had. Two nodes that admit a user at the
same moment may display two spellings: the lowest lease decides (`trio_chat.cluster.leases`).
"""

from attrs import define

from trio_chat.hub.requests import Member
from trio_chat.protocol.names import Name


@define
class _User:
    """A user whose displayed name is in use.

    Attributes:
        count: How many rooms and connections use it.
    """

    name: Name
    count: int = 0


class ShownNames:
    """The displayed names of all users."""

    def __init__(self) -> None:
        self._users: dict[str, _User] = {}
        self._held: dict[Member, str] = {}

    def __len__(self) -> int:
        return len(self._users)

    def hold(self, member: Member, name: Name) -> str:
        """Return the displayed name, and keep it until `release`.

        Args:
            member: The connection that keeps it.
            name: As its client gave it.
        """
        self._held[member] = name.key
        return self.add(name).shown

    def release(self, member: Member) -> None:
        """Keep the name for this connection no longer, if it did."""
        key = self._held.pop(member, None)
        if key is not None:
            self.remove(key)

    def add(self, name: Name) -> Name:
        """Count one more room of a user; return the name to display."""
        user = self._users.get(name.key)
        if user is None:
            user = self._users[name.key] = _User(name)
        user.count += 1
        return user.name

    def remove(self, key: str) -> None:
        """Count one room of a user less; after the last one the name is free."""
        user = self._users[key]
        user.count -= 1
        if not user.count:
            del self._users[key]

    def replace(self, name: Name) -> None:
        """Display the name of a present user like this from now on."""
        self._users[name.key].name = name
