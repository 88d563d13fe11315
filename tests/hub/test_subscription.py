"""Pending members: no event falls between history and live messages, and none arrives twice."""

import pytest
import trio

from tests.hub.scene import (
    HISTORY,
    ROOM,
    Recorder,
    Scene,
    edit,
    forget,
    join,
    leave,
    read,
    say,
    stops,
    types,
)
from trio_chat.hub.deliver import MEMBERS_BETWEEN_CHECKPOINTS
from trio_chat.hub.subscription import Gap
from trio_chat.hub.users import LARGE_CHANGES_SECONDS
from trio_chat.protocol.commands import LeaveRoom
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import Author

V2 = Encoding.VERSION_2


@pytest.fixture
async def ann(scene: Scene) -> Recorder:
    return await scene.join("ann", encoding=V2)


async def pending(
    scene: Scene, encoding: Encoding = V2, *, frames: int = 64, size: int = 65536
) -> Recorder:
    """Return a pending member, Bob."""
    bob = Recorder(
        encoding, Author("bob", "b"), waits=True, max_backlog_frames=frames, max_backlog_bytes=size
    )
    await scene.ask(join(bob, "bob"))
    return bob


async def test_activation_writes_history_and_backlog_at_once(scene: Scene, ann: Recorder) -> None:
    bob = await pending(scene, Encoding.PLAIN)
    await scene.ask(say(ann, "hi"))
    bob.activate(HISTORY)
    bob.activate(HISTORY)  # without effect
    assert bob.writes == [["history", "2 * bob has joined the chat", "3 ann: hi", "[ann bob] 2"]]


async def test_an_empty_activation_writes_nothing(scene: Scene) -> None:
    ann, other = await scene.join("ann"), Recorder()
    await scene.ask(join(other, "ann"))
    await scene.ask(leave(ann))
    assert other.writes == [["[ann] 1"]]


async def test_backlog_keeps_the_presence_of_a_second_connection(scene: Scene) -> None:
    await scene.join("ann")
    again = await scene.join("ann", waits=True)
    assert again.got == []
    again.activate(HISTORY)
    assert again.got == ["history", "[ann] 1"]


async def test_a_member_that_left_pending_receives_nothing(scene: Scene, ann: Recorder) -> None:
    bob = await pending(scene)
    first = bob.admission
    await scene.ask(leave(bob))
    first.activate([HISTORY])
    await scene.ask(say(ann, "hi"), join(bob, "bob"))
    first.activate([HISTORY])
    assert bob.got == []


async def test_a_full_backlog_returns_gaps_and_then_continues(scene: Scene, ann: Recorder) -> None:
    bob = await pending(scene, frames=2)
    await scene.ask(say(ann, "one"))
    await scene.ask(say(ann, "two"))
    assert bob.activate(HISTORY) == Gap(1, 4)
    for text in ("three", "four", "five"):
        await scene.ask(say(ann, text))
    assert bob.activate() == Gap(4, 7)
    assert bob.writes == [["history"]]
    await scene.ask(say(ann, "six"))
    assert bob.activate() is None
    await scene.ask(say(ann, "seven"))
    assert bob.got[1:] == ["8 ann: six", "9 ann: seven"]


async def test_backlog_is_bounded_in_bytes(scene: Scene, ann: Recorder) -> None:
    bob = await pending(scene, size=1000)
    await scene.ask(say(ann, "a" * 500))
    await scene.ask(say(ann, "b" * 500))
    assert bob.activate(HISTORY) == Gap(1, 4)


async def test_the_gap_of_a_plain_member_covers_hidden_events(scene: Scene, ann: Recorder) -> None:
    bob = await pending(scene, Encoding.PLAIN, frames=1)
    await scene.ask(say(ann, "one"))
    await scene.ask(edit(ann, "id-3", "newer"))
    assert bob.activate(HISTORY) == Gap(1, 4)


async def test_a_member_that_left_receives_its_ack_and_no_gap(scene: Scene, ann: Recorder) -> None:
    bob = await pending(scene, frames=1)
    await scene.ask(say(ann, "one"), LeaveRoom(ROOM, "r1", member=bob))
    assert not bob.admission.is_pending
    assert bob.activate(HISTORY) is None
    assert bob.got == ["history", "ack r1"]


async def test_a_new_subscription_replaces_one_with_a_gap(scene: Scene, ann: Recorder) -> None:
    bob = await pending(scene, frames=1)
    first = bob.admission
    await scene.ask(say(ann, "one"), join(bob, "bob"))
    assert first.activate([HISTORY]) is None
    assert bob.activate() is None
    assert (bob.got, bob.admission.cut) == (["history"], 3)


async def test_backlog_keeps_changes_of_the_list_since_a_join(scene: Scene, ann: Recorder) -> None:
    cid = await scene.join("cid", encoding=V2)
    bob = await pending(scene)
    dan = await scene.join("dan", encoding=V2)
    await scene.join("eve", encoding=V2)
    await scene.ask(leave(cid), leave(dan), say(ann, "hi"))
    bob.activate(HISTORY)
    assert [one for one in bob.got if one.startswith(("+", "-"))] == ["+eve -cid 3"]
    assert bob.got[-1] == "+eve -cid 3"


