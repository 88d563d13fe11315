"""The form in which each user's name is displayed: the first one given, until the user has left.

A user is here in each room that has the user on any node. A connection holds the form from its
first frame until the hub has let it into a room or dealt with its end, so events carry what
``welcome`` said. Two nodes that let a user in at the same moment may give two forms: the lowest
claim decides then (`trio_chat.hub.presence`), and the other node takes it over. No trio.
"""

from typing import Final

from attrs import define

from trio_chat.hub.requests import Member
from trio_chat.protocol.names import Name


@define
class _User:
    name: Name
    count: int = 0
    """Of the rooms that have the user, and of the connections that hold the form."""


class ShownNames:
    """The displayed form of every user. Satisfies `trio_chat.hub.requests.Names`."""

    def __init__(self) -> None:
        self._users: Final[dict[str, _User]] = {}
        self._held: Final[dict[Member, str]] = {}

    def __len__(self) -> int:
        return len(self._users)

    def hold(self, member: Member, name: Name) -> str:
        """Keep a user's form until `release`; returns it."""
        self._held[member] = name.key
        return self.add(name).shown

    def release(self, member: Member) -> None:
        """Keep it no longer for this connection's sake, if it was."""
        key = self._held.pop(member, None)
        if key is not None:
            self.remove(key)

    def add(self, name: Name) -> Name:
        """Count one more room of a user; returns the name in the form to display."""
        user = self._users.get(name.key)
        if user is None:
            user = self._users[name.key] = _User(name)
        user.count += 1
        return user.name

    def remove(self, key: str) -> None:
        """Count one room of a user less; the last one frees the form."""
        user = self._users[key]
        user.count -= 1
        if not user.count:
            del self._users[key]

    def replace(self, name: Name) -> None:
        """Display a user who is here in this form from now on."""
        self._users[name.key].name = name
