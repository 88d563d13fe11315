"""All rooms, and what each request comes to in them: the first step of a turn, *decide*.

Nothing here waits, and nobody is told anything: what is to happen goes into the `Plan`. No trio.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from trio_chat.cluster.envelope import HasRead, NodeMessage, Typed, UserJoined, UserLeft
from trio_chat.cluster.presence import ClusterPresence
from trio_chat.errors import CommandError, ErrorCode, store_unavailable
from trio_chat.hub.departures import Departure, Departures
from trio_chat.hub.empty_rooms import EmptyRooms
from trio_chat.hub.limits import RoomLimits
from trio_chat.hub.notices import NoticeBudget
from trio_chat.hub.plan import Admitted, Answered, Dismissed, Entry, Gone, Plan, TurnedAway
from trio_chat.hub.presence_notifier import PresenceNotifier
from trio_chat.hub.requests import (
    ChangeTyping,
    Flush,
    Join,
    Leave,
    LeaveRoom,
    MarkRead,
    Member,
    Publish,
    Tick,
)
from trio_chat.hub.room import Room
from trio_chat.hub.shown_names import ShownNames
from trio_chat.protocol.events import Draft, Kind
from trio_chat.store.base import ReadMarker, StreamPosition
from trio_chat.store.recent import RecentPages

LocalRequest = Publish | ChangeTyping | MarkRead | Join | LeaveRoom | Leave | Tick | Flush
"""What concerns the members here, and nobody else."""


class Rooms:
    """The rooms that have members, or had some within the hour.

    Args:
        limits: Of all rooms.
        new_id: Makes the id of an event, unique for ever.
        new_stay: Makes the name of a user's stay; see `ClusterPresence`.
        is_ending: Returns whether another node is ending; see there.
        empty_seconds: How long a room with messages that nobody is in is kept.
        recent: What is in memory of each room that is open.
    """

    def __init__(  # noqa: PLR0913 - given once, by `Hub`
        self,
        *,
        limits: RoomLimits,
        new_id: Callable[[], str],
        new_stay: Callable[[], str],
        is_ending: Callable[[str], bool],
        empty_seconds: float,
        recent: RecentPages,
    ) -> None:
        self.recent = recent
        self._new_id = new_id
        self._rooms: dict[str, Room] = {}
        self.by_name: Mapping[str, Room] = self._rooms
        self._of_member: dict[Member, list[Room]] = {}
        self._announcer = PresenceNotifier(limits.large_room_size)
        self.names = ShownNames()
        self.attendance = ClusterPresence(
            self._rooms,
            self._announcer,
            self.names,
            NoticeBudget(limits.notice_rate),
            new_id=new_id,
            new_stay=new_stay,
            is_ending=is_ending,
        )
        self.departures = Departures(limits.large_room_size)
        # There may be as many rooms as all clients make in an hour: the clock looks at no others.
        self._restless: dict[Room, None] = {}
        """Those in which something may run out: a time to come back, typing, a receipt's second."""
        self._empty = EmptyRooms(empty_seconds)

    def __contains__(self, name: str) -> bool:
        return name in self._rooms

    def __getitem__(self, name: str) -> Room:
        return self._rooms[name]

    def occupied(self) -> int:
        """Count the rooms with members."""
        return len(self._rooms) - len(self._empty)

    def empty(self) -> int:
        """Count the rooms that are kept without members."""
        return len(self._empty)

    def open(self, name: str, stand: StreamPosition, now: float) -> None:
        """Have a room, from now on."""
        room = Room(name, stand, self.attendance.list_of(name), self._announcer.large_room_size)
        self._rooms[name] = room
        self.recent.open(name, stand.epoch, stand.head)
        self._empty.add(room, now)

    def all(self) -> Sequence[Room]:
        """All rooms that are open."""
        return tuple(self._rooms.values())

    def lacks(self, room: Room, member: Member) -> bool:
        """Whether a room is open, has a member that has not gone, and offers it nothing."""
        is_in = room in self._of_member.get(member, ()) and self._rooms.get(room.name) is room
        return is_in and not room.has(member) and not room.is_held(member)

    def with_members(self) -> Sequence[str]:
        """The names of the rooms that have members here, who are to be told what happens."""
        return [name for name, room in self._rooms.items() if room.users]

    def long_empty(self, now: float) -> Sequence[str]:
        """The names of the rooms that nobody has been in for so long, and where nothing runs out.

        A process that was stopped finds both at once: a room that is long empty, and the notice of
        who did not come back to it.
        """
        return [name for name in self._empty.due(now) if self._rooms[name] not in self._restless]

    def forget(self, name: str) -> None:
        """Have a room no longer."""
        # A connection that has left may still read a page, and may come back to another `Room`.
        self._rooms[name].changes.lose()
        del self._rooms[name]
        self.recent.close(name)
        self._empty.discard(name)
        self.attendance.forget(name)

    def decide(self, requests: Iterable[LocalRequest], plan: Plan) -> None:
        """Say what requests come to. The room of a `Join` is open, or it is turned away."""
        for request in requests:
            if plan.announced and type(request) is not Join:
                self._store_joins(plan)
            if type(request) is Publish:  # as nearly all are
                self._publish(request, plan)
            else:
                self._decide(request, plan)

    def _decide(self, request: LocalRequest, plan: Plan) -> None:
        match request:
            case ChangeTyping():
                self._change_typing(request, plan)
            case MarkRead():
                self.mark_read(request, plan)
            case Join():
                self._join(request, plan)
            case LeaveRoom():
                self._leave_room(request, plan)
            case Leave():
                self._leave(request, plan)
            case Tick():
                self._tick(plan)
            case Flush():  # pragma: no branch - there is no other request
                plan.settles.append(request)

    def decide_presence(self, plan: Plan) -> None:
        """Decide at the end of a turn which members learn that users have come or gone."""
        self._store_joins(plan)
        self._announcer.decide_presence(plan)

    def _store_joins(self, plan: Plan) -> None:
        """Log the notices of the users that came in one turn; a room gets all of its in one write.

        Each admission has the room sent what is pending: a notice between two of them would reach
        every member in a write of its own.
        """
        for room, key in plan.announced:
            self.attendance.log_join(room, key, plan)
        plan.announced.clear()

    def admit(self, room: Room, join: Join, plan: Plan) -> None:
        """Hold a member that is in the room, until it has received the history."""
        if join.member.encoding.is_version_2:
            self._announcer.before_admission(room, join.member, plan)
            members = room.presence.members(self._announcer.large_room_size)
            plan.steps.append(Admitted(room, join, members, len(room.presence)))
        else:
            plan.steps.append(Admitted(room, join, (), 0))

    def note_read(self, grown: Iterable[ReadMarker], plan: Plan) -> None:
        """The marks of a turn are on the store, and some of them are higher than they were."""
        for mark, _, _ in plan.marks.values():
            room = self._rooms[mark.room]
            if mark.user in room.presence:  # and has not left in the same turn
                room.read[mark.user] = mark.seq
        for mark in grown:
            self.recent.note_mark(mark)
            room = self._rooms[mark.room]
            _, shown, _ = plan.marks[mark.room, mark.user]
            self._restless[room] = None
            room.receipts.grow(mark.user, shown, mark.seq)
            said = HasRead(room.name, mark.user, shown, mark.seq)
            if mark.user in room.presence:
                plan.said.append(said)
            else:  # others must hear of the mark before they hear that the user has left
                room.receipts.leave(mark.user)
                plan.said.insert(0, said)
            self._announcer.tell_read(room, plan)

    def read(self) -> Iterator[HasRead]:
        """Yield up to where users have read, as far as this node answers for it.

        It does for users who are here, and for what it has put on the store itself: such a user may
        have moved to another node since.
        """
        for room in self._rooms.values():
            if self._announcer.is_crowd(room.presence):
                continue
            for key, seq in room.receipts.known().items():
                present = key in room.presence
                if present and (key in room.read or room.presence.claim(key) is not None):
                    yield HasRead(room.name, key, room.presence.shown(key), seq)

    # --- what a member asks ----------------------------------------------------------------------

    def _publish(self, request: Publish, plan: Plan) -> None:
        room = self._rooms.get(request.room)
        key = room.users.get(request.member) if room is not None else None
        if room is None or key is None:
            plan.steps.append(_not_joined(request.member, request.room, request.ref))
            return
        member = request.member
        draft = Draft(
            self._new_id(),
            room.name,
            room.presence.users[key].name.shown,
            request.text,
            plan.ts,
            request.kind,
            request.target,
            member.author,
            request.ref,
        )
        room.has_messages = True
        plan.drafts.append(draft)
        plan.steps.append(Entry(room, draft, member))
        if not room.typing.is_quiet and request.kind is Kind.MESSAGE:
            if room.typing.end(key):
                plan.said.append(Typed(room.name, key, room.presence.shown(key), is_typing=False))
            self._announcer.tell_typing(room, plan)

    def _change_typing(self, request: ChangeTyping, plan: Plan) -> None:
        room = self._rooms.get(request.room)
        key = room.users.get(request.member) if room is not None else None
        if room is None or key is None:
            plan.steps.append(_not_joined(request.member, request.room))
            return
        shown = room.presence.shown(key)
        self._note_typing(room, key, plan, is_typing=request.is_typing)
        plan.said.append(Typed(room.name, key, shown, request.is_typing))

    def _note_typing(self, room: Room, key: str, plan: Plan, *, is_typing: bool) -> None:
        if is_typing:
            self._restless[room] = None
            room.typing.begin(key, room.presence.shown(key), plan.now)
        else:
            room.typing.end(key)
        self._announcer.tell_typing(room, plan)

    def mark_read(self, request: MarkRead, plan: Plan, stored: int = 0) -> None:
        """Note up to where a user has read.

        Args:
            request: What the user's client says.
            plan: Of this turn.
            stored: How far the room has come on the store, where that is more than has been sent.
        """
        room = self._rooms.get(request.room)
        key = room.users.get(request.member) if room is not None else None
        if room is None or key is None:
            plan.steps.append(_not_joined(request.member, request.room))
        elif request.seq > max(room.head, stored):
            error = CommandError(ErrorCode.BAD_REQUEST, "The room has not come as far as that")
            plan.steps.append(_answered(request.member, error, room.name))
        elif request.seq > room.read.get(key, 0):
            mark, _, _ = plan.marks.get((room.name, key), (None, "", None))
            if mark is None or mark.seq < request.seq:
                mark = ReadMarker(room.name, key, request.seq)
                plan.marks[room.name, key] = mark, room.presence.shown(key), request.member

    def _join(self, request: Join, plan: Plan) -> None:
        room = self._rooms.get(request.room)
        if room is None:
            turn_away(request, plan)
            return
        member, name = request.member, request.name
        self._empty.discard(room.name)
        is_announced = False
        if member not in room.users:
            is_announced = self.attendance.arrive(room, request, plan)
            self.names.release(member)
            room.users[member] = name.key
            self._of_member.setdefault(member, []).append(room)
        self.admit(room, request, plan)
        if not member.encoding.is_version_2:
            plan.newcomers.append((room, member))
        if is_announced:
            plan.announced.append((room, name.key))

    def _leave(self, request: Leave, plan: Plan) -> None:
        for room in self._of_member.pop(request.member, ()):
            plan.steps.append(Gone(room, request.member))
            self.departures.add(Departure(room, request.member, request.may_return))
        self.decide_departures(plan)
        self.names.release(request.member)

    def decide_departures(self, plan: Plan) -> None:
        """Let members that are gone leave their rooms, as many as may in this turn."""
        for departure in self.departures.due():
            room, member = departure.room, departure.member
            self._depart(room, member, plan, may_return=departure.may_return)

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
        room.lack_names.discard(member)
        if not room.users:
            self._empty.add(room, plan.now)
        if room.presence.depart(key):
            self.attendance.depart(room, key, plan, may_return=may_return)
            if room.presence.is_awaited:
                self._restless[room] = None

    def _tick(self, plan: Plan) -> None:
        for room in tuple(self._restless):
            for key in room.presence.overdue(plan.now):
                if not self.departures.may_announce(room):
                    break
                self.attendance.leave(room, key, plan)
            if not room.typing.is_quiet:
                room.typing.expire(plan.now)
                self._announcer.tell_typing(room, plan)
            if not room.receipts.is_quiet:
                self._announcer.tell_read(room, plan)
            if not room.presence.is_awaited and room.typing.is_quiet and room.receipts.is_quiet:
                del self._restless[room]

    # --- what other nodes say --------------------------------------------------------------------

    def hear(self, node: str, said: NodeMessage, plan: Plan) -> None:
        """Another node has said something, which concerns those who are here."""
        self._store_joins(plan)
        match said:
            case UserJoined():
                self.attendance.hear_here(node, said, plan)
            case UserLeft():
                self.attendance.hear_away(node, said, plan)
            case Typed():
                room = self._rooms.get(said.room)
                if room is not None and said.user in room.presence:
                    self._note_typing(room, said.user, plan, is_typing=said.is_typing)
            case HasRead():
                room = self._rooms.get(said.room)
                if room is not None and said.user in room.presence:
                    self._restless[room] = None
                    room.receipts.grow(said.user, room.presence.shown(said.user), said.seq)
                    self._announcer.tell_read(room, plan)
            case _:
                pass  # it is not for the rooms


def turn_away(request: Join, plan: Plan) -> None:
    """Let nobody in who cannot be told, as the store is out of reach, what was before."""
    error = store_unavailable()
    error.ref, error.room = request.ref, request.room
    plan.steps.append(TurnedAway(request, error))


def _answered(member: Member, error: CommandError, room: str, ref: str | None = None) -> Answered:
    error.room, error.ref = room, ref
    return Answered(member, error)


def _not_joined(member: Member, room: str, ref: str | None = None) -> Answered:
    error = CommandError(ErrorCode.NOT_JOINED, "You are not in this room")
    return _answered(member, error, room, ref)
