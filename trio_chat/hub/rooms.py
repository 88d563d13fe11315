"""All rooms, and the first step of a turn, *decide*: what each request does in them. No trio.

Nothing here waits, and no member receives anything: the decisions go into the `Plan`.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from trio_chat.context import Context
from trio_chat.errors import CommandError, ErrorCode, store_unavailable
from trio_chat.hub.limits import Departures, EmptyRooms
from trio_chat.hub.plan import Call, Entry, Plan, Typed
from trio_chat.hub.requests import Flush, InTurn, Join, Leave, Member, Publish, Request, Tick
from trio_chat.hub.room import Room
from trio_chat.protocol.commands import LeaveRoom, ReadMarker, SetTyping
from trio_chat.protocol.encode import encode
from trio_chat.protocol.encodings import text_frame
from trio_chat.protocol.events import Draft, Kind
from trio_chat.protocol.messages import Ack, HasRead
from trio_chat.store.base import StreamPosition
from trio_chat.store.recent import RecentPages

if TYPE_CHECKING:
    from trio_chat.hub.other_nodes import OtherNodes
    from trio_chat.protocol.names import Name


class Rooms:
    """The open rooms: those with members, and for ``empty_seconds`` those without."""

    def __init__(
        self, context: Context, others: "OtherNodes", recent: RecentPages, empty_seconds: float
    ) -> None:
        self.by_name: dict[str, Room] = {}
        self.recent = recent
        self._new_id = context.new_id
        self._others = others
        self._of_member: dict[Member, list[Room]] = {}
        self.users = others.make_users(self.by_name, context)
        self._names = self.users.names
        self._notifier = self.users.notifier
        self.departures = Departures(self._notifier.large_room_size)
        # Clients may make very many rooms in an hour: a tick looks at these only.
        self._restless: dict[Room, None] = {}
        """Rooms in which something may expire: a time to return, typing, a read marker."""
        self.empty = EmptyRooms(empty_seconds)
        self._deciders: dict[type, Callable[..., None]] = {
            Publish: self._publish,
            SetTyping: self._change_typing,
            ReadMarker: self.mark_read,
            Join: self._join,
            LeaveRoom: self._leave_room,
            Leave: self._leave,
            Tick: self._tick,
            InTurn: lambda request, plan: request.decide(plan),
            Flush: lambda request, plan: plan.flushes.append(request),
        }

    def open(self, name: str, position: StreamPosition, now: float) -> None:
        """Open a room."""
        most_names = self._notifier.large_room_size
        room = Room(name, position, self.users.list_of(name), most_names)
        self.by_name[name] = room
        self.recent.open(name, position.epoch, position.head)
        self.empty.add(room, now)

    def lacks(self, room: Room, member: Member) -> bool:
        """Return whether a member of an open room has not left, but is not active nor pending."""
        is_in = room in self._of_member.get(member, ())
        return is_in and not room.has(member) and not room.is_pending(member)

    def long_empty(self, now: float) -> Sequence[str]:
        """Return the names of rooms that have been empty for long, and in which nothing expires."""
        # A process that was stopped finds both at once: a room that has long been empty, and the
        # notice of a user who did not return to it.
        return [name for name in self.empty.due(now) if self.by_name[name] not in self._restless]

    def forget(self, name: str) -> None:
        """Close a room."""
        # A connection that has left may still read a page, and may return to another `Room`.
        self.by_name.pop(name).changes.lose()
        self.recent.close(name)
        self.empty.discard(name)
        self.users.forget(name)

    # --- deciding --------------------------------------------------------------------------------

    def decide(self, requests: Iterable[Request], plan: Plan) -> None:
        """Decide on requests. Open the room of a `Join` before; otherwise it is refused."""
        for request in requests:
            if plan.announced and type(request) is not Join:
                self.store_joins(plan)
            self._deciders[type(request)](request, plan)

    def decide_presence(self, plan: Plan) -> None:
        """Decide at the end of a turn which members learn of joins and leaves."""
        self.store_joins(plan)
        self._notifier.decide_presence(plan)

    def store_joins(self, plan: Plan) -> None:
        """Store the notices of users who joined in one turn; a room receives them in one write."""
        # Each admission makes the room send what is pending: a notice between two of them would
        # reach every member in a write of its own.
        for room, key in plan.announced:
            self.users.store_join(room, key, plan)
        plan.announced.clear()

    # --- messages, typing and read markers -------------------------------------------------------

    def _joined(
        self, request: Publish | SetTyping | ReadMarker | LeaveRoom, plan: Plan
    ) -> tuple[Room, str] | tuple[None, str]:
        """Return the room of a request and the key of its user; refuse it without such a room."""
        room = self.by_name.get(request.room)
        if room is not None and request.member in room.users:
            return room, room.users[request.member]
        error = CommandError(ErrorCode.NOT_JOINED, "You are not in this room")
        plan.refuse(request.member, error, request.room, getattr(request, "ref", None))
        return None, ""

    def _publish(self, request: Publish, plan: Plan) -> None:
        room, key = self._joined(request, plan)
        if room is None:
            return
        draft = Draft(
            self._new_id(),
            room.name,
            room.presence.users[key].name.shown,
            request.text,
            plan.ts,
            request.kind,
            request.target,
            request.member.author,
            request.ref,
        )
        room.has_messages = True
        plan.drafts.append(draft)
        plan.steps.append(Entry(room, draft, request.member))
        if not room.typing.is_quiet and request.kind is Kind.MESSAGE:
            self.users.end_typing(room, key, plan)

    def _change_typing(self, request: SetTyping, plan: Plan) -> None:
        room, key = self._joined(request, plan)
        if room is not None:
            self.note_typing(room, key, plan, is_typing=request.is_typing)
            plan.news.append(Typed(room.name, key, room.presence.shown(key), request.is_typing))

    def note_typing(self, room: Room, key: str, plan: Plan, *, is_typing: bool) -> None:
        """Note that a user in the room types, or has stopped."""
        if is_typing:
            self._restless[room] = None
            room.typing.begin(key, room.presence.shown(key), plan.now)
        else:
            room.typing.end(key)
        self._notifier.notify_typing(room, plan)

    def mark_read(self, marker: ReadMarker, plan: Plan, stored: int | None = None) -> None:
        """Set the read marker of a user; ``stored`` is the head in the store, if it was read."""
        room, key = self._joined(marker, plan)
        if room is None:
            return
        if marker.seq > max(room.head, stored or 0):
            if stored is not None or not self._others.defer(marker):
                error = CommandError(ErrorCode.BAD_REQUEST, "seq is beyond the end of the room")
                plan.refuse(marker.member, error, room.name)
        elif marker.seq > room.read.get(key, 0):
            known = plan.marks.get((room.name, key))
            if known is None or known.seq < marker.seq:
                marker.user, marker.shown = key, room.presence.shown(key)
                plan.marks[room.name, key] = marker

    def note_stored_marks(self, grown: Iterable[ReadMarker], plan: Plan) -> None:
        """Note that the read markers of a turn are stored, and which of them have grown."""
        for mark in plan.marks.values():
            room = self.by_name[mark.room]
            if mark.user in room.presence:  # and has not left in the same turn
                room.read[mark.user] = mark.seq
        for mark in grown:
            self.recent.note_mark(mark)
            room = self.by_name[mark.room]
            is_here = mark.user in room.presence
            # The turn may have renamed the user since.
            shown = room.presence.shown(mark.user) if is_here else mark.shown
            news = HasRead(room.name, mark.user, shown, mark.seq)
            # Other nodes must receive the marker before they learn that the user has left.
            plan.news.insert(len(plan.news) if is_here else 0, news)
            self.note_read(room, news, plan)

    def note_read(self, room: Room, read: HasRead, plan: Plan) -> None:
        """Note that the read marker of a user has grown."""
        self._restless[room] = None
        room.receipts.grow(read)
        if read.user not in room.presence:
            room.receipts.leave(read.user)
        self._notifier.notify_read(room, plan, is_tick=False)

    # --- joining and leaving ---------------------------------------------------------------------

    def _join(self, request: Join, plan: Plan) -> None:
        room = self.by_name.get(request.room)
        if room is None:
            plan.turn_away(request, store_unavailable())
            return
        member = request.member
        self.empty.discard(room.name)
        if member not in room.users:
            self.users.arrive(room, request, plan)
            self._names.release(member)
            room.users[member] = request.name.key
            self._of_member.setdefault(member, []).append(room)
        self.admit(room, request, plan)
        if not member.encoding.is_version_2:
            plan.newcomers.append((room, member))

    def admit(self, room: Room, join: Join, plan: Plan) -> None:
        """Make a member of the room pending, until it has received the history."""
        members: Sequence[Name] = ()
        count = 0
        if join.member.encoding.is_version_2:
            self._notifier.before_admission(room, join.member, plan)
            members = room.presence.members(self._notifier.large_room_size)
            count = len(room.presence)
        plan.steps.append(Call(partial(room.admit, join, members, count), room))

    def _leave(self, request: Leave, plan: Plan) -> None:
        for room in self._of_member.pop(request.member, ()):
            plan.steps.append(Call(partial(room.drop, request.member), room))
            self.departures.waiting.append((room, request.member, request.may_return))
        self.decide_departures(plan)
        self._names.release(request.member)

    def decide_departures(self, plan: Plan) -> None:
        """Let members whose connections ended leave their rooms, as many as this turn allows."""
        for room, member, may_return in self.departures.due():
            self._depart(room, member, plan, may_return=may_return)

    def _leave_room(self, request: LeaveRoom, plan: Plan) -> None:
        room, _ = self._joined(request, plan)
        if room is None:
            return
        rooms = self._of_member[request.member]
        rooms.remove(room)
        if not rooms:
            del self._of_member[request.member]
        last = [text_frame(encode(Ack(request.ref)))] if request.ref is not None else ()
        plan.steps.append(Call(partial(room.remove, request.member, last), room))
        self._depart(room, request.member, plan, may_return=False)

    def _depart(self, room: Room, member: Member, plan: Plan, *, may_return: bool) -> None:
        key = room.users.pop(member)
        room.lack_names.discard(member)
        if not room.users:
            self.empty.add(room, plan.now)
        if room.presence.depart(key):
            self.users.depart(room, key, plan, may_return=may_return)
            if room.presence.away_until or not room.receipts.is_quiet:
                self._restless[room] = None

    def _tick(self, _: Tick, plan: Plan) -> None:
        self._others.tick(plan)
        for room in tuple(self._restless):
            away_until = room.presence.away_until
            for key in [key for key, until in away_until.items() if until <= plan.now]:
                if not self.departures.may_announce(room):
                    break
                self.users.leave(room, key, plan)
            if not room.typing.is_quiet:
                room.typing.expire(plan.now)
                self._notifier.notify_typing(room, plan)
            if not room.receipts.is_quiet:
                self._notifier.notify_read(room, plan, is_tick=True)
            if not away_until and room.typing.is_quiet and room.receipts.is_quiet:
                del self._restless[room]
