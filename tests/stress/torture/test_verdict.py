"""The judge of the torture test detects each kind of broken promise, and no other."""

import random
from collections.abc import Callable

import pytest
from attrs import asdict, evolve

from tests.stress.torture.client import Acked, Client, Message, Pace
from tests.stress.torture.record import ChatEvent, Record
from tests.stress.torture.verdict import OLDER_COPY, Verdict, judge

EVENTS = [
    ChatEvent(1, "i1", "system", None, "ann has joined the chat"),
    ChatEvent(2, "i2", "message", "ann", "ann says 0"),
    ChatEvent(3, "i3", "message", "bob", "bob says 0"),
]
PAGE = [asdict(event) for event in EVENTS]
OTHER = {"epoch": "other"}


def joined(*events: ChatEvent, head: int, recovered: bool = True) -> dict[str, object]:
    history = [asdict(event) for event in events]
    return {"epoch": "k", "head": head, "recovered": recovered, "history": history}


@pytest.fixture
def record() -> Record:
    """The record of a client that has received all `EVENTS`."""
    made = Record("dev")
    made.join(joined(*EVENTS, head=3))
    return made


@pytest.fixture
def client(record: Record) -> Client:
    """The client of the record, whose only message is the second event."""
    made = Client("ann", 0, random.Random(0), Pace(), {"dev": record})
    made.sent["r"] = Message("r", "dev", "ann says 0")
    made.acked["r"] = Acked("dev", "i2", 2, "k")
    return made


def test_a_faultless_trial_is_clean(client: Client) -> None:
    verdict = judge([client], {"dev": EVENTS}, {"killed": 3})
    assert verdict.is_clean
    assert verdict == Verdict(sent=1, acknowledged=1, delivered=3, faults={"killed": 3})


def lose_in_database(client: Client) -> list[ChatEvent]:
    del client
    return EVENTS[:1]


def lose_in_transit(client: Client) -> list[ChatEvent]:
    del client.records["dev"].events[-1]
    return EVENTS


def acknowledge_another_id(client: Client) -> list[ChatEvent]:
    client.acked["r"] = Acked("dev", "i9", 2)
    return EVENTS


def repeat_in_database(client: Client) -> list[ChatEvent]:
    again = [*EVENTS, evolve(EVENTS[1], seq=4, id="i4")]
    client.records["dev"].live(again[-1])
    return again


def repeat_in_transit(client: Client) -> list[ChatEvent]:
    client.records["dev"].live(EVENTS[2])
    return EVENTS


def skip_in_transit(client: Client) -> list[ChatEvent]:
    later = [evolve(EVENTS[2], seq=seq, id=f"i{seq}", message=f"bob says {seq}") for seq in (4, 5)]
    client.records["dev"].live(later[1])
    return [*EVENTS, *later]


def deliver_an_unstored_event(client: Client) -> list[ChatEvent]:
    client.records["dev"].events[2] = evolve(EVENTS[2], message="never sent")
    return EVENTS


@pytest.mark.parametrize(
    ("break_promise", "counter"),
    [
        (lose_in_database, "lost"),
        (lose_in_transit, "lost"),
        (acknowledge_another_id, "lost"),
        (repeat_in_database, "repeated"),
        (repeat_in_transit, "repeated"),
        (skip_in_transit, "reordered"),
        (deliver_an_unstored_event, "unstored"),
    ],
)
def test_each_broken_promise_is_counted(
    client: Client, break_promise: Callable[[Client], list[ChatEvent]], counter: str
) -> None:
    verdict = judge([client], {"dev": break_promise(client)})
    assert not verdict.is_clean
    assert getattr(verdict, counter) == 1
    assert verdict.wrong


def test_a_gap_in_the_database_is_wrong() -> None:
    assert not judge([], {"dev": [EVENTS[0], EVENTS[2]]}).is_clean


def test_an_unacknowledged_message_is_wrong(client: Client) -> None:
    client.waiting["r"] = client.sent["r"]
    assert not judge([client], {"dev": EVENTS}).is_clean


def test_two_different_acknowledgements_are_wrong(client: Client) -> None:
    client._acknowledge({"ref": "r", "room": "dev", "id": "i2", "seq": 2, "dup": True})
    assert not client.wrong
    client._acknowledge({"ref": "r", "room": "dev", "id": "i3", "seq": 3})
    assert client.records["dev"].all_wrong()


def test_recovery_that_ends_before_the_head_is_wrong() -> None:
    record = Record("dev")
    record.join(joined(*EVENTS, head=4))
    assert record.wrong


