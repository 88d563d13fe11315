"""Users join and leave rooms: the list of each room, and the notices. No trio.

Between several nodes `trio_chat.cluster.presence` extends this to the users of all nodes.
"""

from collections.abc import Callable, Mapping
from typing import Final

from attrs import define, frozen

from trio_chat.hub.notices import NoticeBudget, is_announced, notice, unannounced
from trio_chat.hub.plan import Plan, Typed
from trio_chat.hub.presence import Presence, User
from trio_chat.hub.presence_notifier import PresenceNotifier
from trio_chat.hub.requests import Join
from trio_chat.hub.room import Room
from trio_chat.hub.shown_names import ShownNames
from trio_chat.protocol.events import Kind

GRACE_SECONDS: Final = 5.0
"""The time to return before a lost connection is announced (docs/reference/wire.md, promise 7)."""


@frozen
class UserParts:
    """What `Users` works with.

    Attributes:
        rooms: The open rooms, by name.
        notifier: Notifies their members.
        names: The displayed names of all users.
        notices: Decides which arrivals are announced.
        new_id: Makes the id of an event, unique for ever.
    """

    rooms: Mapping[str, Room]
    notifier: PresenceNotifier
    names: ShownNames
    notices: NoticeBudget
    new_id: Callable[[], str]


@define
class Farewell:
    """A user has left a room, and the store must get a notice of that.

    Attributes:
        due: When to store it, in seconds on Trio's clock.
    """

    room: str
    key: str
    shown: str
    session: str
    due: float


class Users:
    """The users of all rooms."""

    def __init__(self, parts: UserParts) -> None:
        self._parts = parts
        self._notifier = parts.notifier

    def list_of(self, room: str) -> Presence:  # noqa: ARG002 - other nodes may have users there
        """Return the list of a room that is about to be opened."""
        return Presence()

    def forget(self, room: str) -> None:
        """Note that a room is closed."""

    def arrive(self, room: Room, join: Join, plan: Plan) -> bool:
        """Count one more connection of a user in a room.

        Returns:
            Whether to announce the user: call `store_join` once the member is admitted.
        """
        is_noticed = join.name.key not in room.presence and self._is_noticed(room, join, plan)
        self._add(room, join, "" if is_noticed else unannounced(""), plan)
        return is_noticed

    def depart(self, room: Room, key: str, plan: Plan, *, may_return: bool) -> None:
        """Note that the last connection of a user to this node has closed."""
        if not may_return:
            self.leave(room, key, plan)
            return
        room.presence.wait_for(key, plan.now + GRACE_SECONDS)
        if room.typing.end(key):
            self._notifier.notify_typing(room, plan)
            plan.news.append(Typed(room.name, key, room.presence.shown(key), is_typing=False))

    def leave(self, room: Room, key: str, plan: Plan) -> None:
        """Remove a user from a room for good, and announce that if the arrival was announced."""
        self._parts.notices.count_leave(room.name, key, plan.now)
        left = self._remove(room, key, plan)
        if left is not None:
            self._store_departure(room, left, plan)

    def store_join(self, room: Room, key: str, plan: Plan) -> None:
        """Store the notice that a user has joined."""
        id_, shown = self._parts.new_id(), room.presence.shown(key)
        plan.store(room, notice(Kind.JOINED, id_, room.name, shown, plan.ts))

    # --- for subclasses --------------------------------------------------------------------------

    def _is_noticed(self, room: Room, join: Join, plan: Plan) -> bool:
        """Return whether the arrival of a user who is new is announced; if so, count it."""
        if self._notifier.would_be_large(room.presence):
            return False
        return self._parts.notices.take_join(join, plan.now)

    def _add(self, room: Room, join: Join, session: str, plan: Plan) -> bool:
        """Add a connection to the list; return whether the user is new to this node."""
        name = join.name
        if name.key in room.presence:
            return room.presence.arrive(name, session)
        is_new_here = room.presence.arrive(self._parts.names.add(name), session)
        self._notifier.presence_changed(room, plan)
        return is_new_here

    def _remove(self, room: Room, key: str, plan: Plan) -> Farewell | None:
        """Remove a user from an open room; return the notice to store.

        A large room has no notices, nor has a user whose arrival was not announced.
        """
        was_large = self._notifier.is_large(room.presence)
        self._parts.names.remove(key)
        self._parts.notices.forget(room.name, key)
        user = room.presence.remove(key)
        room.read.pop(key, None)
        room.receipts.leave(key)
        self._notifier.presence_changed(room, plan)
        room.typing.end(key)
        self._notifier.notify_typing(room, plan)
        return farewell(room.name, user, plan) if not was_large else None

    def _store_departure(self, room: Room, left: Farewell, plan: Plan) -> None:
        id_ = self._parts.new_id()
        plan.store(room, notice(Kind.LEFT, id_, room.name, left.shown, plan.ts))


def farewell(room: str, user: User, plan: Plan) -> Farewell | None:
    """Return the notice that a user has left, if the arrival was announced."""
    if not is_announced(user.session):
        return None
    return Farewell(room, user.name.key, user.name.shown, user.session, plan.now)
