"""What waits for a pending member: the newest state, and no more events than fit."""

import trio.testing

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
from trio_chat.hub.requests import LeaveRoom
from trio_chat.hub.subscription import Gap
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


async def test_events_that_do_not_fit_are_let_go_and_named(scene: Scene) -> None:
    ann, bob = await scene.join("ann", encoding=V2), await pending(scene, frames=2)
    await scene.ask(say(ann, "one"))
    await scene.ask(say(ann, "two"))
    assert bob.activate(HISTORY) == Gap(1, 4)
    assert bob.writes == [["history"]]


async def test_behind_a_gap_events_are_held_again_and_then_come_as_they_are(scene: Scene) -> None:
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


async def test_bytes_are_bounded_too(scene: Scene) -> None:
    ann, bob = await scene.join("ann", encoding=V2), await pending(scene, size=1000)
    await scene.ask(say(ann, "a" * 500))
    await scene.ask(say(ann, "b" * 500))
    assert bob.activate(HISTORY) == Gap(1, 4)


async def test_a_gap_of_a_plain_member_reaches_over_events_that_it_is_not_sent(
    scene: Scene,
) -> None:
    ann, bob = await scene.join("ann", encoding=V2), await pending(scene, Encoding.PLAIN, frames=1)
    await scene.ask(say(ann, "one"))
    await scene.ask(edit(ann, "id-3", "newer"))
    assert bob.activate(HISTORY) == Gap(1, 4)


async def test_a_member_that_has_left_receives_an_acknowledgement_and_nothing_of_a_gap(
    scene: Scene,
) -> None:
    ann, bob = await scene.join("ann", encoding=V2), await pending(scene, frames=1)
    await scene.ask(say(ann, "one"), LeaveRoom(bob, ROOM, "r1"))
    assert bob.admission is not None
    assert not bob.admission.is_pending
    assert bob.activate(HISTORY) is None
    assert bob.got == ["history", "ack r1"]


async def test_a_place_with_a_gap_that_was_taken_anew_leaves_all_to_the_new_one(
    scene: Scene,
) -> None:
    ann, bob = await scene.join("ann", encoding=V2), await pending(scene, frames=1)
    first = bob.admission
    assert first is not None
    await scene.ask(say(ann, "one"), join(bob, "bob"))
    assert first.activate([HISTORY]) is None
    assert bob.activate() is None
    assert bob.got == ["history"]
    assert bob.admission is not None
    assert bob.admission.cut == 3


# --- states --------------------------------------------------------------------------------------


async def test_of_presence_a_pending_member_is_sent_what_its_roster_lacks(scene: Scene) -> None:
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


async def test_a_pending_member_is_sent_no_presence_that_changes_nothing(scene: Scene) -> None:
    await scene.join("ann", encoding=V2)
    bob = await pending(scene)
    cid = await scene.join("cid", encoding=V2)
    await scene.ask(leave(cid))
    bob.activate(HISTORY)
    assert bob.got[-1] == "4 * cid has left the chat"


async def test_a_pending_member_of_a_crowd_learns_how_many_there_are(
    crowd: Scene, mock_clock: trio.testing.MockClock
) -> None:
    for name in ("ann", "bea"):
        await crowd.join(name, encoding=V2)
    bob = await pending(crowd)
    await crowd.join("cid", encoding=V2)
    await crowd.tick_after(mock_clock, LARGE_CHANGES_SECONDS)
    bob.activate(HISTORY)
    assert bob.got[-1] == " 4"


async def test_a_plain_pending_member_is_sent_the_newest_list_only(scene: Scene) -> None:
    await scene.join("ann")
    bob = await pending(scene, Encoding.PLAIN)
    await scene.join("cid")
    await scene.join("dan")
    bob.activate(HISTORY)
    assert [one for one in bob.got if one.startswith("[")] == ["[ann bob cid dan] 4"]


async def test_of_typing_and_receipts_a_pending_member_is_sent_the_newest_of_each_user(
    scene: Scene,
) -> None:
    ann, cid = await scene.join("ann", encoding=V2), await scene.join("cid", encoding=V2)
    bob = await pending(scene)
    await scene.ask(types(ann), types(cid), read(ann, 1))
    await scene.ask(stops(ann))
    bob.activate(HISTORY)
    assert bob.got[2:] == ["ann stops", "cid types", "ann read 1"]


async def test_states_are_held_where_events_are_let_go(scene: Scene) -> None:
    ann, bob = await scene.join("ann", encoding=V2), await pending(scene, frames=1)
    await scene.ask(say(ann, "one"), types(ann))
    await scene.join("cid", encoding=V2)
    assert bob.activate(HISTORY) == Gap(1, 4)
    assert bob.activate() is None
    assert bob.got == ["history", "ann types", "+cid 3"]


async def test_states_that_do_not_fit_at_once_are_sent_in_parts(scene: Scene) -> None:
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


async def test_a_rush_holds_no_more_than_the_bound(scene: Scene) -> None:
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
