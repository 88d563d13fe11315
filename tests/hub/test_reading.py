"""Read markers, and the presence that version 2 members of a large room receive."""

from tests.hub.scene import ROOM, Scene, Watched, leave, read, say
from trio_chat.hub.ephemeral import GATHER_SECONDS, Receipts
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.messages import HasRead

V2 = Encoding.VERSION_2


async def test_version_2_members_receive_read_markers(scene: Scene) -> None:
    ann, bob = await scene.members("ann", "bob", encoding=V2)
    (pia,) = await scene.members("pia")
    ann.forget()
    await scene.ask(read(bob, 2))
    assert (ann.got, bob.got[2:], pia.got) == (["bob read 2"], ["bob read 2"], [])
    assert await scene.store.marks(ROOM, ["ann", "bob"]) == {"bob": 2}


async def test_a_room_receives_the_highest_marker_of_a_user_once_a_second(scene: Scene) -> None:
    ann, bob = await scene.members("ann", "bob", encoding=V2)
    await scene.ask(say(ann, "a"), say(ann, "b"))
    ann.forget()
    await scene.ask(read(bob, 1), read(bob, 3), read(bob, 2))
    await scene.ask(read(bob, 4))
    await scene.ask(read(ann, 1))
    assert ann.got == ["bob read 3", "ann read 1"]
    await scene.tick_after(0.9)
    assert len(ann.got) == 2
    await scene.tick_after(0.1)
    await scene.tick_after(1)
    assert ann.got[2:] == ["bob read 4"]


def test_markers_soon_after_another_wait_for_a_tick() -> None:
    receipts = Receipts()

    def due(now: float, *users: str, is_tick: bool = False) -> list[str]:
        for user in users:
            receipts.grow(HasRead(ROOM, user, user, 1))
        return [read.user for read in receipts.due(now, is_tick=is_tick)]

    assert [due(1, "ann"), due(1, "bob")] == [["ann"], ["bob"]]  # in one turn
    assert [due(1.1, "cat"), due(1.2, "dan")] == [[], []]
    assert due(1.2, is_tick=True) == ["cat", "dan"]
    assert due(1.2 + GATHER_SECONDS, "eve") == ["eve"]


async def test_a_lower_read_marker_is_neither_sent_nor_stored(watched: Watched) -> None:
    (ann,) = await watched.members("ann", encoding=V2)
    await watched.ask(say(ann, "hi"), read(ann, 1))
    batches = len(watched.store.batches)
    await watched.ask(read(ann, 2))
    assert len(watched.store.batches) == batches + 1
    ann.forget()
    await watched.ask(read(ann, 1))
    await watched.tick_after(2)
    assert (ann.got, len(watched.store.batches)) == (["ann read 2"], batches + 1)
    await watched.ask(leave(ann))
    assert await watched.store.marks(ROOM, ["ann"]) == {"ann": 2}


async def test_a_read_marker_beyond_the_head_is_refused(scene: Scene) -> None:
    (ann,) = await scene.members("ann", encoding=V2)
    await scene.ask(read(ann, 2))
    assert ann.errors == [("bad_request", None, ROOM)]
    assert await scene.store.marks(ROOM, ["ann"]) == {}


async def test_a_marker_of_a_user_who_leaves_in_the_same_turn_counts(scene: Scene) -> None:
    ann, bob = await scene.members("ann", "bob", encoding=V2)
    await scene.ask(read(bob, 1), leave(bob))
    assert ann.got == ["-bob 1", "3 * bob has left the chat", "bob read 1"]


async def test_a_large_room_receives_changes_once_a_second(large: Scene) -> None:
    ann, _ = await large.members("ann", "bob", encoding=V2)
    await large.join("cat")
    await large.tick_after(0.9)
    assert ann.got == []
    await large.tick_after(0.1)
    assert ann.got == ["+cat 3"]
    ann.forget()
    dan, eve, _ = await large.members("dan", "eve", "fay", encoding=V2)
    await large.ask(leave(eve))
    await large.tick_after(1)
    assert ann.got == ["+dan +fay 5"]
    assert [name.shown for name in dan.admission.members] == ["ann", "bob"]
    assert dan.admission.count == 4


async def test_a_user_who_joins_and_leaves_in_between_is_not_sent(large: Scene) -> None:
    ann, bob, cat = await large.members("ann", "bob", "cat", encoding=V2)
    await large.ask(leave(cat))
    assert ann.got == []
    await large.ask(leave(bob))
    await large.tick_after(1)
    assert ann.got == ["-bob 1", "3 * bob has left the chat"]


async def test_a_member_receives_missing_names_when_a_large_room_shrinks(large: Scene) -> None:
    ann, bob, cat, dan = await large.members("ann", "bob", "cat", "dan", encoding=V2)
    assert [name.shown for name in dan.admission.members] == ["ann", "bob"]
    await large.tick_after(1)
    dan.forget()
    await large.ask(leave(ann))
    await large.tick_after(1)
    assert dan.got == ["-ann 3"]
    for member, changes in (bob, "+cat +dan -bob 2"), (cat, "-cat 1"):
        dan.forget()
        await large.ask(leave(member))
        assert dan.got[0] == changes


async def test_a_withheld_change_brings_the_missing_names(large: Scene) -> None:
    _, _, ann = await large.members("bob", "cat", "ann", encoding=V2)
    (second,) = await large.members("cat", encoding=V2)
    await large.ask(leave(ann))
    assert second.got == ["+bob +cat 2"]


async def test_a_large_room_receives_no_read_markers(large: Scene) -> None:
    ann, bob, _ = await large.members("ann", "bob", "cat", encoding=V2)
    await large.ask(read(bob, 1))
    await large.tick_after(2)
    assert "bob read 1" not in ann.got
    assert await large.store.marks(ROOM, ["bob"]) == {"bob": 1}
