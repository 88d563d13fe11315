"""The judge of the torture: it sees each kind of broken promise, and none where there is none."""

import random
from collections.abc import Callable

import pytest
from attrs import evolve

from tests.stress.torture.client import Acked, Client, Message, Pace
from tests.stress.torture.record import Record, Seen
from tests.stress.torture.verdict import OLDER_COPY, Verdict, judge

EVENTS = [
    Seen(1, "i1", "system", None, "ann has joined the chat"),
    Seen(2, "i2", "message", "ann", "ann says 0"),
    Seen(3, "i3", "message", "bob", "bob says 0"),
]


def frame(event: Seen) -> dict[str, object]:
    return {
        "seq": event.seq,
        "id": event.id,
        "type": event.type,
        "username": event.username,
        "message": event.message,
    }


def joined(*events: Seen, head: int, recovered: bool = True) -> dict[str, object]:
    history = [frame(event) for event in events]
    return {"epoch": "k", "head": head, "recovered": recovered, "history": history}


def somebody(name: str = "ann", events: list[Seen] = EVENTS) -> Client:
    """A client that has seen this, and whose one message was acknowledged as the second event."""
    record = Record("dev")
    record.join(joined(*events, head=events[-1].seq))
    client = Client(name, 0, random.Random(0), Pace(), {"dev": record})
    client.sent["r"] = Message("r", "dev", "ann says 0")
    client.acked["r"] = Acked("dev", "i2", 2)
    return client


def test_where_every_promise_was_kept_it_says_so_and_counts() -> None:
    verdict = judge([somebody()], {"dev": EVENTS}, {"killed": 3})
    assert verdict.is_clean
    assert verdict == Verdict(sent=1, acknowledged=1, delivered=3, faults={"killed": 3})


def lose_in_database(client: Client) -> list[Seen]:
    del client
    return EVENTS[:1]


def lose_on_the_way(client: Client) -> list[Seen]:
    del client.records["dev"].events[-1]
    return EVENTS


def acknowledge_as_another(client: Client) -> list[Seen]:
    client.acked["r"] = Acked("dev", "i9", 2)
    return EVENTS


def repeat_in_database(client: Client) -> list[Seen]:
    again = [*EVENTS, evolve(EVENTS[1], seq=4, id="i4")]
    client.records["dev"].live(again[-1])
    return again


def repeat_on_the_way(client: Client) -> list[Seen]:
    client.records["dev"].live(EVENTS[2])
    return EVENTS


def skip_on_the_way(client: Client) -> list[Seen]:
    later = [evolve(EVENTS[2], seq=seq, id=f"i{seq}", message=f"bob says {seq}") for seq in (4, 5)]
    client.records["dev"].live(later[1])
    return [*EVENTS, *later]


def show_what_is_not_logged(client: Client) -> list[Seen]:
    client.records["dev"].events[2] = evolve(EVENTS[2], message="never said")
    return EVENTS


@pytest.mark.parametrize(
    ("break_it", "counted"),
    [
        (lose_in_database, "lost"),
        (lose_on_the_way, "lost"),
        (acknowledge_as_another, "lost"),
        (repeat_in_database, "repeated"),
        (repeat_on_the_way, "repeated"),
        (skip_on_the_way, "reordered"),
        (show_what_is_not_logged, "unlogged"),
    ],
)
def test_a_broken_promise_is_counted(
    break_it: Callable[[Client], list[Seen]], counted: str
) -> None:
    client = somebody()
    verdict = judge([client], {"dev": break_it(client)})
    assert not verdict.is_clean
    assert getattr(verdict, counted) == 1
    assert verdict.wrong


def test_numbers_with_a_gap_in_the_database_are_wrong() -> None:
    assert not judge([], {"dev": [EVENTS[0], EVENTS[2]]}).is_clean


def test_what_was_never_acknowledged_is_wrong() -> None:
    client = somebody()
    client.waiting["r"] = client.sent["r"]
    assert not judge([client], {"dev": EVENTS}).is_clean


def test_two_acknowledgements_that_differ_are_wrong() -> None:
    client = somebody()
    client._acknowledge({"ref": "r", "room": "dev", "id": "i2", "seq": 2, "dup": True})
    assert not client.wrong
    client._acknowledge({"ref": "r", "room": "dev", "id": "i3", "seq": 3})
    assert client.records["dev"].all_wrong()


def test_recovering_less_than_up_to_the_head_is_wrong() -> None:
    record = Record("dev")
    record.join(joined(*EVENTS, head=4))
    assert record.wrong


