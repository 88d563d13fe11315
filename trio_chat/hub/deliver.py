"""The third step of a turn, *tell*: what was decided, in order, to whom it concerns.

Each event is encoded once, and framed once for each encoding among the members; the frames of a
room are joined into one write. Acknowledgements go out before their events, in the same write
where the author gets both.
"""

from collections.abc import Iterator
from itertools import repeat
from typing import TYPE_CHECKING, Final

from orjson import dumps

from trio_chat.errors import CommandError, ErrorCode, store_unavailable
from trio_chat.hub.plan import (
    Admitted,
    Answered,
    CaughtUp,
    ComingOrGoing,
    Dismissed,
    Entry,
    Gone,
    Plan,
    Step,
    Told,
    ToldTo,
    TurnedAway,
)
from trio_chat.hub.room import Room
from trio_chat.metrics import Metrics
from trio_chat.protocol.encode import ack_fields, encode
from trio_chat.protocol.encodings import Outgoing, PerVersion, text_frame
from trio_chat.protocol.events import Event
from trio_chat.protocol.messages import Ack, ServerMessage
from trio_chat.store.base import Commit, Outcome, Refused, Repeated, Stored
from trio_chat.store.recent import RecentPages

if TYPE_CHECKING:
    from trio_chat.hub.requests import Member

# At about a microsecond a member this is a quarter of a millisecond, against a few microseconds for
# a checkpoint: nobody else waits long, and the checkpoints cost little.
MEMBERS_BETWEEN_CHECKPOINTS: Final = 256

_REFUSALS: Final = {
    ErrorCode.CONFLICT: "This ref was used for something else",
    ErrorCode.NOT_FOUND: "Message not found",
    ErrorCode.FORBIDDEN: "The message is not yours",
    ErrorCode.INTERNAL: "The message cannot be stored",
}
"""What a client is told about each refusal of a store."""


Pending = dict[Room, tuple[list[ServerMessage | PerVersion], "dict[Member, list[bytes]]"]]
"""What rooms have not been sent yet, and acknowledgements of their events, as frames."""


class Dispatcher:
    """Carries plans out, towards the members.

    Args:
        metrics: Deliveries are counted here.
        recent: Gets each event before the members do.
    """

    def __init__(self, metrics: Metrics, recent: RecentPages) -> None:
        self._deliveries = metrics.deliveries
        self._sent_bytes = metrics.sent_bytes
        self._recent = recent
        self._pending: Pending = {}
        """What of the current turn has not been sent yet."""

    def tell(self, plan: Plan, commit: Commit | None) -> Iterator[None]:
        """Carry out the steps; yields where everybody else is to get a turn.

        Args:
            plan: What was decided.
            commit: What came of its drafts; None if that is unknown, as the store is out of reach.
        """
        outcomes = iter(commit.outcomes) if commit is not None else repeat(None)
        for step in plan.steps:
            if type(step) is Entry:  # as nearly all are
                self._enter(step, next(outcomes))
                continue
            if isinstance(step, ComingOrGoing) and step.room in self._pending:
                yield from self._send({step.room: self._pending.pop(step.room)})
            self._carry_out(step)
        if self._pending:
            pending, self._pending = self._pending, {}
            yield from self._send(pending)

    def _carry_out(self, step: Step) -> None:
        match step:
            case Told(room, said):
                self._pending.setdefault(room, ([], {}))[0].append(said)
            case ToldTo(room, member, outgoing):
                room.send_to(member, outgoing)
            case Admitted(room, join, members, count):
                join.member.admit(room.hold(join, members, count))
            case Gone(room, member):
                room.drop(member)
            case Dismissed(room, member, ref):
                room.remove(member, [text_frame(encode(Ack(ref)))] if ref is not None else ())
            case CaughtUp(room, events):
                for event in events:
                    self._add(room, event)
            case TurnedAway(join, error):
                join.member.turn_away(join, error)
            case Answered(member, error):  # pragma: no branch - there is no other step
                member.refuse(error)

    def _enter(self, entry: Entry, outcome: Outcome | None) -> None:
        """What came of a draft: to who asked, and to the room."""
        room, member, ref = entry.room, entry.member, entry.draft.ref
        if type(outcome) is Stored:
            event = outcome.event
            if not room.is_behind:
                self._add(room, event)
            if ref is not None and member is not None:
                self._acknowledge(room, member, Ack(ref, room.name, event.id, event.seq))
        elif member is None:
            pass  # a notice is dropped if it cannot be stored
        elif type(outcome) is Repeated:
            assert ref is not None  # noqa: S101 - a repeat is one of a ref
            ack = Ack(ref, room.name, outcome.id, outcome.seq, is_repeat=True)
            self._acknowledge(room, member, ack)
        else:
            error = _refusal(outcome) if isinstance(outcome, Refused) else store_unavailable()
            error.ref, error.room = ref, entry.draft.room
            member.refuse(error)

    def _acknowledge(self, room: Room, member: "Member", ack: Ack) -> None:
        pending = self._pending.get(room)
        if pending is None:
            pending = self._pending[room] = [], {}
        acks = pending[1]
        frame = text_frame(dumps(ack_fields(ack)))
        own = acks.get(member)
        if own is None:
            acks[member] = [frame]
        else:
            own.append(frame)

    def _add(self, room: Room, event: Event) -> None:
        if event.seq <= room.head:
            return  # the room has come to another history, of which members are shown this event
        room.head = event.seq
        self._recent.note(event)
        said: ServerMessage | PerVersion = event
        if event.target is not None:
            room.changes.note(event)
            # What changes a message means nothing to a plain connection.
            said = PerVersion(None, event)
        pending = self._pending.get(room)
        if pending is None:
            self._pending[room] = [said], {}
        else:
            pending[0].append(said)

    def _send(self, pending: Pending) -> Iterator[None]:
        """Send rooms what is pending, to all of an encoding the same frames.

        An author gets the acknowledgement before that, in the same write. Between two slices of
        members everybody else gets a turn.
        """
        offered = 0  # since the last checkpoint
        for room, (said, acks) in pending.items():
            head = room.head
            outgoing = Outgoing(said)
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
                    # The hot loop: about a microsecond a member.
                    for member in some:
                        member.offer(frames, joined)
                    offered += len(some)
            room.told = head


def _refusal(refused: Refused) -> CommandError:
    return CommandError(refused.code, _REFUSALS[refused.code])
