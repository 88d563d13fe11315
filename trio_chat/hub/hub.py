"""The hub: the only one that logs and fans out, in turns that never overlap.

It takes a batch of requests out of its inbox and deals with it in three steps:

1. *decide* (sync): what happens, in order, as a list of steps, and what of it goes on the log;
2. *commit*: one append for the whole batch, which numbers the events;
3. *tell*: the steps in order, each event encoded once and framed once for each form among the
   members, the frames of a room joined into one write.

So nobody sees an event that is not on the log, and under load k messages cost one write a member.
Requests come from the connections and from the clock; nothing else touches the state of a room.

A turn is sync but for two things: the log may make it wait, and a big room takes it more than one
slice. Where neither is the case and the hub is idle, a turn can be taken on the spot, by a plain
call (`Hub.turn_at_once`): no task is woken for it, and nothing can come in between.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import trio
from attrs import define, field

from trio_chat.hub.inbox import Inbox
from trio_chat.hub.room import Room, fan_out
from trio_chat.log.base import Commit, Log, Logged, Outcome
from trio_chat.metrics import Metrics
from trio_chat.protocol import messages
from trio_chat.protocol.codec import encode
from trio_chat.protocol.membership import (
    ChangeTyping,
    Join,
    Leave,
    Member,
    Publish,
    Request,
    Settle,
    Tick,
)
from trio_chat.protocol.outgoing import Outgoing

# At about a microsecond a member this is a quarter of a millisecond, against a few microseconds for
# a checkpoint: nobody else waits long, and the checkpoints cost little.
MEMBERS_BETWEEN_CHECKPOINTS: Final = 256

TICK_SECONDS: Final = 0.25
"""How often the clock asks for what has run out: typing ends within 6 and 6.25 seconds."""

CROWD_PRESENCE_SECONDS: Final = 10.0
"""How often plain members of a crowd are told who is there (PROTOCOL.md section 5.8)."""

EMPTY_ROOM_SECONDS: Final = 3600.0
"""How long a room without members is remembered by a log that lives in memory."""


@define
class _Logged:
    """The next event of the batch is sent to its room."""

    room: Room


@define
class _Told:
    """A message that is not logged is sent to a room."""

    room: Room
    payload: bytes


@define
class _ToldTo:
    """A message is sent to one member of a room."""

    room: Room
    member: Member
    outgoing: Outgoing


@define
class _Admitted:
    room: Room
    member: Member


@define
class _Dismissed:
    room: Room
    member: Member


_Step = _Logged | _Told | _ToldTo | _Admitted | _Dismissed


@define
class _Plan:
    """What a batch comes to: filled by *decide*, carried out by *commit* and *tell*."""

    now: float
    ts: int
    drafts: list[messages.Draft] = field(factory=list)
    steps: list[_Step] = field(factory=list)
    newcomers: list[tuple[Room, Member]] = field(factory=list)
    settles: list[Settle] = field(factory=list)


class Hub:
    """Rooms, and the inbox through which everything comes.

    Args:
        log: Where events are committed before anybody sees them.
        metrics: What the hub counts goes here.
        crowd_size: Rooms of more users than this are told less often.
        wall_ms: Milliseconds since 1970 UTC.
        new_id: Makes the id of an event, unique for ever.
    """

    def __init__(
        self,
        log: Log,
        metrics: Metrics,
        *,
        crowd_size: int,
        wall_ms: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self.inbox = Inbox()
        self._log = log
        self._metrics = metrics
        self._crowd_size = crowd_size
        self._wall_ms = wall_ms
        self._new_id = new_id
        self._rooms: dict[str, Room] = {}
        self._big_rooms: set[Room] = set()
        """Those that take more than one slice."""
        self._pending: dict[Room, list[bytes]] = {}
        """Payloads of the current turn that a room has not been sent yet."""

    async def run(self) -> None:
        """Deal with requests until cancelled. Whatever it raises ends the server.

        A cancellation closes the inbox: who waits to put something in gets a
        `trio.BrokenResourceError`.
        """
        with self.inbox:
            while True:
                await self._turn(await self.inbox.take())

    async def keep_time(self) -> None:
        """The clock: a `Tick` into the inbox, four times a second."""
        while True:
            await trio.sleep(TICK_SECONDS)
            await self.inbox.send(Tick())

    async def settle(self) -> None:
        """Wait until everything put into the inbox before has been dealt with."""
        done = trio.Event()
        await self.inbox.send(Settle(done.set))
        await done.wait()

    async def _turn(self, batch: list[Request]) -> None:
        started = time.perf_counter()
        plan = _Plan(trio.current_time(), self._wall_ms())
        for request in batch:
            if isinstance(request, Join) and request.room not in self._rooms:
                stand = await self._log.stand(request.room)
                self._rooms[request.room] = Room(request.room, stand.head)
            if isinstance(request, Tick):
                await self._forget_empty_rooms(plan.now)
            self._decide(request, plan)
        self._decide_presence(plan)
        commit = await self._log.append(plan.drafts) if plan.drafts else Commit(())
        events = iter(commit.outcomes)
        for _ in self._tell(plan.steps, events):
            await trio.lowlevel.checkpoint()
        for settle in plan.settles:  # behind the presence, which comes last in a turn
            settle.done()
        self._metrics.hub_turn_seconds.observe(time.perf_counter() - started)

    def is_prompt(self) -> bool:
        """See `trio_chat.protocol.membership.PromptHub`."""
        return self._log.append_now is not None and not self._big_rooms

    def is_free(self) -> bool:
        """See `trio_chat.protocol.membership.PromptHub`."""
        return self.inbox.is_idle and self.is_prompt()

    def turn_at_once(self, requests: Sequence[Publish | ChangeTyping], now: float) -> None:
        """See `trio_chat.protocol.membership.PromptHub`."""
        append = self._log.append_now
        assert append is not None  # noqa: S101 - `is_free` said so
        started = time.perf_counter()
        plan = _Plan(now, self._wall_ms())
        for request in requests:
            self._decide(request, plan)
        for _ in self._tell(
            plan.steps, iter(append(plan.drafts, ()).outcomes)
        ):  # pragma: no cover - too small
            pass
        self._metrics.hub_turn_seconds.observe(time.perf_counter() - started)

    async def _forget_empty_rooms(self, now: float) -> None:
        for room in tuple(self._rooms.values()):
            if room.empty_since is not None and now >= room.empty_since + EMPTY_ROOM_SECONDS:
                await self._log.forget(room.name)
                del self._rooms[room.name]

    # --- decide --------------------------------------------------------------------------------

    def _decide(self, request: Request, plan: _Plan) -> None:
        match request:
            case Publish():
                self._publish(request, plan)
            case ChangeTyping():
                self._change_typing(request, plan)
            case Join():
                self._join(request, plan)
            case Leave():
                self._leave(request.member, plan)
            case Tick():
                self._tick(plan)
            case Settle():  # pragma: no branch - there is no other request
                plan.settles.append(request)

    def _publish(self, request: Publish, plan: _Plan) -> None:
        room = self._rooms[request.room]
        key = room.users.get(request.member)
        if key is None:
            return  # it has left meanwhile
        self._log_event(room, room.presence.shown(key), request.text, plan)
        if not room.typing.is_quiet:
            room.typing.end(key)
            self._tell_typing(room, plan)

    def _change_typing(self, request: ChangeTyping, plan: _Plan) -> None:
        room = self._rooms[request.room]
        key = room.users.get(request.member)
        if key is None:
            return
        if request.is_typing:
            room.typing.begin(key, room.presence.shown(key), plan.now)
        else:
            room.typing.end(key)
        self._tell_typing(room, plan)

    def _join(self, request: Join, plan: _Plan) -> None:
        room = self._rooms[request.room]
        member, name = request.member, request.name
        room.empty_since = None
        room.users[member] = name.key
        if len(room.users) > MEMBERS_BETWEEN_CHECKPOINTS:
            self._big_rooms.add(room)
        plan.steps.append(_Admitted(room, member))
        plan.newcomers.append((room, member))
        if room.presence.arrive(name):
            room.presence_is_stale = True
            if not self._is_crowd(room):
                self._log_event(room, None, f"{name.shown} has joined the chat", plan)

    def _leave(self, member: Member, plan: _Plan) -> None:
        for room in self._rooms.values():
            key = room.users.pop(member, None)
            if key is None:
                continue
            plan.steps.append(_Dismissed(room, member))
            if len(room.users) <= MEMBERS_BETWEEN_CHECKPOINTS:
                self._big_rooms.discard(room)
            was_crowd = self._is_crowd(room)
            shown = room.presence.shown(key)
            if not room.presence.depart(key):
                continue
            room.presence_is_stale = True
            room.typing.end(key)
            self._tell_typing(room, plan)
            if not was_crowd:
                self._log_event(room, None, f"{shown} has left the chat", plan)
            if not room.users:
                room.empty_since = plan.now

    def _tick(self, plan: _Plan) -> None:
        for room in self._rooms.values():
            room.typing.expire(plan.now)
            self._tell_typing(room, plan)

    def _decide_presence(self, plan: _Plan) -> None:
        """Once a turn: tell each room who is there, if it is due, and the newcomers in any case."""
        told: set[Room] = set()
        for room in self._rooms.values():
            if room.presence_is_stale and self._presence_is_due(room, plan.now):
                self._tell_frame(room, self._presence(room, plan), plan)
                room.presence_is_stale = False
                room.presence_told_at = plan.now
                told.add(room)
        newest: dict[Room, Outgoing] = {}
        for room, member in plan.newcomers:
            if room not in told:
                outgoing = newest.get(room)
                if outgoing is None:
                    outgoing = newest[room] = Outgoing([encode(self._presence(room, plan))])
                plan.steps.append(_ToldTo(room, member, outgoing))

    def _presence_is_due(self, room: Room, now: float) -> bool:
        return not self._is_crowd(room) or now >= room.presence_told_at + CROWD_PRESENCE_SECONDS

    def _presence(self, room: Room, plan: _Plan) -> messages.Presence:
        users = room.presence.first(self._crowd_size)
        return messages.Presence(room.name, users, len(room.presence), plan.ts)

    def _tell_typing(self, room: Room, plan: _Plan) -> None:
        for shown, is_typing in room.typing.changes(plan.now, crowd=self._is_crowd(room)):
            self._tell_frame(room, messages.Typing(room.name, shown, is_typing, plan.ts), plan)

    def _is_crowd(self, room: Room) -> bool:
        return len(room.presence) > self._crowd_size

    def _log_event(self, room: Room, username: str | None, text: str, plan: _Plan) -> None:
        plan.drafts.append(_draft(self._new_id(), room, username, text, plan))
        plan.steps.append(_Logged(room))

    def _tell_frame(self, room: Room, frame: messages.Frame, plan: _Plan) -> None:
        plan.steps.append(_Told(room, encode(frame)))

    # --- tell ----------------------------------------------------------------------------------

    def _tell(self, steps: Iterable[_Step], events: Iterator[Outcome]) -> Iterator[None]:
        """Carry out the steps; yields where everybody else is to get a turn."""
        for step in steps:
            match step:
                case _Logged(room):
                    outcome = next(events)
                    assert isinstance(outcome, Logged)  # noqa: S101 - nothing has a ref or a target
                    event = outcome.event
                    room.head = event.seq
                    self._pending.setdefault(room, []).append(encode(event))
                case _Told(room, payload):
                    self._pending.setdefault(room, []).append(payload)
                case _ToldTo(room, member, outgoing):
                    yield from self._fan_out(room)
                    room.send_to(member, outgoing)
                case _Admitted(room, member):
                    yield from self._fan_out(room)
                    member.admit(room.hold(member))
                case _Dismissed(room, member):  # pragma: no branch - no other step
                    yield from self._fan_out(room)
                    room.remove(member)
        for room in tuple(self._pending):
            yield from self._fan_out(room)

    def _fan_out(self, room: Room) -> Iterator[None]:
        """Send a room what is pending, to all of a form the same frames.

        Between two slices of members everybody else gets a turn.
        """
        payloads = self._pending.pop(room, None)
        if not payloads:
            return
        offered = 0  # since the last checkpoint
        for members, frames in room.address(Outgoing(payloads)):
            joined = b"".join(frames)
            for begin in range(0, len(members), MEMBERS_BETWEEN_CHECKPOINTS):
                some = members[begin : begin + MEMBERS_BETWEEN_CHECKPOINTS]
                if offered + len(some) > MEMBERS_BETWEEN_CHECKPOINTS:
                    yield
                    offered = 0
                fan_out(some, frames, joined)
                offered += len(some)
            self._metrics.deliveries.count += len(members) * len(frames)
            self._metrics.bytes_out.count += len(members) * len(joined)


def _draft(new_id: str, room: Room, username: str | None, text: str, plan: _Plan) -> messages.Draft:
    kind = messages.Kind.SYSTEM if username is None else messages.Kind.MESSAGE
    return messages.Draft(new_id, room.name, username, text, plan.ts, kind)
