"""What waits for a pending member: the newest state, and no more events than fit."""

from tests.hub.scene import (
    HISTORY,
    ROOM,
    Recorder,
    Scene,
    edit,
    join,
    leave,
    read,
    say,
    stops,
    types,
)
from trio_chat.hub.presence_notifier import LARGE_CHANGES_SECONDS
from trio_chat.hub.subscription import Gap
from trio_chat.protocol.commands import LeaveRoom
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import Author

V2 = Encoding.VERSION_2


async def pending(
    scene: Scene, encoding: Encoding = V2, *, frames: int = 64, size: int = 65536
) -> Recorder:
    """Bob, in the room as number 2 and held."""
    bob = Recorder(encoding, Author("bob", "b"), waits=True, held_frames=frames, held_bytes=size)
    await scene.ask(join(bob, "bob"))
    return bob


async def test_a_full_backlog_drops_events_and_returns_the_gap(scene: Scene) -> None:
    ann, bob = await scene.join("ann", encoding=V2), await pending(scene, frames=2)
    await scene.ask(say(ann, "one"))
    await scene.ask(say(ann, "two"))
    assert bob.activate(HISTORY) == Gap(1, 4)
    assert bob.writes == [["history"]]


async def test_backlog_continues_after_a_gap(scene: Scene) -> None:
    ann, bob = await scene.join("ann", encoding=V2), await pending(scene, frames=2)
    await scene.ask(say(ann, "one"), say(ann, "two"))
    assert bob.activate(HISTORY) == Gap(1, 4)
    await scene.ask(say(ann, "three"))
    bob.forget()
    assert bob.activate() is None
    await scene.ask(say(ann, "four"))
    assert bob.got == ["5 ann: three", "6 ann: four"]


async def test_a_gap_may_follow_a_gap(scene: Scene) -> None:
    ann, bob = await scene.join("ann", encoding=V2), await pending(scene, frames=1)
    await scene.ask(say(ann, "one"))
    assert bob.activate(HISTORY) == Gap(1, 3)
    await scene.ask(say(ann, "two"))
    await scene.ask(say(ann, "three"))
    assert bob.activate() == Gap(3, 5)
    assert bob.activate() is None
    assert bob.got == ["history"]


async def test_backlog_is_bounded_in_bytes(scene: Scene) -> None:
    ann, bob = await scene.join("ann", encoding=V2), await pending(scene, size=1000)
    await scene.ask(say(ann, "a" * 500))
    await scene.ask(say(ann, "b" * 500))
    assert bob.activate(HISTORY) == Gap(1, 4)


async def test_the_gap_of_a_plain_member_covers_events_it_does_not_receive(scene: Scene) -> None:
    ann, bob = await scene.join("ann", encoding=V2), await pending(scene, Encoding.PLAIN, frames=1)
    await scene.ask(say(ann, "one"))
    await scene.ask(edit(ann, "id-3", "newer"))
    assert bob.activate(HISTORY) == Gap(1, 4)


async def test_a_member_that_left_receives_its_ack_and_no_gap(scene: Scene) -> None:
    ann, bob = await scene.join("ann", encoding=V2), await pending(scene, frames=1)
    await scene.ask(say(ann, "one"), LeaveRoom(ROOM, "r1", member=bob))
    assert not bob.admission.is_pending
    assert bob.activate(HISTORY) is None
    assert bob.got == ["history", "ack r1"]


async def test_a_new_subscription_takes_over_from_one_with_a_gap(scene: Scene) -> None:
    ann, bob = await scene.join("ann", encoding=V2), await pending(scene, frames=1)
    first = bob.admission
    await scene.ask(say(ann, "one"), join(bob, "bob"))
    assert first.activate([HISTORY]) is None
    assert bob.activate() is None
    assert bob.got == ["history"]
    assert bob.admission.cut == 3


# --- states --------------------------------------------------------------------------------------


async def test_backlog_keeps_changes_of_the_list_since_the_join(scene: Scene) -> None:
    await scene.join("ann", encoding=V2)
    cid = await scene.join("cid", encoding=V2)
    bob = await pending(scene)
    dan = await scene.join("dan", encoding=V2)
    await scene.join("eve", encoding=V2)
    await scene.ask(leave(cid), leave(dan))
    bob.activate(HISTORY)
    presence = [one for one in bob.got if one.startswith(("+", "-"))]
    assert presence == ["+eve -cid 3"]
    assert bob.got[-1] == presence[0]


async def test_backlog_keeps_no_presence_without_changes(scene: Scene) -> None:
    await scene.join("ann", encoding=V2)
    bob = await pending(scene)
    cid = await scene.join("cid", encoding=V2)
    await scene.ask(leave(cid))
    bob.activate(HISTORY)
    assert bob.got[-1] == "4 * cid has left the chat"


async def test_a_pending_member_of_a_large_room_receives_the_count(crowd: Scene) -> None:
    for name in ("ann", "bea"):
        await crowd.join(name, encoding=V2)
    bob = await pending(crowd)
    await crowd.join("cid", encoding=V2)
    await crowd.tick_after(LARGE_CHANGES_SECONDS)
    bob.activate(HISTORY)
    assert bob.got[-1] == " 4"


async def test_backlog_keeps_the_newest_list_of_a_plain_member(scene: Scene) -> None:
    await scene.join("ann")
    bob = await pending(scene, Encoding.PLAIN)
    await scene.join("cid")
    await scene.join("dan")
    bob.activate(HISTORY)
    assert [one for one in bob.got if one.startswith("[")] == ["[ann bob cid dan] 4"]


async def test_backlog_keeps_the_newest_typing_and_marker_of_each_user(scene: Scene) -> None:
    ann, cid = await scene.join("ann", encoding=V2), await scene.join("cid", encoding=V2)
    bob = await pending(scene)
    await scene.ask(types(ann), types(cid), read(ann, 1))
    await scene.ask(stops(ann))
    bob.activate(HISTORY)
    assert bob.got[2:] == ["ann stops", "cid types", "ann read 1"]


async def test_a_full_backlog_keeps_states(scene: Scene) -> None:
    ann, bob = await scene.join("ann", encoding=V2), await pending(scene, frames=1)
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
    assert bob.activate() == Gap(6, 6)
    assert bob.activate() == Gap(6, 6)
    assert bob.activate() is None
    assert bob.got[3:] == ["6 a: hi", "c types", "d types", "e types", "a stops"]
    assert max(map(len, bob.writes)) <= 3


async def test_a_rush_of_joins_stays_within_the_bound(scene: Scene) -> None:
    crowd = [Recorder(V2, Author(f"u{n}", "d"), waits=True) for n in range(150)]
    for begin in range(0, len(crowd), 50):
        await scene.ask(
            *(join(one, f"u{n}") for n, one in enumerate(crowd[begin : begin + 50], begin))
        )
    first = crowd[0]
    assert first.activate(HISTORY) == Gap(0, 150)
    assert first.activate() is None
    assert [one for one in first.got if not one.startswith("+")] == ["history"]
    assert crowd[-1].activate(HISTORY) is None
