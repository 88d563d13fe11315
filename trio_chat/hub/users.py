"""Users join and leave rooms, and members receive presence, typing and read markers. No trio.

Between several nodes `trio_chat.cluster.presence` extends `Users` to the users of all nodes.
"""

from functools import partial
from typing import Final

from trio_chat.context import Context
from trio_chat.hub.limits import NoticeBudget
from trio_chat.hub.plan import Call, Plan, ToRoom, Typed
from trio_chat.hub.presence import UNANNOUNCED, Presence, ShownNames, User
from trio_chat.hub.requests import Join, Member
from trio_chat.hub.room import Room
from trio_chat.protocol import messages
from trio_chat.protocol.encodings import Outgoing, PerVersion
from trio_chat.protocol.events import Draft, Kind

# docs/reference/wire.md, promises 7 and 8
GRACE_SECONDS: Final = 5.0  # the time to return before a lost connection is announced
LARGE_PRESENCE_SECONDS: Final = 10.0  # how often plain members receive the presence
LARGE_CHANGES_SECONDS: Final = 1.0  # how often version 2 members receive changes of it
LARGE_TYPING_SECONDS: Final = 1.0  # a large room receives one change of typing in this time

_NOTHING: Final = PerVersion(None, None)

_SENTENCES: Final = {Kind.JOINED: "{} has joined the chat", Kind.LEFT: "{} has left the chat"}


def notice(kind: Kind, id_: str, room: str, shown: str, ts: int) -> Draft:
    """Return the notice that a user has joined or left, with the sentence for plain clients."""
    return Draft(id_, room, shown, _SENTENCES[kind].format(shown), ts, kind)


class Users:
    """The users of all open rooms, which ``rooms`` has by name."""

    def __init__(self, rooms: dict[str, Room], context: Context) -> None:
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

    def arrive(self, room: Room, join: Join, plan: Plan) -> None:
        """Count one more connection of a user in a room, and plan to announce a new user."""
        is_noticed = join.name.key not in room.presence and self._is_noticed(room, join, plan)
        self._add(room, join, "" if is_noticed else UNANNOUNCED, plan)
        if is_noticed:
            plan.announced.append((room, join.name.key))

    def depart(self, room: Room, key: str, plan: Plan, *, may_return: bool) -> None:
        """Note that the last connection of a user to this node has closed."""
        if not may_return:
            self.leave(room, key, plan)
            return
        room.presence.away_until[key] = plan.now + GRACE_SECONDS
        self.end_typing(room, key, plan)

    def end_typing(self, room: Room, key: str, plan: Plan) -> None:
        """End the typing of a user who has sent a message or lost the connection."""
        if room.typing.end(key):
            plan.news.append(Typed(room.name, key, room.presence.shown(key), is_typing=False))
        self.notifier.notify_typing(room, plan)

    def leave(self, room: Room, key: str, plan: Plan) -> None:
        """Remove a user from a room for good, and announce that if the arrival was announced."""
        self._notices.count(room.name, key, plan.now)
        left = self._remove(room, key, plan)
        if left is not None:
            self._store_departure(room, left, plan)

    def store_join(self, room: Room, key: str, plan: Plan) -> None:
        """Store the notice that a user has joined."""
        shown = room.presence.shown(key)
        plan.store(room, notice(Kind.JOINED, self._new_id(), room.name, shown, plan.ts))

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
        return user if user.is_announced and not was_large else None

    def _store_departure(self, room: Room, user: User, plan: Plan) -> None:
        plan.store(room, notice(Kind.LEFT, self._new_id(), room.name, user.name.shown, plan.ts))


