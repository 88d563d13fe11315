"""The messages that members of version 2 receive, beside plain ones in the same room."""

import pytest

from tests.hub.scene import (
    ROOM,
    Recorder,
    Scene,
    delete,
    edit,
    forget,
    join,
    leave,
    read,
    say,
    types,
)
from trio_chat.access.names import prepare_name
from trio_chat.hub.requests import Join, Publish
from trio_chat.hub.users import GRACE_SECONDS
from trio_chat.protocol.commands import LeaveRoom, SetTyping
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import Author

V2 = Encoding.VERSION_2


@pytest.fixture
async def ann(scene: Scene) -> Recorder:
    return await scene.join("ann", encoding=V2)


@pytest.fixture
async def bob(scene: Scene, ann: Recorder) -> Recorder:
    bob = await scene.join("bob", encoding=V2)
    ann.forget()
    return bob


async def test_plain_members_receive_lists_and_others_changes(scene: Scene, ann: Recorder) -> None:
    assert ann.got == ["1 * ann has joined the chat"]
    assert [name.shown for name in ann.admission.members] == ["ann"]
    assert (ann.admission.count, ann.admission.cut) == (1, 0)
    pia = await scene.join("pia")
    forget(ann, pia)
    await scene.join("bob", encoding=V2)
    assert ann.got == ["+bob 3", "3 * bob has joined the chat"]
    assert pia.got == ["3 * bob has joined the chat", "[ann bob pia] 3"]


async def test_members_that_join_together_receive_changes_after_their_own(scene: Scene) -> None:
    ann, bob = Recorder(V2, Author("ann", "a")), Recorder(V2, Author("bob", "b"))
    await scene.ask(join(ann, "ann"), join(bob, "bob"))
    notices = ["1 * ann has joined the chat", "2 * bob has joined the chat"]
    assert ann.got == ["+bob 2", *notices]
    assert bob.got == notices
    assert [name.shown for name in ann.admission.members] == ["ann"]
    assert [name.shown for name in bob.admission.members] == ["ann", "bob"]


async def test_joining_again_makes_a_member_pending_without_a_notice(
    scene: Scene, ann: Recorder, bob: Recorder
) -> None:
    first = ann.admission
    bob.forget()
    ann.waits = True
    await scene.ask(join(ann, "ann"), say(bob, "hi"))
    assert ann.admission is not first
    assert (ann.admission.cut, ann.got, bob.got) == (2, [], ["3 bob: hi"])
    ann.activate()
    assert ann.got == ["3 bob: hi"]


async def test_joining_again_pending_brings_every_event_once(scene: Scene, ann: Recorder) -> None:
    bob = await scene.join("bob", encoding=V2, waits=True)
    first = bob.admission
    await scene.ask(say(ann, "one"), join(bob, "bob"), say(ann, "two"))
    second = bob.admission
    first.activate([])
    assert bob.got == ["2 * bob has joined the chat", "3 ann: one"]
    assert (ann.admission.sent, first.sent, second.sent, second.cut) == (4, None, None, 3)
    second.activate([])
    assert second.sent == 4
    await scene.ask(say(ann, "three"))
    assert bob.got[2:] == ["4 ann: two", "5 ann: three"]


@pytest.mark.parametrize("gives_up_first", [False, True])
async def test_leaving_while_pending_is_acknowledged(scene: Scene, *, gives_up_first: bool) -> None:
    bob = await scene.join("bob", encoding=V2, waits=True)
    if gives_up_first:
        bob.admission.discard()
    await scene.ask(LeaveRoom(ROOM, "r1", member=bob))
    if not gives_up_first:
        bob.admission.discard()
    assert bob.got == ["ack r1"]


async def test_a_discarded_subscription_keeps_nothing(scene: Scene, ann: Recorder) -> None:
    bob = await scene.join("bob", encoding=V2, waits=True)
    bob.admission.discard()
    await scene.ask(say(ann, "hi"))
    bob.activate()
    assert bob.got == []


async def test_leaving_a_room_is_acknowledged_and_announced_at_once(
    scene: Scene, ann: Recorder, bob: Recorder
) -> None:
    await scene.ask(join(bob, "bob", "dev"))
    bob.forget()
    await scene.ask(LeaveRoom(ROOM, "r1", member=bob), say(ann, "hi"))
    assert bob.got == ["ack r1"]
    assert ann.got == ["-bob 1", "3 * bob has left the chat", "4 ann: hi"]
    await scene.ask(say(bob, "here", "dev"), say(bob, "not here", ref="r2"))
    assert bob.got[1:] == ["2 bob: here"]
    assert bob.errors == [("not_joined", "r2", ROOM)]


