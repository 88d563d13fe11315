"""Other nodes append to the same store: received, missing and published events."""

import attrs
import pytest
import trio.testing

from tests.cluster.nodes import Pair, cut
from tests.hub.scene import ROOM, WALL_MS, Recorder, delete, edit, forget, join, leave, say
from tests.support.clocks import jump
from trio_chat.cluster import heads as cluster_heads
from trio_chat.cluster.envelope import unpack
from trio_chat.cluster.heads import COMPARE_SECONDS, GAP_SECONDS, UNCONNECTED_SECONDS
from trio_chat.hub import heads
from trio_chat.hub.requests import InTurn, Tick
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import Author, Event, Kind
from trio_chat.store.base import Page

V2 = Encoding.VERSION_2


async def test_a_node_publishes_committed_events_only(pair: Pair) -> None:
    await pair.ask(say(pair.ann, "hi"), edit(pair.ann, "id-2", "ho"), delete(pair.ann, "id-2"))
    pair.store.fails = True
    await pair.ask(say(pair.ann, "lost"))
    events = pair.published.events()
    assert [(event.seq, event.kind, event.username, event.message) for event in events] == [
        (1, Kind.JOINED, "ann", "ann has joined the chat"),
        (2, Kind.MESSAGE, "ann", "hi"),
        (3, Kind.EDITED, "ann", "ho"),
        (4, Kind.DELETED, "ann", ""),
    ]


async def test_a_turn_publishes_one_numbered_envelope(pair: Pair) -> None:
    pair.published.payloads.clear()
    await pair.ask(say(pair.ann, "one"), say(pair.ann, "two"))
    await pair.ask(say(pair.ann, "three"))
    first, second = map(unpack, pair.published.payloads)
    assert (first.node, second.number) == ("id", first.number + 1)


async def test_repeated_events_are_dropped(pair: Pair) -> None:
    events = pair.stores("one", "two")
    await pair.ask(pair.request(events), pair.request(events))
    await pair.receive(events[:1])
    assert pair.got == ["2 eve: one", "3 eve: two"]


async def test_events_of_a_turn_are_put_in_order(pair: Pair) -> None:
    one, two, three = pair.stores("one", "two", "three")
    await pair.ask(pair.request([three]), pair.request([one, two]))
    assert pair.got == ["2 eve: one", "3 eve: two", "4 eve: three"]
    assert pair.store.pages == []


async def test_nothing_is_sent_while_missing_events_cannot_be_read(pair: Pair) -> None:
    one, two, three = pair.stores("one", "two", "three")
    pair.store.reads_fail = True
    await pair.receive([two])
    await pair.receive([one, two, three])
    assert pair.got == []
    pair.store.reads_fail = False
    await pair.ask()
    assert pair.got == ["2 eve: one", "3 eve: two", "4 eve: three"]


async def test_a_doubtful_room_sends_no_commit_before_an_event_it_dropped(pair: Pair) -> None:
    pair.store.fails = True
    await pair.ask(say(pair.ann, "lost"))  # from now on, each turn reads the room
    pair.store.fails = False
    await pair.ask()
    pair.store.reads_fail = True
    await pair.ask(pair.request(pair.stores("one")), say(pair.ann, "two", ref="r1"))
    assert pair.got == ["ack r1 3"]
    pair.store.reads_fail = False
    await pair.ask()
    assert pair.got == ["ack r1 3", "2 eve: one", "3 ann: two"]


async def test_received_events_precede_the_commit_of_a_turn(pair: Pair) -> None:
    await pair.ask(pair.request(pair.stores("one")), say(pair.ann, "two", ref="r1"))
    assert pair.got == ["ack r1 3", "2 eve: one", "3 ann: two"]
    assert pair.store.pages == []


async def test_events_missing_before_a_commit_are_read(pair: Pair) -> None:
    one, _ = pair.stores("one", "two")
    await pair.ask(pair.request([one]), say(pair.ann, "three"))
    assert pair.got == ["2 eve: one", "3 eve: two", "4 ann: three"]
    assert pair.store.pages == [(1, 2)]


