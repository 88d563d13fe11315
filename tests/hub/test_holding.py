"""Held members: nothing falls between history and live, and nothing comes twice."""

import trio

from tests.hub.scene import HISTORY, ROOM, Recorder, Scene, forget, join, leave, read, say
from trio_chat.hub.deliver import MEMBERS_BETWEEN_CHECKPOINTS
from trio_chat.protocol.encodings import Encoding


async def test_activation_sends_history_and_backlog_in_one_write(scene: Scene) -> None:
    ann, bob = await scene.join("ann"), await scene.join("bob", waits=True)
    await scene.ask(say(ann, "hi"))
    bob.activate(HISTORY)
    assert bob.writes == [["history", "2 * bob has joined the chat", "3 ann: hi", "[ann bob] 2"]]


async def test_an_empty_activation_writes_nothing(scene: Scene) -> None:
    ann, bob = await scene.join("ann"), Recorder()
    await scene.ask(join(bob, "ann"))
    await scene.ask(leave(ann))
    assert bob.writes == [["[ann] 1"]]


async def test_backlog_keeps_the_presence_of_a_second_connection(scene: Scene) -> None:
    await scene.join("ann")
    again = await scene.join("ann", waits=True)
    assert again.got == []
    again.activate(HISTORY)
    assert again.got == ["history", "[ann] 1"]


async def test_a_pending_member_can_send(scene: Scene) -> None:
    ann, bob = await scene.join("ann"), await scene.join("bob", waits=True)
    ann.forget()
    await scene.ask(say(bob, "hi"))
    assert ann.got == ["3 bob: hi"]


async def test_a_member_that_left_while_pending_receives_nothing(scene: Scene) -> None:
    ann, bob = await scene.join("ann"), await scene.join("bob", waits=True)
    await scene.ask(leave(bob))
    bob.activate(HISTORY)
    await scene.ask(say(ann, "hi"))
    assert bob.got == []


async def test_a_subscription_is_activated_once(scene: Scene) -> None:
    bob = await scene.join("bob", waits=True)
    bob.activate(HISTORY)
    bob.activate(HISTORY)
    assert bob.got == ["history", "1 * bob has joined the chat", "[bob] 1"]


async def test_an_old_subscription_does_not_activate_a_new_one(scene: Scene) -> None:
    bob = await scene.join("bob", waits=True)
    old = bob.admission
    await scene.ask(leave(bob), join(bob, "bob"))
    old.activate([HISTORY])
    assert bob.got == []


# --- a room of several slices: between them everybody else gets a turn ----------------------------


async def fill(scene: Scene, count: int) -> list[Recorder]:
    """Connections of one user, so that nothing is told but what the test says."""
    members = [Recorder() for _ in range(count)]
    for begin in range(0, count, 50):
        await scene.ask(*(join(member, "ann") for member in members[begin : begin + 50]))
    forget(*members)
    return members


async def test_a_room_of_several_slices_receives_each_message_once_and_in_order(
    scene: Scene,
) -> None:
    members = await fill(scene, 2 * MEMBERS_BETWEEN_CHECKPOINTS + 1)
    await scene.ask(say(members[-1], "one"), say(members[0], "two"))
    assert all(member.writes == [["2 ann: one", "3 ann: two"]] for member in members)


async def test_other_tasks_run_between_slices(scene: Scene, nursery: trio.Nursery) -> None:
    # Trio may run the hub first once, never twice: three slices.
    members = await fill(scene, 2 * MEMBERS_BETWEEN_CHECKPOINTS + 1)
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
    scene: Scene, nursery: trio.Nursery
) -> None:
    members = await fill(scene, 2 * MEMBERS_BETWEEN_CHECKPOINTS + 1)
    bob = await scene.join("bob", waits=True)
    forget(*members)
    begun = trio.Event()
    seen_by_last: list[int] = []

    async def release() -> None:
        await begun.wait()
        seen_by_last.append(len(members[-1].got))
        bob.activate(HISTORY)

    nursery.start_soon(release)
    members[0].on_offer = begun.set
    await scene.ask(say(members[0], "one"))
    assert seen_by_last == [0]  # it was in the midst of the fan-out
    await scene.ask(say(members[0], "two"))
    assert bob.got == [
        "history",
        "2 * bob has joined the chat",
        "3 ann: one",
        "[ann bob] 2",
        "4 ann: two",
    ]


async def test_a_member_that_joins_within_a_turn_receives_only_later_messages(scene: Scene) -> None:
    members = await fill(scene, MEMBERS_BETWEEN_CHECKPOINTS + 1)
    bob = Recorder(waits=True)
    await scene.ask(say(members[0], "one"), join(bob, "bob"), say(members[0], "two"))
    assert (bob.admission.join.room, bob.admission.cut) == (ROOM, 2)
    bob.activate(HISTORY)
    assert bob.got == ["history", "3 * bob has joined the chat", "4 ann: two", "[ann bob] 2"]
    assert members[-1].writes == [
        ["2 ann: one"],
        ["3 * bob has joined the chat", "4 ann: two", "[ann bob] 2"],
    ]


async def test_backlog_drops_read_markers_that_the_member_already_knows(scene: Scene) -> None:
    members = [
        await scene.join(name, encoding=Encoding.VERSION_2) for name in ("ann", "bob", "eve")
    ]
    zoe = await scene.join("zoe", waits=True, encoding=Encoding.VERSION_2)
    await scene.ask(*(read(member, 2) for member in members))
    zoe.admission.show_read({"ann": 3, "bob": 1})  # as it was read from the store meanwhile
    zoe.activate(HISTORY)
    assert [line for line in zoe.got if "read" in line] == ["bob read 2", "eve read 2"]
