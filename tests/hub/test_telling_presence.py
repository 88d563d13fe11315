from tests.hub.scene import Recorder, Scene, forget, join, leave, say


async def test_users_are_listed_by_code_point(scene: Scene) -> None:
    for name in ("\u00c4rger", "zoe", "Bob", "ann"):
        last = await scene.join(name)
    assert last.got[-1] == "[Bob ann zoe \u00c4rger] 4"


async def test_a_room_receives_one_presence_a_turn(scene: Scene) -> None:
    ann, others = await scene.join("ann"), [Recorder(), Recorder()]
    ann.forget()
    await scene.ask(join(others[0], "bob"), join(others[1], "cid"))
    told = [frame for frame in ann.got if frame.startswith("[")]
    assert told == ["[ann bob cid] 3"]
    assert others[0].got[-1] == others[1].got[-1] == "[ann bob cid] 3"


async def test_a_room_without_changes_receives_no_presence(scene: Scene) -> None:
    (ann,) = await scene.members("ann")
    await scene.tick_after(1000)
    assert ann.got == []


async def test_each_new_connection_of_present_users_receives_the_presence(scene: Scene) -> None:
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


async def test_a_newcomer_receives_its_presence_after_the_messages_of_all(scene: Scene) -> None:
    ann, other = await scene.join("ann"), Recorder()
    await scene.ask(join(other, "ann"), say(ann, "hi"))
    assert other.got == ["2 ann: hi", "[ann] 1"]


# --- crowds: here three are one -----------------------------------------------------------------


async def fill(crowd: Scene) -> list[Recorder]:
    """Two users who have been told of each other, and a third who makes it a crowd."""
    members = [await crowd.join(name) for name in ("ann", "bob", "cid")]
    forget(*members[:2])
    return members


async def test_the_user_who_makes_a_room_large_is_not_announced(crowd: Scene) -> None:
    ann, bob = await crowd.members("ann", "bob")
    await crowd.join("cid")
    assert ann.got == bob.got == []
    assert len(await crowd.logged()) == 2


async def test_a_newcomer_in_a_large_room_receives_the_first_names_and_the_count(
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


async def test_a_large_room_receives_changed_presence_every_ten_seconds(crowd: Scene) -> None:
    ann, bob, cid = await fill(crowd)
    cid.forget()
    await crowd.tick_after(9.99)
    assert ann.got == bob.got == cid.got == []
    await crowd.tick_after(0.01)
    assert ann.got == bob.got == cid.got == ["[ann bob] 3"]
    await crowd.join("dan")
    await crowd.tick_after(9.99)
    assert ann.got == ["[ann bob] 3"]
    await crowd.tick_after(0.01)
    await crowd.tick_after(10)
    assert ann.got == ["[ann bob] 3", "[ann bob] 4"]


async def test_a_leave_from_a_large_room_is_not_announced(crowd: Scene) -> None:
    ann, _, cid = await fill(crowd)
    dan = await crowd.join("dan")
    await crowd.ask(leave(cid))
    assert ann.got == []
    await crowd.ask(leave(dan))
    assert len(await crowd.logged()) == 2


async def test_a_room_that_shrinks_receives_presence_at_once(crowd: Scene) -> None:
    ann, _, cid = await fill(crowd)
    await crowd.ask(leave(cid))
    assert ann.got == ["[ann bob] 2"]


async def test_users_make_a_room_large_and_connections_do_not(crowd: Scene) -> None:
    ann = await crowd.join("ann")
    await crowd.join("ann")
    await crowd.join("ann")
    ann.forget()
    await crowd.join("bob")
    assert ann.got == ["2 * bob has joined the chat", "[ann bob] 2"]