async def test_leaving_follows_the_backlog(scene: Scene) -> None:
    bob = await scene.join("bob", encoding=V2, waits=True)
    await scene.ask(LeaveRoom(ROOM, "r1", member=bob))
    bob.activate()
    assert bob.got == ["1 * bob has joined the chat", "ack r1"]


async def test_requests_for_a_room_not_joined_are_refused(scene: Scene, ann: Recorder) -> None:
    await scene.join("bob", room="dev")
    for room in ("dev", "nowhere"):
        await scene.ask(
            LeaveRoom(room, "r1", member=ann),
            say(ann, "hi", room),
            SetTyping(is_typing=True, room=room, member=ann),
            read(ann, 1, room),
        )
        assert ann.errors == [
            ("not_joined", "r1", room),
            ("not_joined", None, room),
            ("not_joined", None, room),
            ("not_joined", None, room),
        ]
        ann.errors.clear()


async def test_a_user_who_returns_in_time_is_not_announced(
    scene: Scene, ann: Recorder, bob: Recorder
) -> None:
    await scene.ask(types(bob))
    ann.forget()
    await scene.ask(leave(bob, may_return=True))
    assert ann.got == ["bob stops"]
    await scene.tick_after(GRACE_SECONDS - 0.1)
    assert ann.got == ["bob stops"]
    back = await scene.join("bob", encoding=V2)
    await scene.tick_after(GRACE_SECONDS)
    assert ann.got == ["bob stops"]
    assert back.got == []


async def test_a_message_follows_its_ack_in_the_same_write(scene: Scene) -> None:
    ann, bob = await scene.members("ann", "bob", encoding=V2)
    before = scene.metrics.deliveries.count
    await scene.ask(say(ann, "hi", ref="r1"), say(bob, "ho"), say(ann, "so", ref="r2"))
    seen = ["3 ann: hi", "4 bob: ho", "5 ann: so"]
    assert ann.writes == [["ack r1 3", "ack r2 5", *seen]]
    assert bob.writes == [seen]
    assert scene.metrics.deliveries.count == before + 2 * len(seen)


async def test_each_room_acknowledges_its_own(scene: Scene, ann: Recorder) -> None:
    await scene.ask(Join(ann, "dev", prepare_name("ann")))
    ann.forget()
    there = Publish(ann, "dev", "ho", "r2")
    await scene.ask(say(ann, "hi", ref="r1"), there, there)
    assert ann.writes == [["ack r1 2", "2 ann: hi"], ["ack r2 2", "ack r2 2 again", "2 ann: ho"]]


async def test_a_pending_member_receives_acks_at_once(scene: Scene, ann: Recorder) -> None:
    ann.waits = True
    await scene.ask(join(ann, "ann"))
    ann.forget()
    await scene.ask(say(ann, "hi", ref="r1"))
    assert ann.got == ["ack r1 2"]
    ann.admission.activate([])
    assert ann.got == ["ack r1 2", "2 ann: hi"]


async def test_only_version_2_members_receive_changes(scene: Scene, ann: Recorder) -> None:
    pia = await scene.join("pia")
    await scene.ask(say(ann, "hi"))
    forget(ann, pia)
    await scene.ask(edit(ann, "id-3", "ho", "r1"), delete(ann, "id-3", "r2"))
    assert ann.got == ["ack r1 4", "ack r2 5", "4 edited id-3: ho", "5 deleted id-3: "]
    assert pia.got == []
    assert (await scene.stored())[2:] == ["3 ann: ", "4 ann: ", "5 ann: "]


@pytest.mark.parametrize(("target", "code"), [("id-2", "forbidden"), ("nothing", "not_found")])
async def test_changes_that_the_store_refuses_are_answered(
    scene: Scene, ann: Recorder, target: str, code: str
) -> None:
    await scene.ask(say(ann, "hi"))
    bob = await scene.join("bob", encoding=V2)
    ann.forget()
    await scene.ask(edit(bob, target, "ho", "r1"))
    assert (bob.errors, ann.got) == ([(code, "r1", ROOM)], [])


async def test_an_edit_does_not_end_typing(scene: Scene, ann: Recorder) -> None:
    await scene.ask(say(ann, "hi"), types(ann))
    ann.forget()
    await scene.ask(edit(ann, "id-2", "ho"))
    assert ann.got == ["3 edited id-2: ho"]
    await scene.ask(say(ann, "more"))
    assert ann.got[1:] == ["4 ann: more", "ann stops"]
