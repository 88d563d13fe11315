"""How far users have read, and what a crowd is told of it and of who comes and goes."""

from tests.hub.scene import ROOM, Recorder, Scene, WatchedStore, forget, join, leave, read, say
from trio_chat.protocol.encodings import Encoding

V2 = Encoding.VERSION_2


async def version_2(scene: Scene, name: str, *, waits: bool = False) -> Recorder:
    return await scene.join(name, encoding=V2, waits=waits)


# --- read ----------------------------------------------------------------------------------------


async def test_version_2_members_receive_read_markers(scene: Scene) -> None:
    ann, bob, pia = await version_2(scene, "ann"), await version_2(scene, "bob"), Recorder()
    await scene.ask(join(pia, "pia"))
    forget(ann, bob, pia)
    await scene.ask(read(bob, 2))
    assert (ann.got, bob.got, pia.got) == (["bob read 2"], ["bob read 2"], [])
    assert await scene.store.marks(ROOM, ["ann", "bob"]) == {"bob": 2}


async def test_a_room_receives_the_highest_marker_of_a_user_once_a_second(scene: Scene) -> None:
    ann, bob = await version_2(scene, "ann"), await version_2(scene, "bob")
    await scene.ask(say(ann, "a"), say(ann, "b"))
    ann.forget()
    await scene.ask(read(bob, 1), read(bob, 3), read(bob, 2))
    await scene.ask(read(bob, 4))
    await scene.ask(read(ann, 1))
    assert ann.got == ["bob read 3", "ann read 1"]
    await scene.tick_after(0.9)
    assert len(ann.got) == 2
    await scene.tick_after(0.1)
    assert ann.got[2:] == ["bob read 4"]
    await scene.tick_after(1)
    assert len(ann.got) == 3


async def test_a_lower_read_marker_is_neither_sent_nor_stored(
    watched: Scene, store: WatchedStore
) -> None:
    ann = await version_2(watched, "ann")
    await watched.ask(say(ann, "hi"), read(ann, 1))
    batches = len(store.batches)
    await watched.ask(read(ann, 2))
    assert len(store.batches) == batches + 1
    ann.forget()
    await watched.ask(read(ann, 1))
    await watched.tick_after(2)
    assert (ann.got, len(store.batches)) == (["ann read 2"], batches + 1)
    await watched.ask(leave(ann))
    assert await watched.store.marks(ROOM, ["ann"]) == {"ann": 2}


async def test_a_read_marker_beyond_the_head_is_refused(scene: Scene) -> None:
    ann = await version_2(scene, "ann")
    await scene.ask(read(ann, 2))
    assert ann.errors == [("bad_request", None, ROOM)]
    assert await scene.store.marks(ROOM, ["ann"]) == {}


async def test_a_marker_of_a_user_who_leaves_in_the_same_turn_counts(scene: Scene) -> None:
    ann, bob = await version_2(scene, "ann"), await version_2(scene, "bob")
    ann.forget()
    await scene.ask(read(bob, 1), leave(bob))
    assert ann.got == ["-bob 1", "3 * bob has left the chat", "bob read 1"]


# --- crowds --------------------------------------------------------------------------------------


async def test_a_large_room_receives_changes_once_a_second(crowd: Scene) -> None:
    ann = await version_2(crowd, "ann")
    for name in ("bob", "cat"):
        await version_2(crowd, name)
    assert ann.got[-1] == "2 * bob has joined the chat"
    await crowd.tick_after(0.9)
    assert ann.got[-1] == "2 * bob has joined the chat"
    await crowd.tick_after(0.1)
    assert ann.got[-1] == "+cat 3"
    ann.forget()
    dan, eve = await version_2(crowd, "dan"), await version_2(crowd, "eve")
    await version_2(crowd, "fay")
    await crowd.ask(leave(eve))
    await crowd.tick_after(1)
    assert ann.got == ["+dan +fay 5"]
    assert [name.shown for name in dan.admission.members] == ["ann", "bob"]
    assert dan.admission.count == 4


async def test_a_user_who_joins_and_leaves_in_between_is_not_sent(crowd: Scene) -> None:
    ann, bob = await version_2(crowd, "ann"), await version_2(crowd, "bob")
    cat = await version_2(crowd, "cat")
    ann.forget()
    await crowd.ask(leave(cat))
    assert ann.got == []
    await crowd.ask(leave(bob))
    await crowd.tick_after(1)
    assert ann.got == ["-bob 1", "3 * bob has left the chat"]


async def test_a_member_of_a_large_room_receives_missing_names_when_it_shrinks(
    crowd: Scene,
) -> None:
    members = {name: await version_2(crowd, name) for name in ("ann", "bob", "cat", "dan")}
    dan = members["dan"]
    assert [name.shown for name in dan.admission.members] == ["ann", "bob"]
    await crowd.tick_after(1)
    dan.forget()
    await crowd.ask(leave(members["ann"]))
    await crowd.tick_after(1)
    assert dan.got == ["-ann 3"]
    dan.forget()
    await crowd.ask(leave(members["bob"]))
    assert dan.got[0] == "+cat +dan -bob 2"
    dan.forget()
    await crowd.ask(leave(members["cat"]))
    assert dan.got[0] == "-cat 1"  # the others are known by now


async def test_a_withheld_change_brings_the_missing_names(crowd: Scene) -> None:
    for name in ("bob", "cat"):
        await version_2(crowd, name)
    ann = await version_2(crowd, "ann")
    (second,) = await crowd.members("cat", encoding=V2)
    await crowd.ask(leave(ann))
    assert second.got == ["+bob +cat 2"]


async def test_a_large_room_receives_no_read_markers(crowd: Scene) -> None:
    ann = await version_2(crowd, "ann")
    for name in ("bob", "cat"):
        await version_2(crowd, name)
    bob = await version_2(crowd, "bob")
    await crowd.ask(read(bob, 1))
    await crowd.tick_after(2)
    assert "bob read 1" not in ann.got
    assert await crowd.store.marks(ROOM, ["bob"]) == {"bob": 1}
