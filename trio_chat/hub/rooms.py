"""All rooms, and what each request comes to in them: the first step of a turn, *decide*.

Nothing here waits, and nobody is told anything: what is to happen goes into the `Plan`. No trio.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import Final

from trio_chat.errors import CommandError, ErrorCode, log_out_of_reach
from trio_chat.hub.plan import (
    Admitted,
    Answered,
    Dismissed,
    Entry,
    Gone,
    Plan,
    Told,
    ToldTo,
    TurnedAway,
)
from trio_chat.hub.room import Room
from trio_chat.log.base import Mark, Stand
from trio_chat.protocol import events, messages
from trio_chat.protocol.membership import (
    ChangeTyping,
    Join,
    Leave,
    LeaveRoom,
    MarkRead,
    Member,
    Publish,
    Settle,
    Tick,
)
from trio_chat.protocol.names import Name
from trio_chat.protocol.outgoing import Outgoing, Split

CROWD_PRESENCE_SECONDS: Final = 10.0
"""How often plain members of a crowd are told who is there (PROTOCOL.md section 5.8)."""

CROWD_CHANGES_SECONDS: Final = 1.0
"""How often members of version 2 are (the same)."""

GRACE_SECONDS: Final = 5.0
"""The time to come back before a lost connection is told (PROTOCOL.md section 5.7)."""

LocalRequest = Publish | ChangeTyping | MarkRead | Join | LeaveRoom | Leave | Tick | Settle
"""What concerns the members here, and nobody else."""

# More than this takes more than one slice of a fan-out.
BIG_ROOM_MEMBERS: Final = 256


class Rooms:
    """The rooms that have members, or had some within the hour.

    Args:
        crowd_size: Rooms of more users than this are told less often.
        new_id: Makes the id of an event, unique for ever.
        empty_seconds: How long a room that nobody is in is kept.
    """

    def __init__(self, *, crowd_size: int, new_id: Callable[[], str], empty_seconds: float) -> None:
        self.big: set[Room] = set()
        """Those that take more than one slice."""
        self._crowd_size = crowd_size
        self._new_id = new_id
        self._empty_seconds = empty_seconds
        self._rooms: dict[str, Room] = {}
        self._of_member: dict[Member, list[Room]] = {}
        self._forms: dict[str, tuple[Name, int]] = {}
        """Of each user: the name in the form first given, and how many rooms the user is in."""
        self._stale: dict[Room, None] = {}
        """Those whose members do not all know who is there."""
        # There may be as many rooms as all clients make in an hour: the clock looks at no others.
        self._restless: dict[Room, None] = {}
        """Those in which something may run out: a time to come back, typing, a receipt's second."""
        self._empty: dict[str, float] = {}
        """Since when nobody is in a room, by its name; the longest empty one first."""

    def __contains__(self, name: str) -> bool:
        return name in self._rooms

    def __getitem__(self, name: str) -> Room:
        return self._rooms[name]

    def open(self, name: str, stand: Stand) -> None:
        """Have a room, from now on."""
        self._rooms[name] = Room(name, stand)

    def with_members(self) -> Sequence[str]:
        """The names of the rooms that have members here, who are to be told what happens."""
        return [name for name, room in self._rooms.items() if room.users]

    def long_empty(self, now: float) -> Sequence[str]:
        """The names of the rooms that nobody has been in for so long."""
        last = now - self._empty_seconds
        return [name for name, _ in takewhile(lambda one: one[1] <= last, self._empty.items())]

    def forget(self, name: str) -> None:
        """Have a room no longer."""
        del self._rooms[name], self._empty[name]

    def decide(self, request: LocalRequest, plan: Plan) -> None:
        """Say what a request comes to. The room of a `Join` is open, or it is turned away."""
        match request:
            case Publish():
                self._publish(request, plan)
            case ChangeTyping():
                self._change_typing(request, plan)
            case MarkRead():
                self._mark_read(request, plan)
            case Join():
                self._join(request, plan)
            case LeaveRoom():
                self._leave_room(request, plan)
            case Leave():
                self._leave(request, plan)
            case Tick():
                self._tick(plan)
            case Settle():  # pragma: no branch - there is no other request
                plan.settles.append(request)

    def decide_presence(self, plan: Plan) -> None:
        """Once a turn: tell each room who is there, if it is due, and the newcomers in any case."""
        if not self._stale and not plan.newcomers:
            return
        told: set[Room] = set()
        for room in tuple(self._stale):
            if room.presence_is_stale and self._presence_is_due(room, plan.now):
                self._tell(room, Split(self._presence(room, plan), None), plan)
                room.presence_is_stale = False
                room.presence_told_at = plan.now
                told.add(room)
            if room.presence.has_changed and plan.now >= self._changes_are_due(room):
                self._tell_changes(room, plan)
            if not room.presence_is_stale and not room.presence.has_changed:
                del self._stale[room]
        newest: dict[Room, Outgoing] = {}
        for room, member in plan.newcomers:
            if room not in told:
                outgoing = newest.get(room)
                if outgoing is None:
                    outgoing = newest[room] = Outgoing([self._presence(room, plan)])
                plan.steps.append(ToldTo(room, member, outgoing))

    def note_read(self, grown: Iterable[Mark], plan: Plan) -> None:
        """The marks of a turn are on the log, and some of them are higher than they were."""
        for mark, _, _ in plan.marks.values():
            room = self._rooms[mark.room]
            if mark.user in room.presence:  # and has not left in the same turn
                room.read[mark.user] = mark.seq
        for mark in grown:
            room = self._rooms[mark.room]
            _, shown, _ = plan.marks[mark.room, mark.user]
            self._restless[room] = None
            room.receipts.grow(mark.user, shown, mark.seq)
            self._tell_read(room, plan)

    # --- what a member asks ----------------------------------------------------------------------

    def _publish(self, request: Publish, plan: Plan) -> None:
        room = self._rooms.get(request.room)
        key = room.users.get(request.member) if room is not None else None
        if room is None or key is None:
            plan.steps.append(_not_joined(request.member, request.room, request.ref))
            return
        draft = events.Draft(
            self._new_id(),
            room.name,
            room.presence.shown(key),
            request.text,
            plan.ts,
            request.kind,
            request.target,
            request.member.author,
            request.ref,
        )
        plan.drafts.append(draft)
        plan.steps.append(Entry(room, draft, request.member))
        if not room.typing.is_quiet and request.kind is events.Kind.MESSAGE:
            room.typing.end(key)
            self._tell_typing(room, plan)

    def _change_typing(self, request: ChangeTyping, plan: Plan) -> None:
        room = self._rooms.get(request.room)
        key = room.users.get(request.member) if room is not None else None
        if room is None or key is None:
            plan.steps.append(_not_joined(request.member, request.room))
            return
        if request.is_typing:
            self._restless[room] = None
            room.typing.begin(key, room.presence.shown(key), plan.now)
        else:
            room.typing.end(key)
        self._tell_typing(room, plan)

    def _mark_read(self, request: MarkRead, plan: Plan) -> None:
        room = self._rooms.get(request.room)
        key = room.users.get(request.member) if room is not None else None
        if room is None or key is None:
            plan.steps.append(_not_joined(request.member, request.room))
        elif request.seq > room.head:
            error = CommandError(ErrorCode.BAD_REQUEST, "The room has not come as far as that")
            plan.steps.append(_answered(request.member, error, room.name))
        elif request.seq > room.read.get(key, 0):
            mark, _, _ = plan.marks.get((room.name, key), (None, "", None))
            if mark is None or mark.seq < request.seq:
                mark = Mark(room.name, key, request.seq)
                plan.marks[room.name, key] = mark, room.presence.shown(key), request.member

    def _join(self, request: Join, plan: Plan) -> None:
        room = self._rooms.get(request.room)
        if room is None:
            error = log_out_of_reach()
            error.ref, error.room = request.ref, request.room
            plan.steps.append(TurnedAway(request, error))
            return
        member, name = request.member, request.name
        self._empty.pop(room.name, None)
        is_new = member not in room.users and self._arrive(room, name)
        if member not in room.users:
            room.users[member] = name.key
            self._of_member.setdefault(member, []).append(room)
            if len(room.users) > BIG_ROOM_MEMBERS:
                self.big.add(room)
        if is_new:
            self._presence_changed(room, plan)
        if member.form.is_version_2:
            roster = room.presence.roster(self._crowd_size)
            plan.steps.append(Admitted(room, request, roster, len(room.presence)))
        else:
            plan.steps.append(Admitted(room, request, (), 0))
            plan.newcomers.append((room, member))
        if is_new and not self._is_crowd(room):
            self._log_notice(room, f"{room.presence.shown(name.key)} has joined the chat", plan)

    def _arrive(self, room: Room, name: Name) -> bool:
        """Count one more connection of a user in a room; True if the user was not there before.

        A user has one name, in all rooms: the form first given until there is none left.
        """
        form, rooms = self._forms.get(name.key, (name, 0))
        is_new = room.presence.arrive(form)
        if is_new:
            self._forms[name.key] = form, rooms + 1
        return is_new

    def _remove(self, room: Room, key: str) -> str:
        """The user is not in the room any more; gives the name as it was shown."""
        form, rooms = self._forms.pop(key)
        if rooms > 1:
            self._forms[key] = form, rooms - 1
        room.read.pop(key, None)
        return room.presence.remove(key)

    def _leave(self, request: Leave, plan: Plan) -> None:
        for room in self._of_member.pop(request.member, ()):
            plan.steps.append(Gone(room, request.member))
            self._depart(room, request.member, plan, may_return=request.may_return)

    def _leave_room(self, request: LeaveRoom, plan: Plan) -> None:
        room = self._rooms.get(request.room)
        if room is None or request.member not in room.users:
            plan.steps.append(_not_joined(request.member, request.room, request.ref))
            return
        rooms = self._of_member[request.member]
        rooms.remove(room)
        if not rooms:
            del self._of_member[request.member]
        plan.steps.append(Dismissed(room, request.member, request.ref))
        self._depart(room, request.member, plan, may_return=False)

    def _depart(self, room: Room, member: Member, plan: Plan, *, may_return: bool) -> None:
        key = room.users.pop(member)
        if len(room.users) <= BIG_ROOM_MEMBERS:
            self.big.discard(room)
        if not room.presence.depart(key):
            return
        if may_return:
            self._restless[room] = None
            room.presence.wait_for(key, plan.now + GRACE_SECONDS)
            room.typing.end(key)
            self._tell_typing(room, plan)
        else:
            self._take_off(room, key, plan)

    def _take_off(self, room: Room, key: str, plan: Plan) -> None:
        """A user is not in the room any more, and the others are told."""
        was_crowd = self._is_crowd(room)
        shown = self._remove(room, key)
        self._presence_changed(room, plan)
        room.typing.end(key)
        self._tell_typing(room, plan)
        if not was_crowd:
            self._log_notice(room, f"{shown} has left the chat", plan)
        if not len(room.presence):
            self._empty[room.name] = plan.now

    def _tick(self, plan: Plan) -> None:
        for room in tuple(self._restless):
            for key in room.presence.overdue(plan.now):
                self._take_off(room, key, plan)
            if not room.typing.is_quiet:
                room.typing.expire(plan.now)
                self._tell_typing(room, plan)
            if not room.receipts.is_quiet:
                self._tell_read(room, plan)
            if not room.presence.is_awaited and room.typing.is_quiet and room.receipts.is_quiet:
                del self._restless[room]

    # --- who is there ----------------------------------------------------------------------------

    def _is_crowd(self, room: Room) -> bool:
        return len(room.presence) > self._crowd_size

    def _presence_changed(self, room: Room, plan: Plan) -> None:
        room.presence_is_stale = True
        self._stale[room] = None
        if not self._is_crowd(room):
            self._tell_changes(room, plan)

    def _presence_is_due(self, room: Room, now: float) -> bool:
        return not self._is_crowd(room) or now >= room.presence_told_at + CROWD_PRESENCE_SECONDS

    def _changes_are_due(self, room: Room) -> float:
        return room.changes_told_at + (CROWD_CHANGES_SECONDS if self._is_crowd(room) else 0)

    def _presence(self, room: Room, plan: Plan) -> messages.Presence:
        users = room.presence.first(self._crowd_size)
        return messages.Presence(room.name, users, len(room.presence), plan.ts)

    def _tell_changes(self, room: Room, plan: Plan) -> None:
        if not room.presence.has_changed:
            return  # who came has gone, before anybody was told
        online, offline = room.presence.take_changes()
        count = len(room.presence)
        change = messages.PresenceChange(room.name, online, offline, count, plan.ts)
        room.changes_told_at = plan.now
        self._tell(room, Split(None, change), plan)

    # --- what is said ----------------------------------------------------------------------------

    def _tell_typing(self, room: Room, plan: Plan) -> None:
        for shown, is_typing in room.typing.changes(plan.now, crowd=self._is_crowd(room)):
            self._tell(room, messages.Typing(room.name, shown, is_typing, plan.ts), plan)

    def _tell_read(self, room: Room, plan: Plan) -> None:
        if self._is_crowd(room):
            room.receipts.forget()
        for shown, seq in room.receipts.due(plan.now):
            self._tell(room, Split(None, messages.Read(room.name, shown, seq)), plan)

    def _log_notice(self, room: Room, text: str, plan: Plan) -> None:
        kind = events.Kind.SYSTEM
        draft = events.Draft(self._new_id(), room.name, None, text, plan.ts, kind)
        plan.drafts.append(draft)
        plan.steps.append(Entry(room, draft, None))

    def _tell(self, room: Room, said: messages.Frame | Split, plan: Plan) -> None:
        plan.steps.append(Told(room, said))


def _answered(member: Member, error: CommandError, room: str, ref: str | None = None) -> Answered:
    error.room, error.ref = room, ref
    return Answered(member, error)


def _not_joined(member: Member, room: str, ref: str | None = None) -> Answered:
    error = CommandError(ErrorCode.NOT_JOINED, "You are not in this room")
    return _answered(member, error, room, ref)