class PresenceNotifier:
    """Decides which room receives what, and when.

    A room with more users than ``large_room_size`` is large, and receives less.
    """

    def __init__(self, large_room_size: int) -> None:
        self.large_room_size = large_room_size
        self._stale: dict[Room, None] = {}  # some members do not know the present list
        self._begun: dict[Room, ToRoom] = {}
        """The step with a room's changes of this turn, which a later call fills in."""

    def is_large(self, presence: Presence) -> bool:
        """Return whether a room is large."""
        return len(presence) > self.large_room_size

    # --- presence --------------------------------------------------------------------------------

    def presence_changed(self, room: Room, plan: Plan) -> None:
        """Note a join or leave. Members receive the changes of a turn at once, before notices."""
        room.presence_is_stale = True
        self._stale[room] = None
        if room not in self._begun and not self.is_large(room.presence):
            step = self._begun[room] = ToRoom(room, _NOTHING)
            plan.steps.append(step)

    def before_admission(self, room: Room, member: Member, plan: Plan) -> None:
        """Send earlier changes before a version 2 member receives the present list."""
        if room in self._begun:
            self._send_changes(room, plan)
        if self.is_large(room.presence):
            room.lack_names.add(member)
        else:
            room.lack_names.discard(member)

    def decide_presence(self, plan: Plan) -> None:
        """Send each room its presence, if that is due, and newcomers in any case. Once a turn."""
        if not self._stale and not plan.newcomers:
            return
        notified: set[Room] = set()
        for room in tuple(self._stale):
            is_small = not self.is_large(room.presence)
            is_due = is_small or plan.now >= room.presence_sent_at + LARGE_PRESENCE_SECONDS
            if room.presence_is_stale and is_due:
                plan.steps.append(ToRoom(room, PerVersion(self._presence(room, plan), None)))
                room.presence_is_stale = False
                room.presence_sent_at = plan.now
                notified.add(room)
            if is_small or plan.now >= room.changes_sent_at + LARGE_CHANGES_SECONDS:
                self._send_changes(room, plan)
            if not room.presence_is_stale and not room.presence.changed:
                del self._stale[room]
        self._begun.clear()
        newest: dict[Room, Outgoing] = {}
        for room, member in plan.newcomers:
            if room not in notified:
                if room not in newest:
                    newest[room] = Outgoing([self._presence(room, plan)])
                plan.steps.append(Call(partial(room.send_to, member, newest[room]), room))

    def _presence(self, room: Room, plan: Plan) -> messages.Presence:
        users = room.presence.first(self.large_room_size)
        return messages.Presence(room.name, users, len(room.presence), plan.ts)

    def _send_changes(self, room: Room, plan: Plan) -> None:
        step = self._begun.pop(room, None)
        needs_all = bool(room.lack_names) and not self.is_large(room.presence)
        if not room.presence.changed and not needs_all:
            return  # a user joined and left before any member received that
        online, offline = room.presence.take_changes()
        if needs_all:
            online = room.presence.first(self.large_room_size)
            room.lack_names.clear()
        count = len(room.presence)
        change = messages.PresenceChange(room.name, online, offline, count, plan.ts)
        room.changes_sent_at = plan.now
        if step is None:
            plan.steps.append(ToRoom(room, PerVersion(None, change)))
        else:
            step.message = PerVersion(None, change)

    # --- typing and read markers -----------------------------------------------------------------

    def notify_typing(self, room: Room, plan: Plan) -> None:
        """Send the changes of typing that are due."""
        is_large = self.is_large(room.presence)
        if is_large and plan.now < room.typing_sent_at + LARGE_TYPING_SECONDS:
            return
        for shown, is_typing in room.typing.take_changes(only_one=is_large):
            plan.steps.append(ToRoom(room, messages.Typing(room.name, shown, is_typing, plan.ts)))
            room.typing_sent_at = plan.now

    def notify_read(self, room: Room, plan: Plan, *, is_tick: bool) -> None:
        """Send the read markers that are due."""
        if self.is_large(room.presence):
            room.receipts.forget()
        for read in room.receipts.due(plan.now, is_tick=is_tick):
            plan.steps.append(ToRoom(room, PerVersion(None, read)))