@pytest.mark.parametrize(("head", "wrong"), [(2, 1), (503, 1), (504, 0)])
def test_a_resume_within_500_events_must_recover(record: Record, head: int, wrong: int) -> None:
    record.connect()
    record.join(joined(head=head, recovered=False))
    assert len(record.wrong) == wrong


def test_a_new_epoch_of_a_lasting_store_is_wrong(record: Record) -> None:
    record.join(joined(head=3) | OTHER)
    assert record.wrong


def test_a_heartbeat_ahead_of_the_events_is_wrong(record: Record) -> None:
    record.check_head(3)
    assert not record.wrong
    record.check_head(4)
    assert record.wrong


def test_live_events_wait_for_the_pages_of_history() -> None:
    record = Record("dev")
    record.join(joined(EVENTS[1], head=2, recovered=False))
    assert record.goal == 2
    record.live(EVENTS[2])
    assert not record.events
    record.page(PAGE)
    assert record.events == EVENTS
    assert not record.wrong


# --- an older copy replaces the database ----------------------------------------------------------


def replace(record: Record, events: list[ChatEvent] = EVENTS, epoch: str = "other") -> None:
    """Deliver these events in another epoch."""
    record.may_be_replaced = True
    record.join(joined(head=len(events), recovered=False) | {"epoch": epoch})
    record.asked += 1
    assert record.page([asdict(event) for event in events])


def test_messages_that_an_older_copy_lacks_are_taken_back(client: Client, record: Record) -> None:
    replace(record, EVENTS[:1])
    verdict = judge([client], {"dev": EVENTS[:1]}, {OLDER_COPY: 1})
    assert verdict.is_clean, str(verdict)
    assert (verdict.taken_back, verdict.lost, verdict.delivered) == (1, 0, 1)


def test_without_the_new_epoch_they_are_lost(client: Client) -> None:
    assert judge([client], {"dev": EVENTS[:1]}, {OLDER_COPY: 1}).lost == 1


def test_more_epochs_than_older_copies_are_wrong(client: Client, record: Record) -> None:
    replace(record)
    assert not judge([client], {"dev": EVENTS}).is_clean


def test_another_node_may_still_show_the_former_epoch(client: Client, record: Record) -> None:
    replace(record)
    record.connect()
    replace(record, epoch="k")
    replace(record)
    verdict = judge([client], {"dev": EVENTS}, {OLDER_COPY: 1})
    assert verdict.is_clean, str(verdict)


def test_a_node_that_returns_to_a_former_epoch_is_wrong(client: Client, record: Record) -> None:
    replace(record)
    replace(record, epoch="k")
    assert not judge([client], {"dev": EVENTS}, {OLDER_COPY: 1}).is_clean


@pytest.mark.parametrize(("left_before", "wrong"), [({"k"}, 1), (set(), 0)])
def test_a_new_connection_must_not_show_an_epoch_that_all_nodes_have_left(
    record: Record, left_before: set[str], wrong: int
) -> None:
    replace(record)
    record.over |= left_before
    record.connect()
    record.over.add("k")
    replace(record, epoch="k")
    replace(record)
    assert len(record.wrong) == wrong


def test_a_seq_with_two_ids_in_one_epoch_is_wrong(client: Client, record: Record) -> None:
    replace(record)
    record.connect()
    replace(record, [*EVENTS[:2], evolve(EVENTS[2], id="i9")], epoch="k")
    replace(record)
    (wrong,) = judge([client], {"dev": EVENTS}, {OLDER_COPY: 1}).wrong
    assert wrong.endswith("3 of k is i3 and i9")


def test_a_second_joined_of_one_epoch_is_wrong_but_its_second_page_is_not(record: Record) -> None:
    record.may_be_replaced = True
    for _ in range(2):
        record.join(joined(head=3, recovered=False) | OTHER)
        record.asked += 1
    assert not record.page(PAGE)
    assert record.page(PAGE)
    assert record.events == EVENTS
    assert record.repeated == 0
    assert record.wrong == ["dev: one connection has shown the epoch other twice"]


def test_a_page_that_comes_twice_is_a_repeat(record: Record) -> None:
    record.may_be_replaced = True
    record.join(joined(head=4, recovered=False) | OTHER)
    record.asked += 1
    for _ in range(2):
        record.page(PAGE)
    assert record.repeated == len(EVENTS)


def test_a_page_requested_in_the_former_epoch_is_ignored(record: Record) -> None:
    record.may_be_replaced = True
    record.asked = 1
    record.join(joined(head=3, recovered=False) | OTHER)
    assert not record.page([])
    record.asked += 1
    assert record.page(PAGE)
    assert record.events == EVENTS
    record.connect()
    assert record.wrong == []
