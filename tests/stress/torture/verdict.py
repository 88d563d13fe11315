"""What is held against what: sent, acknowledged, seen by each, and what the database has."""

from collections import Counter
from collections.abc import Mapping, Sequence

from attrs import define, field

from tests.stress.torture.client import Client
from tests.stress.torture.record import Seen

Rooms = Mapping[str, Sequence[Seen]]
"""By room, its events in the order of their ``seq``."""

MOST_TOLD = 10

OLDER_COPY = "older copy"
"""The fault that puts a copy in the place of the database, and so gives it a new epoch."""


@define
class Verdict:
    """The figures of a run, and what was wrong in it.

    Attributes:
        sent: Messages that clients have sent, each counted once.
        acknowledged: Those of them that were acknowledged.
        delivered: Events that clients have got, all together.
        lost: Acknowledged messages that are not in the database, or not in the record of
            somebody who was in the room.
        repeated: Messages that are in the database more than once, and events that a client got
            more than once.
        reordered: Events that a client got out of order, or with others missing before them.
        unlogged: Events that a client got and that are not in the database as it got them.
        taken_back: Acknowledged messages that are lost as the database was replaced by an older
            copy, of which their client was told by another epoch.
        cuts: How often a connection was cut.
        dups: Acknowledgements with ``dup``: messages that had to be sent again.
        unavailable: How often a client was told that the store is unreachable.
        faults: What else was done to them: by its name, how often.
        wrong: All of it in words, and whatever else was.
    """

    sent: int = 0
    acknowledged: int = 0
    delivered: int = 0
    lost: int = 0
    repeated: int = 0
    reordered: int = 0
    unlogged: int = 0
    taken_back: int = 0
    cuts: int = 0
    dups: int = 0
    unavailable: int = 0
    faults: Mapping[str, int] = field(factory=dict)
    wrong: list[str] = field(factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.repeated or self.reordered or self.unlogged or self.wrong)

    def __str__(self) -> str:
        """The figures in a line, the faults in another, and the first of what was wrong below."""
        names = (
            "sent", "acknowledged", "delivered", "lost", "repeated", "reordered", "unlogged",
            "taken_back", "cuts", "dups", "unavailable",
        )  # fmt: skip
        figures = ", ".join(f"{name} {getattr(self, name)}" for name in names)
        faults = ", ".join(f"{name} {count}" for name, count in sorted(self.faults.items()))
        return "\n  ".join((figures, faults or "no faults", *self.wrong[:MOST_TOLD]))


def judge(
    clients: Sequence[Client], database: Rooms, faults: Mapping[str, int] | None = None
) -> Verdict:
    """Compare what clients have seen and were told with what is in the database.

    Args:
        clients: After they have caught up.
        database: As it was when they had.
        faults: As of `Verdict`.
    """
    verdict = Verdict(faults=faults or {})
    for room, events in database.items():
        _judge_room(room, events, verdict)
    for client in clients:
        _judge_client(client, database, verdict)
    return verdict


def _judge_room(room: str, events: Sequence[Seen], verdict: Verdict) -> None:
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
        logged = Seen(ack.seq, ack.id, "message", client.name, sent.text)
        if ack.room != sent.room or logged not in database.get(ack.room, ())[ack.seq - 1 : ack.seq]:
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


def _compare(who: str, got: Sequence[Seen], kept: Sequence[Seen], verdict: Verdict) -> None:
    there = set(kept)
    unlogged = [event for event in got if event not in there and event.seq <= len(kept)]
    verdict.unlogged += len(unlogged)
    verdict.wrong += [f"{who}: got {event}, which is not in the database" for event in unlogged]
    missing = there.difference(got)
    verdict.lost += sum(event.type == "message" for event in missing)
    if missing:
        first = min(missing, key=lambda event: event.seq)
        verdict.wrong.append(f"{who}: never got {len(missing)} events, the first {first}")
