"""Sends rooms what they receive besides events: presence, typing and read markers. No trio."""

from functools import partial
from typing import Final

from trio_chat.hub.ephemeral import Throttle
from trio_chat.hub.plan import Call, Plan, ToRoom
from trio_chat.hub.presence import Presence
from trio_chat.hub.requests import Member
from trio_chat.hub.room import Room
from trio_chat.protocol import messages
from trio_chat.protocol.encodings import Outgoing, PerVersion

LARGE_PRESENCE_SECONDS: Final = 10.0
"""How often plain members of a large room receive its presence (docs/reference/wire.md, promise
8)."""

LARGE_CHANGES_SECONDS: Final = 1.0
"""How often version 2 members of a large room receive changes of it (the same)."""

LARGE_TYPING_SECONDS: Final = 1.0
"""A large room receives at most one change of typing in this time (the same)."""

_NOTHING: Final = PerVersion(None, None)


class PresenceNotifier:
    """Decides which room receives what, and when; large rooms receive less.

    Args:
        large_room_size: A room with more users than this is large.
    """

    def __init__(self, large_room_size: int) -> None:
        self.large_room_size = large_room_size
        self._stale: dict[Room, None] = {}
        """Rooms in which some members do not know the present list."""
        self._begun: dict[Room, ToRoom] = {}
        """The step with a room's changes of this turn, which a later call fills in."""
        self._presence_sent = Throttle[Room](LARGE_PRESENCE_SECONDS)
        self._changes_sent = Throttle[Room](LARGE_CHANGES_SECONDS)
        self._typing_sent = Throttle[Room](LARGE_TYPING_SECONDS)

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
            if room.presence_is_stale and self._is_due(self._presence_sent, room, plan.now):
                plan.steps.append(ToRoom(room, PerVersion(self._presence(room, plan), None)))
                room.presence_is_stale = False
                self._presence_sent.note(room, plan.now)
                notified.add(room)
            if self._is_due(self._changes_sent, room, plan.now):
                self._send_changes(room, plan)
            if not room.presence_is_stale and not room.presence.has_changed:
                del self._stale[room]
        self._begun.clear()
        newest: dict[Room, Outgoing] = {}
        for room, member in plan.newcomers:
            if room not in notified:
                outgoing = newest.get(room)
                if outgoing is None:
                    outgoing = newest[room] = Outgoing([self._presence(room, plan)])
                plan.steps.append(Call(partial(room.send_to, member, outgoing), room))

    def _is_due(self, throttle: Throttle[Room], room: Room, now: float) -> bool:
        return throttle.is_due(room, now) or not self.is_large(room.presence)

    def _presence(self, room: Room, plan: Plan) -> messages.Presence:
        users = room.presence.first(self.large_room_size)
        return messages.Presence(room.name, users, len(room.presence), plan.ts)

    def _send_changes(self, room: Room, plan: Plan) -> None:
        step = self._begun.pop(room, None)
        needs_all = bool(room.lack_names) and not self.is_large(room.presence)
        if not room.presence.has_changed and not needs_all:
            return  # a user joined and left before any member received that
        online, offline = room.presence.take_changes()
        if needs_all:
            online = room.presence.first(self.large_room_size)
            room.lack_names.clear()
        count = len(room.presence)
        change = messages.PresenceChange(room.name, online, offline, count, plan.ts)
        self._changes_sent.note(room, plan.now)
        if step is None:
            plan.steps.append(ToRoom(room, PerVersion(None, change)))
        else:
            step.message = PerVersion(None, change)

    # --- typing and read markers -----------------------------------------------------------------

    def notify_typing(self, room: Room, plan: Plan) -> None:
        """Send the changes of typing that are due."""
        is_large = self.is_large(room.presence)
        if is_large and not self._typing_sent.is_due(room, plan.now):
            return
        for shown, is_typing in room.typing.take_changes(only_one=is_large):
            plan.steps.append(ToRoom(room, messages.Typing(room.name, shown, is_typing, plan.ts)))
            self._typing_sent.note(room, plan.now)

    def notify_read(self, room: Room, plan: Plan) -> None:
        """Send the read markers that are due."""
        if self.is_large(room.presence):
            room.receipts.forget()
        for read in room.receipts.due(plan.now):
            plan.steps.append(ToRoom(room, PerVersion(None, read)))
