import trio.testing

from tests.hub.scene import Recorder, Scene, join, leave, say


async def test_users_are_listed_by_code_point(scene: Scene) -> None:
    for name in ("\u00c4rger", "zoe", "Bob", "ann"):
        last = await scene.join(name)
    assert last.got[-1] == "[Bob ann zoe \u00c4rger] 4"


async def test_presence_is_told_once_a_turn_to_all(scene: Scene) -> None:
    ann, others = await scene.join("ann"), [Recorder(), Recorder()]
    ann.forget()
    await scene.ask(join(others[0], "bob"), join(others[1], "cid"))
    told = [frame for frame in ann.got if frame.startswith("[")]
    assert told == ["[ann bob cid] 3"]
    assert others[0].got[-1] == others[1].got[-1] == "[ann bob cid] 3"


async def test_presence_comes_last_in_its_turn(scene: Scene) -> None:
    ann, bob = await scene.join("ann"), Recorder()
    await scene.ask(join(bob, "bob"), say(ann, "hi"))
    assert bob.got[-2:] == ["3 ann: hi", "[ann bob] 2"]


async def test_a_room_in_which_nothing_changes_is_told_nothing(
    scene: Scene, mock_clock: trio.testing.MockClock
) -> None:
    ann = await scene.join("ann")
    ann.forget()
    await scene.tick_after(mock_clock, 1000)
    assert ann.got == []


async def test_several_new_connections_of_users_who_are_there_are_told_each_for_itself(
    scene: Scene,
) -> None:
    await scene.join("ann")
    more = [Recorder(), Recorder()]
    await scene.ask(join(more[0], "ann"), join(more[1], "ann"))
    assert [member.got for member in more] == [["[ann] 1"], ["[ann] 1"]]


async def test_each_room_has_its_own_presence(scene: Scene) -> None:
    await scene.join("ann")
    await scene.join("bob", room="dev")
    here, there = Recorder(), Recorder()
    await scene.ask(join(here, "ann"), join(there, "bob", "dev"))
    assert (here.got, there.got) == (["[ann] 1"], ["[bob] 1"])


async def test_what_another_room_is_told_does_not_count_for_a_newcomer(scene: Scene) -> None:
    await scene.join("ann")
    here, there = Recorder(), Recorder()
    await scene.ask(join(here, "ann"), join(there, "bob", "dev"))
    assert here.got == ["[ann] 1"]


async def test_what_a_newcomer_alone_is_told_comes_after_what_all_were_told(scene: Scene) -> None:
    ann, other = await scene.join("ann"), Recorder()
    await scene.ask(join(other, "ann"), say(ann, "hi"))
    assert other.got == ["2 ann: hi", "[ann] 1"]


# --- crowds: here three are one -----------------------------------------------------------------


async def fill(crowd: Scene) -> list[Recorder]:
    """Two users who have been told of each other, and a third who makes it a crowd."""
    members = [await crowd.join(name) for name in ("ann", "bob", "cid")]
    for member in members[:2]:
        member.forget()
    return members


async def test_who_makes_it_a_crowd_is_neither_announced_nor_logged(crowd: Scene) -> None:
    ann, bob = await crowd.join("ann"), await crowd.join("bob")
    ann.forget()
    bob.forget()
    await crowd.join("cid")
    assert ann.got == bob.got == []
    assert len(await crowd.logged()) == 2


async def test_a_newcomer_in_a_crowd_is_told_the_first_names_and_the_count_of_all(
    crowd: Scene,
) -> None:
    _, _, cid = await fill(crowd)
    assert cid.got == ["[ann bob] 3"]
    dan = await crowd.join("dan")
    assert dan.got == ["[ann bob] 4"]


async def test_the_first_names_are_those_by_code_point(crowd: Scene) -> None:
    await fill(crowd)
    last = await crowd.join("Zed")
    assert last.got == ["[Zed ann] 4"]


async def test_a_crowd_is_told_ten_seconds_after_the_last_time(
    crowd: Scene, mock_clock: trio.testing.MockClock
) -> None:
    ann, bob, cid = await fill(crowd)
    cid.forget()
    await crowd.tick_after(mock_clock, 9.99)
    assert ann.got == bob.got == cid.got == []
    await crowd.tick_after(mock_clock, 0.01)
    assert ann.got == bob.got == cid.got == ["[ann bob] 3"]


async def test_a_crowd_is_told_no_oftener_however_much_it_changes(
    crowd: Scene, mock_clock: trio.testing.MockClock
) -> None:
    ann, _, _ = await fill(crowd)
    await crowd.tick_after(mock_clock, 10)
    ann.forget()
    await crowd.join("dan")
    await crowd.tick_after(mock_clock, 9.99)
    assert ann.got == []
    await crowd.tick_after(mock_clock, 0.01)
    assert ann.got == ["[ann bob] 4"]


async def test_a_crowd_that_has_been_told_is_not_told_again(
    crowd: Scene, mock_clock: trio.testing.MockClock
) -> None:
    ann, _, _ = await fill(crowd)
    await crowd.tick_after(mock_clock, 10)
    await crowd.tick_after(mock_clock, 10)
    assert ann.got == ["[ann bob] 3"]


async def test_who_leaves_a_crowd_is_neither_announced_nor_logged(crowd: Scene) -> None:
    ann, _, cid = await fill(crowd)
    dan = await crowd.join("dan")
    await crowd.ask(leave(cid))
    assert ann.got == []
    await crowd.ask(leave(dan))
    assert len(await crowd.logged()) == 2


async def test_what_is_a_crowd_no_more_is_told_at_once(crowd: Scene) -> None:
    ann, _, cid = await fill(crowd)
    await crowd.ask(leave(cid))
    assert ann.got == ["[ann bob] 2"]


async def test_users_make_a_crowd_and_not_connections(crowd: Scene) -> None:
    ann = await crowd.join("ann")
    await crowd.join("ann")
    await crowd.join("ann")
    ann.forget()
    await crowd.join("bob")
    assert ann.got == ["2 * bob has joined the chat", "[ann bob] 2"]
