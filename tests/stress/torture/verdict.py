"""Compares the messages sent, acknowledged and received with the events in the database."""

from collections import Counter
from collections.abc import Mapping, Sequence

from attrs import define, field

from tests.stress.torture.client import Client
from tests.stress.torture.record import ChatEvent

Rooms = Mapping[str, Sequence[ChatEvent]]
"""The events of each room, in the order of their ``seq``."""

MAX_FAULTS_PRINTED = 10

OLDER_COPY = "older copy"
"""The fault that replaces the database with a copy, and so gives it a new epoch."""


@define
class Verdict:
    """The figures of a trial, and all broken promises.

    Attributes:
        sent: Messages sent, without repeats.
        acknowledged: Messages acknowledged.
        delivered: Events received, by all clients together.
        lost: Acknowledged messages missing in the database or at a member of the room.
        repeated: Messages stored twice, and events that a client received twice.
        reordered: Events that a client received before their predecessor.
        unstored: Events that a client received and that the database holds otherwise or not.
        taken_back: Acknowledged messages that an older copy of the database lacks, if their client
            received the new epoch.
        cuts: Connections cut.
        dups: Acknowledgements with ``dup``, of messages sent again.
        unavailable: Errors with code ``unavailable``.
        faults: How often the trial did what else, by name.
        wrong: All broken promises, in words.
    """

    sent: int = 0
    acknowledged: int = 0
    delivered: int = 0
    lost: int = 0
    repeated: int = 0
    reordered: int = 0
    unstored: int = 0
    taken_back: int = 0
    cuts: int = 0
    dups: int = 0
    unavailable: int = 0
    faults: Mapping[str, int] = field(factory=dict)
    wrong: list[str] = field(factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.repeated or self.reordered or self.unstored or self.wrong)

    def __str__(self) -> str:
        """Return a line of figures, a line of faults, and the first broken promises."""
        names = (
            "sent", "acknowledged", "delivered", "lost", "repeated", "reordered", "unstored",
            "taken_back", "cuts", "dups", "unavailable",
        )  # fmt: skip
        figures = ", ".join(f"{name} {getattr(self, name)}" for name in names)
        faults = ", ".join(f"{name} {count}" for name, count in sorted(self.faults.items()))
        return "\n  ".join((figures, faults or "no faults", *self.wrong[:MAX_FAULTS_PRINTED]))


def judge(
    clients: Sequence[Client], database: Rooms, faults: Mapping[str, int] | None = None
) -> Verdict:
    """Compare the records of the clients with the database.

    Args:
        clients: The clients, after they have caught up.
        database: Its events at that time.
        faults: As in `Verdict`.
    """
    verdict = Verdict(faults=faults or {})
    for room, events in database.items():
        _judge_room(room, events, verdict)
    for client in clients:
        _judge_client(client, database, verdict)
    return verdict


def _judge_room(room: str, events: Sequence[ChatEvent], verdict: Verdict) -> None:
    if [event.seq for event in events] != list(range(1, len(events) + 1)):
        verdict.wrong.append(f"{room}: the numbers in the database are not 1, 2, 3, …")
    texts = Counter(event.message for event in events if event.type == "message")
    for text, count in texts.items():
        if count > 1:
            verdict.repeated += count - 1
            verdict.wrong.append(f"{room}: {text!r} is {count} times in the database")


def _judge_client(client: Client, database: Rooms, verdict: Verdict) -> None:
    verdict.sent += len(client.sent)
    verdict.acknowledged += len(client.acked)
    verdict.cuts += client.cuts
    verdict.dups += client.dups
    verdict.unavailable += client.unavailable
    verdict.wrong += [f"{client.name}: {what}" for what in client.wrong]
    if client.waiting:
        verdict.wrong.append(f"{client.name}: never acknowledged: {sorted(client.waiting)}")
    for ref, ack in client.acked.items():
        sent = client.sent[ref]
        stored = ChatEvent(ack.seq, ack.id, "message", client.name, sent.text)
        if ack.room != sent.room or stored not in database.get(ack.room, ())[ack.seq - 1 : ack.seq]:
            record = client.records[sent.room]
            if record.replaced and ack.epoch != record.epoch:
                verdict.taken_back += 1
                continue
            verdict.lost += 1
            verdict.wrong.append(f"{client.name}: {sent.text!r}, acknowledged as {ack}, is lost")
    for room, record in client.records.items():
        verdict.delivered += len(record.events)
        verdict.repeated += record.repeated
        verdict.reordered += record.reordered
        verdict.wrong += [f"{client.name}: {what}" for what in record.all_wrong()]
        if record.replaced > verdict.faults.get(OLDER_COPY, 0):
            verdict.wrong.append(f"{client.name}: {room} had {record.replaced} other epochs")
        _compare(f"{client.name} in {room}", record.events, database.get(room, ()), verdict)


def _compare(
    client: str, received: Sequence[ChatEvent], kept: Sequence[ChatEvent], verdict: Verdict
) -> None:
    stored = set(kept)
    unstored = [event for event in received if event not in stored and event.seq <= len(kept)]
    verdict.unstored += len(unstored)
    verdict.wrong += [
        f"{client}: received {event}, which is not in the database" for event in unstored
    ]
    missing = stored.difference(received)
    verdict.lost += sum(event.type == "message" for event in missing)
    if missing:
        first = min(missing, key=lambda event: event.seq)
        verdict.wrong.append(f"{client}: never received {len(missing)} events, the first {first}")