@pytest.mark.parametrize(("head", "is_wrong"), [(2, True), (503, True), (504, False)])
def test_who_has_missed_little_and_does_not_get_just_that_is_wronged(
    head: int,
    is_wrong: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    record = Record("dev")
    record.join(joined(*EVENTS, head=3))
    record.connect()
    record.join(joined(head=head, recovered=False))
    assert bool(record.wrong) is is_wrong


def test_another_epoch_of_a_log_that_lasts_is_wrong() -> None:
    record = Record("dev")
    record.join(joined(*EVENTS, head=3))
    record.join(joined(head=3) | {"epoch": "other"})
    assert record.wrong


def test_a_head_that_was_sent_and_did_not_come_is_wrong() -> None:
    record = Record("dev")
    record.join(joined(*EVENTS, head=3))
    record.hear_head(3)
    assert not record.wrong
    record.hear_head(4)
    assert record.wrong


def test_who_missed_too_much_gets_the_pages_first_and_what_has_happened_meanwhile_after_them() -> (
    None
):
    record = Record("dev")
    record.join(joined(EVENTS[1], head=2, recovered=False))
    assert record.goal == 2
    record.live(EVENTS[2])
    assert not record.events
    record.page([frame(event) for event in EVENTS])
    assert record.events == EVENTS
    assert not record.wrong


def replaced(client: Client, events: list[Seen], epoch: str = "other") -> None:
    """The client is shown these events, as those of another epoch."""
    record = client.records["dev"]
    record.may_be_replaced = True
    record.join(joined(head=len(events), recovered=False) | {"epoch": epoch})
    record.asked += 1
    assert record.page([frame(event) for event in events])


def test_what_an_older_copy_lacks_is_taken_back_if_the_client_was_told() -> None:
    client = somebody()
    client.acked["r"] = Acked("dev", "i2", 2, "k")
    replaced(client, EVENTS[:1])
    verdict = judge([client], {"dev": EVENTS[:1]}, {OLDER_COPY: 1})
    assert verdict.is_clean, str(verdict)
    assert (verdict.taken_back, verdict.lost, verdict.delivered) == (1, 0, 1)


def test_more_epochs_than_older_copies_are_wrong() -> None:
    client = somebody()
    replaced(client, EVENTS)
    assert not judge([client], {"dev": EVENTS}).is_clean


def test_a_node_that_has_not_noticed_yet_may_show_the_former_epoch_once_more() -> None:
    client = somebody()
    replaced(client, EVENTS)
    client.records["dev"].connect()
    replaced(client, EVENTS, epoch="k")
    replaced(client, EVENTS)
    verdict = judge([client], {"dev": EVENTS}, {OLDER_COPY: 1})
    assert verdict.is_clean, str(verdict)


def test_a_node_that_returns_to_a_former_epoch_is_wrong() -> None:
    client = somebody()
    replaced(client, EVENTS)
    replaced(client, EVENTS, epoch="k")
    assert not judge([client], {"dev": EVENTS}, {OLDER_COPY: 1}).is_clean


@pytest.mark.parametrize(("is_before", "is_wrong"), [(True, True), (False, False)])
def test_a_connection_that_begins_when_every_node_has_left_an_epoch_must_not_show_it(
    is_before: bool,  # noqa: FBT001 - a parameter of the test
    is_wrong: bool,  # noqa: FBT001 - the same
) -> None:
    client = somebody()
    record = client.records["dev"]
    replaced(client, EVENTS)
    if is_before:
        record.over.add("k")
    record.connect()
    record.over.add("k")
    replaced(client, EVENTS, epoch="k")
    replaced(client, EVENTS)
    assert bool(record.wrong) is is_wrong


def test_a_seq_that_stands_for_another_event_in_a_former_epoch_is_wrong() -> None:
    client = somebody()
    replaced(client, EVENTS)
    client.records["dev"].connect()
    replaced(client, [*EVENTS[:2], evolve(EVENTS[2], id="i9")], epoch="k")
    replaced(client, EVENTS)
    (wrong,) = judge([client], {"dev": EVENTS}, {OLDER_COPY: 1}).wrong
    assert wrong.endswith("3 of k is i3 and i9")


def test_a_second_joined_of_one_epoch_is_wrong_and_what_it_lets_a_client_ask_for_twice_is_not() -> (
    None
):
    client = somebody()
    record = client.records["dev"]
    record.may_be_replaced = True
    record.join(joined(head=3, recovered=False) | {"epoch": "other"})
    record.asked += 1
    record.join(joined(head=3, recovered=False) | {"epoch": "other"})
    record.asked += 1
    assert not record.page([frame(event) for event in EVENTS])
    assert record.page([frame(event) for event in EVENTS])
    assert record.events == EVENTS
    assert record.repeated == 0
    assert record.wrong == ["dev: one connection has shown the epoch other twice"]


def test_a_page_that_comes_twice_is_a_repeat() -> None:
    client = somebody()
    record = client.records["dev"]
    record.may_be_replaced = True
    record.join(joined(head=4, recovered=False) | {"epoch": "other"})
    record.asked += 1
    for _ in range(2):
        record.page([frame(event) for event in EVENTS])
    assert record.repeated == len(EVENTS)


def test_what_is_lost_without_another_epoch_is_lost() -> None:
    client = somebody()
    client.acked["r"] = Acked("dev", "i2", 2, "k")
    assert judge([client], {"dev": EVENTS[:1]}, {OLDER_COPY: 1}).lost == 1


def test_a_page_that_was_asked_for_in_the_history_before_is_passed_over() -> None:
    client = somebody()
    record = client.records["dev"]
    record.may_be_replaced = True
    record.asked = 1
    record.join(joined(head=3, recovered=False) | {"epoch": "other"})
    assert not record.page([])
    record.asked += 1
    assert record.page([frame(event) for event in EVENTS])
    assert record.events == EVENTS
    record.connect()
    assert record.wrong == []
