"""What a room is told besides its events: who is there, who types, who has read. No trio."""

from typing import Final

from trio_chat.hub.plan import Plan, Told, ToldTo
from trio_chat.hub.presence import Presence
from trio_chat.hub.requests import Member
from trio_chat.hub.room import Room
from trio_chat.protocol import messages
from trio_chat.protocol.encodings import Outgoing, PerVersion

CROWD_PRESENCE_SECONDS: Final = 10.0
"""How often plain members of a crowd get who is there (docs/reference/wire.md, promise 8)."""

CROWD_CHANGES_SECONDS: Final = 1.0
"""How often members of version 2 are (the same)."""


_NOTHING: Final = PerVersion(None, None)


class PresenceNotifier:
    """Says when a room is told what, into the `Plan`; a crowd is told less often.

    Args:
        large_room_size: Rooms of more users than this are crowds.
    """

    def __init__(self, large_room_size: int) -> None:
        self.large_room_size = large_room_size
        self._stale: dict[Room, None] = {}
        """Those whose members do not all know who is there."""
        self._begun: dict[Room, Told] = {}
        """The step with a room's presence change in this turn, filled in later in the turn."""

    def is_crowd(self, presence: Presence) -> bool:
        """Whether these are too many users to be told of each."""
        return len(presence) > self.large_room_size

    def would_be_crowd(self, presence: Presence) -> bool:
        """Whether these would be a crowd with one user more."""
        return len(presence) >= self.large_room_size

    # --- who is there ----------------------------------------------------------------------------

    def presence_changed(self, room: Room, plan: Plan) -> None:
        """Note a join or leave. The changes of a turn are sent as one, before the notices."""
        room.presence_is_stale = True
        self._stale[room] = None
        if room not in self._begun and not self.is_crowd(room.presence):
            step = self._begun[room] = Told(room, _NOTHING)
            plan.steps.append(step)

    def before_admission(self, room: Room, member: Member, plan: Plan) -> None:
        """Send earlier changes first: a member of version 2 then receives the list as it is now."""
        if room in self._begun:
            self._tell_changes(room, plan)
        if self.is_crowd(room.presence):
            room.lack_names.add(member)
        else:
            room.lack_names.discard(member)

    def decide_presence(self, plan: Plan) -> None:
        """Once a turn: tell each room who is there, if it is due, and the newcomers in any case."""
        if not self._stale and not plan.newcomers:
            return
        told: set[Room] = set()
        for room in tuple(self._stale):
            if room.presence_is_stale and self._presence_is_due(room, plan.now):
                tell(room, PerVersion(self._presence(room, plan), None), plan)
                room.presence_is_stale = False
                room.presence_told_at = plan.now
                told.add(room)
            if plan.now >= self._changes_are_due(room):
                self._tell_changes(room, plan)
            if not room.presence_is_stale and not room.presence.has_changed:
                del self._stale[room]
        self._begun.clear()
        newest: dict[Room, Outgoing] = {}
        for room, member in plan.newcomers:
            if room not in told:
                outgoing = newest.get(room)
                if outgoing is None:
                    outgoing = newest[room] = Outgoing([self._presence(room, plan)])
                plan.steps.append(ToldTo(room, member, outgoing))

    def _presence_is_due(self, room: Room, now: float) -> bool:
        is_crowd = self.is_crowd(room.presence)
        return not is_crowd or now >= room.presence_told_at + CROWD_PRESENCE_SECONDS

    def _changes_are_due(self, room: Room) -> float:
        is_crowd = self.is_crowd(room.presence)
        return room.changes_told_at + (CROWD_CHANGES_SECONDS if is_crowd else 0)

    def _presence(self, room: Room, plan: Plan) -> messages.Presence:
        users = room.presence.first(self.large_room_size)
        return messages.Presence(room.name, users, len(room.presence), plan.ts)

    def _tell_changes(self, room: Room, plan: Plan) -> None:
        step = self._begun.pop(room, None)
        is_whole = bool(room.lack_names) and not self.is_crowd(room.presence)
        if not room.presence.has_changed and not is_whole:
            return  # who came has gone, before anybody was told
        online, offline = room.presence.take_changes()
        if is_whole:
            online = room.presence.first(self.large_room_size)
            room.lack_names.clear()
        count = len(room.presence)
        change = messages.PresenceChange(room.name, online, offline, count, plan.ts)
        room.changes_told_at = plan.now
        if step is None:
            tell(room, PerVersion(None, change), plan)
        else:
            step.said = PerVersion(None, change)

    # --- what they do ----------------------------------------------------------------------------

    def tell_typing(self, room: Room, plan: Plan) -> None:
        """Tell who has begun or ended, as far as it is due."""
        for shown, is_typing in room.typing.changes(plan.now, crowd=self.is_crowd(room.presence)):
            tell(room, messages.Typing(room.name, shown, is_typing, plan.ts), plan)

    def tell_read(self, room: Room, plan: Plan) -> None:
        """Tell who has read on, as far as it is due."""
        if self.is_crowd(room.presence):
            room.receipts.forget()
        for shown, seq in room.receipts.due(plan.now):
            tell(room, PerVersion(None, messages.Read(room.name, shown, seq)), plan)


def tell(room: Room, said: messages.ServerMessage | PerVersion, plan: Plan) -> None:
    """Have a room told something."""
    plan.steps.append(Told(room, said))
