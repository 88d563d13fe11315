"""Users join and leave rooms: the list of each room, and the notices. No trio.

Between several nodes `trio_chat.cluster.presence` extends this to the users of all nodes.
"""

from collections.abc import Mapping
from typing import Final

from trio_chat.context import Context
from trio_chat.hub.limits import NoticeBudget
from trio_chat.hub.plan import Plan, Typed
from trio_chat.hub.presence import Presence, ShownNames, User
from trio_chat.hub.presence_notifier import PresenceNotifier
from trio_chat.hub.requests import Join
from trio_chat.hub.room import Room
from trio_chat.protocol.events import Draft, Kind

GRACE_SECONDS: Final = 5.0
"""The time to return before a lost connection is announced (docs/reference/wire.md, promise 7)."""

_UNANNOUNCED: Final = "~"

_SENTENCES: Final = {Kind.JOINED: "{} has joined the chat", Kind.LEFT: "{} has left the chat"}


def notice(kind: Kind, id_: str, room: str, shown: str, ts: int) -> Draft:
    """Return the notice that a user has joined or left, with the sentence for plain clients."""
    return Draft(id_, room, shown, _SENTENCES[kind].format(shown), ts, kind)


def unannounced(session: str) -> str:
    """Mark the presence session of a user whose arrival is not announced, for every node.

    Of several sessions that nodes report of one user the lowest counts, so an announced one.
    """
    return _UNANNOUNCED + session


def is_announced(session: str) -> bool:
    """Return whether the arrival that began this session was announced; then so is its end."""
    return not session.startswith(_UNANNOUNCED)


class Users:
    """The users of all rooms.

    Args:
        rooms: The open rooms, by name.
        context: Limits and ids.

    Attributes:
        names: The displayed names of all users.
        notifier: Notifies the members of rooms.
    """

    def __init__(self, rooms: Mapping[str, Room], context: Context) -> None:
        self._rooms = rooms
        self._new_id = context.new_id
        self._notices = NoticeBudget(context.settings.notice_rate)
        self.names = ShownNames()
        self.notifier = PresenceNotifier(context.settings.large_room_size)

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
            self.notifier.notify_typing(room, plan)
            plan.news.append(Typed(room.name, key, room.presence.shown(key), is_typing=False))

    def leave(self, room: Room, key: str, plan: Plan) -> None:
        """Remove a user from a room for good, and announce that if the arrival was announced."""
        self._notices.count(room.name, key, plan.now)
        left = self._remove(room, key, plan)
        if left is not None:
            self._store_departure(room, left, plan)

    def store_join(self, room: Room, key: str, plan: Plan) -> None:
        """Store the notice that a user has joined."""
        id_, shown = self._new_id(), room.presence.shown(key)
        plan.store(room, notice(Kind.JOINED, id_, room.name, shown, plan.ts))

    # --- for subclasses --------------------------------------------------------------------------

    def _is_noticed(self, room: Room, join: Join, plan: Plan) -> bool:
        """Return whether the arrival of a user who is new is announced; if so, count it."""
        is_large_soon = len(room.presence) >= self.notifier.large_room_size
        return not is_large_soon and self._notices.take_join(join, plan.now)

    def _add(self, room: Room, join: Join, session: str, plan: Plan) -> bool:
        """Add a connection to the list; return whether the user is new to this node."""
        name = join.name
        if name.key in room.presence:
            return room.presence.arrive(name, session)
        is_new_here = room.presence.arrive(self.names.add(name), session)
        self.notifier.presence_changed(room, plan)
        return is_new_here

    def _remove(self, room: Room, key: str, plan: Plan) -> User | None:
        """Remove a user from an open room; return the user if the store must get a notice.

        A large room has no notices, nor has a user whose arrival was not announced.
        """
        was_large = self.notifier.is_large(room.presence)
        self.names.remove(key)
        self._notices.forget(room.name, key)
        user = room.presence.remove(key)
        room.read.pop(key, None)
        room.receipts.leave(key)
        self.notifier.presence_changed(room, plan)
        room.typing.end(key)
        self.notifier.notify_typing(room, plan)
        return user if is_announced(user.session) and not was_large else None

    def _store_departure(self, room: Room, user: User, plan: Plan) -> None:
        plan.store(room, notice(Kind.LEFT, self._new_id(), room.name, user.name.shown, plan.ts))
