"""The third step of a turn, *deliver*: carry out the steps in order, towards the members.

Before this comes `trio_chat.hub.hub`; after it comes `trio_chat.websocket.outbox`, whose `offer`
writes to the socket or queues.

Each event is encoded once, and framed once for each encoding in use. The frames of a turn for a
room are joined into one write. An author receives acknowledgements in the same write, before the
events.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import repeat
from typing import Final

from orjson import dumps

from trio_chat.errors import CommandError, ErrorCode, store_unavailable
from trio_chat.hub.plan import Entry, Plan, ToRoom
from trio_chat.hub.requests import Member
from trio_chat.hub.room import Room
from trio_chat.metrics import Metrics
from trio_chat.protocol.encode import ack_fields
from trio_chat.protocol.encodings import Outgoing, PerVersion, text_frame
from trio_chat.protocol.events import Event
from trio_chat.protocol.messages import Ack, ServerMessage
from trio_chat.store.base import Commit, Outcome, Refused, Repeated, Stored
from trio_chat.store.recent import RecentPages

# A quarter of a millisecond at about a microsecond a member; a checkpoint takes some microseconds.
# So no other task waits long, and the checkpoints cost little.
MEMBERS_BETWEEN_CHECKPOINTS: Final = 256

_REFUSALS: Final = {
    ErrorCode.CONFLICT: "This ref was used for something else",
    ErrorCode.NOT_FOUND: "Message not found",
    ErrorCode.FORBIDDEN: "The message is not yours",
    ErrorCode.INTERNAL: "The message cannot be stored",
}
"""The error message for each refusal of a store."""


Pending = dict[Room, tuple[list[ServerMessage | PerVersion], dict[Member, list[bytes]]]]
"""By room, the messages to send, and the acknowledgements of its events as frames."""


class Dispatcher:
    """Delivers what was decided. ``recent`` receives each event before the members do."""

    def __init__(self, metrics: Metrics, recent: RecentPages) -> None:
        self._deliveries = metrics.deliveries
        self._sent_bytes = metrics.sent_bytes
        self._recent = recent
        self._pending: Pending = defaultdict(lambda: ([], defaultdict(list)))  # not sent yet

    def deliver(self, plan: Plan, commit: Commit | None) -> Iterator[None]:
        """Carry out the steps; yield where other tasks should run.

        ``commit`` has the outcomes of the plan's drafts; it is None if they are unknown.
        """
        for room, events in plan.caught_up:
            for event in events:
                self._add(room, event)
        outcomes = iter(commit.outcomes) if commit is not None else repeat(None)
        for step in plan.steps:
            if isinstance(step, Entry):  # as nearly always
                self._enter(step, next(outcomes))
            elif isinstance(step, ToRoom):
                self._pending[step.room][0].append(step.message)
            else:
                if step.room in self._pending:
                    yield from self._send({step.room: self._pending.pop(step.room)})
                step.function()
        if self._pending:
            yield from self._send(self._pending)
            self._pending.clear()

    def _enter(self, entry: Entry, outcome: Outcome | None) -> None:
        """Send the outcome of a draft to its author and to the room."""
        room, member, ref = entry.room, entry.member, entry.draft.ref
        if type(outcome) is Stored:
            if not room.is_behind:
                self._add(room, outcome.event)
            made: Event | Repeated = outcome.event
        elif member is None:
            return  # a notice that cannot be stored is dropped
        elif type(outcome) is Repeated:
            made = outcome
        else:
            error = store_unavailable()
            if isinstance(outcome, Refused):
                error = CommandError(outcome.code, _REFUSALS[outcome.code])
            error.ref, error.room = ref, room.name
            member.refuse(error)
            return
        if ref is not None and member is not None:
            ack = Ack(ref, room.name, made.id, made.seq, is_repeat=made is outcome)
            self._pending[room][1][member].append(text_frame(dumps(ack_fields(ack))))

    def _add(self, room: Room, event: Event) -> None:
        if event.seq <= room.head:
            return  # the room has moved to another history, which has this event
        room.head = event.seq
        self._recent.note(event)
        message: ServerMessage | PerVersion = event
        if event.target is not None:
            room.changes.note(event)
            message = PerVersion(None, event)  # plain connections know no changes of messages
        self._pending[room][0].append(message)

    def _send(self, pending: Pending) -> Iterator[None]:
        """Send each encoding of each room the same frames; yield between two slices of members."""
        offered = 0  # since the last checkpoint
        for room, (messages, acks) in pending.items():
            head = room.head
            outgoing = Outgoing(messages)
            audience = room.audience
            if audience is None:
                audience = room.address(outgoing)
            for member, own in acks.items():
                if member in room.members[member.encoding]:
                    own.extend(outgoing.frames(member.encoding))
                member.offer(own, b"".join(own))
            for encoding, everybody in audience:
                frames = outgoing.frames(encoding)
                if not frames:
                    continue
                joined = b"".join(frames)
                self._deliveries.count += len(everybody) * len(frames)
                self._sent_bytes.count += len(everybody) * len(joined)
                members = [one for one in everybody if one not in acks] if acks else everybody
                for begin in range(0, len(members), MEMBERS_BETWEEN_CHECKPOINTS):
                    some = members[begin : begin + MEMBERS_BETWEEN_CHECKPOINTS]
                    if offered + len(some) > MEMBERS_BETWEEN_CHECKPOINTS:
                        yield
                        offered = 0
                    # The hot loop: about a microsecond for each member.
                    for member in some:
                        member.offer(frames, joined)
                    offered += len(some)
            room.sent = head
