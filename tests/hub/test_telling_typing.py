from tests.hub.scene import Recorder, Scene, forget, join, leave, say, stops, types
from tests.support.clocks import jump
from trio_chat.hub.requests import Tick


async def pair(scene: Scene) -> tuple[Recorder, Recorder]:
    """Ann and Bob, who have heard all that was said so far."""
    ann, bob = await scene.members("ann", "bob")
    return ann, bob


async def test_all_members_receive_typing_the_typist_included(scene: Scene) -> None:
    ann, bob = await pair(scene)
    await scene.ask(types(ann))
    assert ann.got == bob.got == ["ann types"]


async def test_typing_is_not_stored(scene: Scene) -> None:
    ann, _ = await pair(scene)
    await scene.ask(types(ann), stops(ann))
    assert len(await scene.logged()) == 2


async def test_only_changes_of_typing_are_sent(scene: Scene) -> None:
    ann, bob = await pair(scene)
    await scene.ask(types(ann))
    await scene.ask(types(ann))
    await scene.ask(stops(ann))
    await scene.ask(stops(ann))
    assert bob.got == ["ann types", "ann stops"]


async def test_typing_ends_after_six_seconds(scene: Scene) -> None:
    ann, bob = await pair(scene)
    await scene.ask(types(ann))
    await scene.tick_after(5.99)
    assert bob.got == ["ann types"]
    await scene.tick_after(0.01)
    assert bob.got == ["ann types", "ann stops"]


async def test_a_message_ends_the_typing_of_its_author(scene: Scene) -> None:
    ann, bob = await pair(scene)
    await scene.ask(types(ann), types(bob), say(ann, "hi"))
    assert bob.got == ["ann types", "bob types", "3 ann: hi", "ann stops"]


async def test_leaving_ends_typing(scene: Scene) -> None:
    ann, bob = await pair(scene)
    await scene.ask(types(ann), leave(ann))
    assert bob.got == ["ann types", "ann stops", "3 * ann has left the chat", "[bob] 1"]


async def test_typing_continues_while_another_connection_remains(scene: Scene) -> None:
    ann, bob = await pair(scene)
    await scene.join("ann")
    await scene.ask(types(ann), leave(ann))
    assert bob.got == ["ann types"]


async def test_typing_of_a_member_that_has_left_is_ignored(scene: Scene) -> None:
    ann, bob = await pair(scene)
    await scene.ask(leave(ann))
    bob.forget()
    await scene.ask(types(ann), stops(ann))
    assert bob.got == []


async def test_typing_is_shown_under_the_name_first_given(scene: Scene) -> None:
    ann = await scene.join("Ann")
    other = await scene.join("ANN")
    ann.forget()
    await scene.ask(types(other))
    assert ann.got == ["Ann types"]


async def test_rooms_do_not_share_typing(scene: Scene) -> None:
    ann, bob = await pair(scene)
    await scene.ask(join(ann, "ann", "dev"))
    await scene.ask(types(ann, "dev"))
    assert bob.got == []


# --- crowds: at most one change a second in all ---------------------------------------------------


async def crowded(crowd: Scene) -> list[Recorder]:
    members = [await crowd.join(name) for name in ("ann", "bob", "cid")]
    forget(*members)
    return members


async def test_a_large_room_receives_one_change_of_typing_a_second(crowd: Scene) -> None:
    ann, bob, cid = await crowded(crowd)
    await crowd.ask(types(ann), types(bob))
    assert cid.got == ["ann types"]
    await crowd.tick_after(0.99)
    assert cid.got == ["ann types"]
    await crowd.tick_after(0.01)
    assert cid.got == ["ann types", "bob types"]


async def test_a_large_room_receives_an_end_before_a_start(crowd: Scene) -> None:
    ann, bob, cid = await crowded(crowd)
    await crowd.ask(types(ann), types(bob), stops(ann))
    await crowd.tick_after(1)
    assert cid.got == ["ann types", "ann stops"]
    await crowd.tick_after(1)
    assert cid.got == ["ann types", "ann stops", "bob types"]


async def test_typing_of_a_user_who_left_ends_in_a_large_room(crowd: Scene) -> None:
    ann, bob, _ = await crowded(crowd)
    await crowd.join("dan")
    await crowd.ask(types(ann), leave(ann))
    await crowd.tick_after(1)
    assert bob.got == ["ann types", "ann stops"]


async def test_a_large_room_receives_every_end_of_typing(crowd: Scene) -> None:
    ann, bob, cid = await crowded(crowd)
    await crowd.ask(types(ann))
    jump(1)
    await crowd.ask(types(bob))
    cid.forget()
    await crowd.tick_after(6)
    await crowd.ask(Tick())
    assert cid.got == ["ann stops"]
    await crowd.tick_after(1)
    assert cid.got == ["ann stops", "bob stops"]