async def test_a_received_event_newer_than_the_commit_follows_it(pair: Pair) -> None:
    theirs = Event(3, "e-2", ROOM, Kind.MESSAGE, "eve", "two", 0)
    await pair.ask(pair.request([theirs]), say(pair.ann, "one"))
    assert pair.got == ["2 ann: one"]
    pair.stores("two")
    await pair.wait(1)
    assert pair.got == ["2 ann: one", "3 eve: two"]


async def test_events_of_rooms_without_members_are_skipped(pair: Pair) -> None:
    await pair.receive(pair.stores("one", room="dev"))
    bob = await pair.scene.join("bob", room="dev", encoding=V2)
    assert (pair.got, pair.store.pages, cut(bob)) == ([], [], 1)


async def test_a_member_that_joins_as_an_event_arrives_receives_it_once(pair: Pair) -> None:
    bob = Recorder(V2, Author("bob", "b"), waits=True)
    await pair.ask(join(bob, "bob"), pair.request(pair.stores("one")))
    assert cut(bob) == 2
    bob.activate()
    assert bob.got == ["3 * bob has joined the chat"]
    assert pair.got == ["2 eve: one", "+bob 2", "3 * bob has joined the chat"]


async def test_a_retry_on_another_node_is_a_repeat_and_brings_the_event(pair: Pair) -> None:
    eve = Recorder(V2, Author("eve", "e"))
    await pair.ask(join(eve, "eve"))
    eve.forget()
    pair.stores("one", ref="r1")
    await pair.ask(say(eve, "one", ref="r1"))
    assert eve.got == ["ack r1 3 again", "3 eve: one"]
    pair.store.pages.clear()
    await pair.ask(say(eve, "one", ref="r1"))
    assert (eve.got[2:], pair.store.pages) == (["ack r1 3 again"], [])


async def test_a_repeated_event_delays_no_other_room(pair: Pair) -> None:
    bob = await pair.scene.join("bob", room="dev", encoding=V2)
    old = pair.stores("one")
    await pair.receive(old)
    await pair.receive([*old, *pair.stores("two", room="dev")])
    assert (pair.got[-1], bob.got[-1]) == ("2 eve: one", "2 eve: two")


@pytest.mark.parametrize("seconds", [COMPARE_SECONDS, UNCONNECTED_SECONDS])
async def test_comparisons_find_lost_events_after_an_interval(pair: Pair, seconds: float) -> None:
    if seconds == UNCONNECTED_SECONDS:
        pair.scene.put(InTurn(pair.scene.cluster.disconnected))
    await pair.wait(0)
    pair.stores("one")
    await pair.wait(seconds / 2)
    assert pair.got == []
    await pair.wait(seconds / 2)
    assert pair.got == ["2 eve: one"]


async def test_a_reconnected_node_finds_lost_events_at_once(pair: Pair) -> None:
    await pair.wait(0)
    pair.stores("one")
    await pair.wait(0)
    assert pair.got == []
    await pair.ask(pair.connected, Tick())
    assert pair.got == ["2 eve: one"]


async def test_a_missing_envelope_starts_a_comparison_at_a_bounded_rate(pair: Pair) -> None:
    await pair.receive(())
    for _ in range(2):
        await pair.wait(GAP_SECONDS)
    pair.stores("one")
    pair.request(())  # is lost
    await pair.receive(())
    assert pair.got == ["2 eve: one"]
    pair.stores("two")
    pair.request(())
    await pair.receive(())
    assert pair.got == ["2 eve: one"]
    await pair.wait(GAP_SECONDS)
    assert pair.got == ["2 eve: one", "3 eve: two"]


async def test_a_new_node_starts_a_comparison(pair: Pair) -> None:
    await pair.wait(GAP_SECONDS)
    pair.stores("one")
    await pair.receive(())
    assert pair.got == ["2 eve: one"]


async def test_a_failed_comparison_is_repeated_after_the_outage(pair: Pair) -> None:
    pair.store.fails = True
    await pair.wait(COMPARE_SECONDS)
    pair.store.fails = False
    pair.stores("one")
    await pair.wait(0)
    assert pair.got == ["2 eve: one"]