async def test_backlog_keeps_no_presence_without_changes(scene: Scene) -> None:
    bob = await pending(scene)
    cid = await scene.join("cid", encoding=V2)
    await scene.ask(leave(cid))
    bob.activate(HISTORY)
    assert bob.got[-1] == "3 * cid has left the chat"


async def test_a_pending_member_of_a_large_room_receives_the_count(large: Scene) -> None:
    await large.members("ann", "bea", encoding=V2)
    bob = await pending(large)
    await large.join("cid", encoding=V2)
    await large.tick_after(LARGE_CHANGES_SECONDS)
    bob.activate(HISTORY)
    assert bob.got[-1] == " 4"


async def test_backlog_keeps_the_newest_list_of_a_plain_member(scene: Scene) -> None:
    bob = await pending(scene, Encoding.PLAIN)
    await scene.join("cid")
    await scene.join("dan")
    bob.activate(HISTORY)
    assert [one for one in bob.got if one.startswith("[")] == ["[bob cid dan] 3"]


async def test_backlog_keeps_the_newest_state_of_each_user(scene: Scene, ann: Recorder) -> None:
    cid = await scene.join("cid", encoding=V2)
    bob = await pending(scene)
    await scene.ask(types(ann), types(cid), read(ann, 1))
    await scene.ask(stops(ann))
    bob.activate(HISTORY)
    assert bob.got[2:] == ["ann stops", "cid types", "ann read 1"]


async def test_backlog_drops_read_markers_that_a_member_knows(scene: Scene, ann: Recorder) -> None:
    others = [await scene.join(name, encoding=V2) for name in ("cid", "eve")]
    bob = await pending(scene)
    await scene.ask(*(read(member, 2) for member in (ann, *others)))
    bob.admission.show_read({"ann": 3, "cid": 1})
    bob.activate(HISTORY)
    assert [line for line in bob.got if "read" in line] == ["cid read 2", "eve read 2"]


async def test_a_full_backlog_keeps_states(scene: Scene, ann: Recorder) -> None:
    bob = await pending(scene, frames=1)
    await scene.ask(say(ann, "one"), types(ann))
    await scene.join("cid", encoding=V2)
    assert bob.activate(HISTORY) == Gap(1, 4)
    assert bob.activate() is None
    assert bob.got == ["history", "ann types", "+cid 3"]


async def test_activation_sends_many_states_in_parts(scene: Scene) -> None:
    others = [await scene.join(name, encoding=V2) for name in "acde"]
    bob = await pending(scene, frames=2)
    await scene.ask(*(types(one) for one in others))
    assert bob.activate(HISTORY) == Gap(5, 5)
    assert bob.got == ["history", "5 * bob has joined the chat", "a types"]
    await scene.ask(say(others[0], "hi"))
    assert [bob.activate() for _ in range(3)] == [Gap(6, 6), Gap(6, 6), None]
    assert bob.got[3:] == ["6 a: hi", "c types", "d types", "e types", "a stops"]
    assert max(map(len, bob.writes)) <= 3


@pytest.fixture
async def members(scene: Scene) -> list[Recorder]:
    members = [Recorder() for _ in range(2 * MEMBERS_BETWEEN_CHECKPOINTS + 1)]
    for begin in range(0, len(members), 50):
        await scene.ask(*(join(member, "ann") for member in members[begin : begin + 50]))
    forget(*members)
    return members


async def test_a_room_of_several_slices_receives_each_message_once_and_in_order(
    scene: Scene, members: list[Recorder]
) -> None:
    before = scene.metrics.deliveries.count
    await scene.ask(say(members[-1], "one"), say(members[0], "two"))
    assert all(member.writes == [["2 ann: one", "3 ann: two"]] for member in members)
    assert scene.metrics.deliveries.count == before + 2 * len(members)


async def test_other_tasks_run_between_slices(
    scene: Scene, members: list[Recorder], nursery: trio.Nursery
) -> None:
    # Trio may run the hub first once, never twice.
    order: list[str] = []
    begun = trio.Event()

    async def another() -> None:
        await begun.wait()
        order.append("another task")

    nursery.start_soon(another)
    members[0].on_offer = begun.set
    members[MEMBERS_BETWEEN_CHECKPOINTS - 1].on_offer = lambda: order.append("a whole slice")
    members[-1].on_offer = lambda: order.append("the last slice")
    await scene.ask(say(members[0], "hi"))
    assert order == ["a whole slice", "another task", "the last slice"]


async def test_a_member_activated_between_slices_receives_each_message_once(
    scene: Scene, members: list[Recorder], nursery: trio.Nursery
) -> None:
    bob = await pending(scene)
    forget(*members)
    begun = trio.Event()
    seen_by_last: list[int] = []

    async def activate() -> None:
        await begun.wait()
        seen_by_last.append(len(members[-1].got))
        bob.activate(HISTORY)

    nursery.start_soon(activate)
    members[0].on_offer = begun.set
    await scene.ask(say(members[0], "one"))
    assert seen_by_last == [0]
    await scene.ask(say(members[0], "two"))
    assert bob.got == ["history", "2 * bob has joined the chat", "3 ann: one", "4 ann: two"]