async def behind(pair: Pair) -> dict[str, Recorder]:
    """Have a member in each of 20 rooms, of which another node stores one event each."""
    rooms = [f"room-{number}" for number in range(20)]
    members = {room: await pair.scene.join(room, room=room, encoding=V2) for room in rooms}
    await pair.wait(COMPARE_SECONDS)
    for _ in range(3):
        await pair.ask(Tick())
    for room in rooms:
        pair.stores(room, room=room)
    forget(*members.values())
    return members


async def test_many_rooms_are_read_in_parts(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_heads, "_COMPARED_AT_ONCE", 8)
    monkeypatch.setattr(heads, "_READ_AT_ONCE", 3)
    members = await behind(pair)
    await pair.wait(COMPARE_SECONDS)
    assert 0 < sum(bool(member.got) for member in members.values()) <= 2 * 3
    await pair.ask(say(members["room-0"], "hi", "room-0"))
    for _ in range(9):
        await pair.ask(Tick())
    assert all(member.got[0] == f"2 eve: {room}" for room, member in members.items())
    assert members["room-0"].got == ["2 eve: room-0", "3 room-0: hi"]


async def test_rooms_beyond_one_batch_are_read_before_the_next_tick(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "_READ_AT_ONCE", 3)
    members = await behind(pair)
    await pair.wait(COMPARE_SECONDS)
    await trio.testing.wait_all_tasks_blocked()
    assert all(member.got == [f"2 eve: {room}"] for room, member in members.items())


async def test_a_head_received_in_the_same_turn_replaces_no_history(pair: Pair) -> None:
    epoch, events = pair.store.epoch, pair.stores("one")
    jump(COMPARE_SECONDS)
    await pair.ask(pair.request(events), Tick())
    assert pair.got == ["2 eve: one"]
    assert pair.store.epoch == epoch


async def test_empty_rooms_are_not_compared(pair: Pair) -> None:
    await pair.ask(leave(pair.ann))
    pair.stores("one")
    await pair.wait(COMPARE_SECONDS)
    assert pair.store.pages == []


async def test_a_head_beyond_the_end_of_the_store_shows_another_history(pair: Pair) -> None:
    await pair.receive(
        [Event(n, f"x-{n}", ROOM, Kind.MESSAGE, "eve", "?", WALL_MS) for n in (2, 3)]
    )
    begun = pair.store.epoch
    await pair.wait(COMPARE_SECONDS)
    pair.ann.forget()
    await pair.ask(Tick())
    assert pair.store.epoch != begun
    assert cut(pair.ann) == 1
    await pair.receive(pair.stores("one"))
    await pair.receive(pair.stores("two"))
    assert pair.got == ["2 eve: one", "3 eve: two"]


async def test_events_that_the_store_lost_leave_no_gap(pair: Pair) -> None:
    pair.stores("one", "two")

    async def lost(room: str, after: int, limit: int) -> Page:
        assert (room, after, limit) == (ROOM, 1, 2)
        return Page((), more=False)

    pair.store.read_after = lost  # type: ignore[method-assign]
    await pair.ask(say(pair.ann, "three", ref="r"))
    assert pair.got == ["ack r 4"]


async def test_a_comparison_waits_for_a_store_that_gets_a_new_epoch(pair: Pair) -> None:
    pair.stores("one")
    pair.store._rooms[ROOM].epoch = "another"
    await pair.wait(COMPARE_SECONDS)
    assert pair.got == []


async def test_a_page_of_another_history_is_not_sent(pair: Pair) -> None:
    pair.stores("one")
    read_after = pair.store.read_after

    async def read_another(room: str, after: int, limit: int) -> Page:
        return attrs.evolve(await read_after(room, after, limit), epoch="another")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pair.store, "read_after", read_another)
        await pair.ask(pair.connected, Tick())
        assert pair.got == []
    await pair.ask(Tick())
    assert pair.got == ["2 eve: one"]
