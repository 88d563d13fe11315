"""Joining and leaving: notices, names and the cut between history and live messages."""

import pytest

from tests.hub.scene import ROOM, Recorder, Scene, Watched, forget, join, leave, say
from trio_chat.access.names import prepare_name
from trio_chat.protocol.events import Draft, Kind


@pytest.fixture
async def ann(scene: Scene) -> Recorder:
    return await scene.join("Ann")


async def test_a_join_and_a_leave_are_stored_and_sent(scene: Scene, ann: Recorder) -> None:
    assert ann.got == ["1 * Ann has joined the chat", "[Ann] 1"]
    (bob,) = await scene.members("bob")
    ann.forget()
    await scene.ask(leave(bob))
    assert ann.got == ["3 * bob has left the chat", "[Ann] 1"]
    assert bob.got == []
    page = await scene.store.read_before(ROOM, 9, 9)
    notices = [(event.kind, event.username) for event in page.events]
    assert notices == [(Kind.JOINED, "Ann"), (Kind.JOINED, "bob"), (Kind.LEFT, "bob")]


async def test_connections_of_a_user_count_as_one(scene: Scene, ann: Recorder) -> None:
    bob = await scene.join("bob")
    forget(ann, bob)
    again = await scene.join("ann")
    assert again.got == ["[Ann bob] 2"]
    await scene.ask(leave(ann))
    assert ann.got == bob.got == []
    await scene.ask(leave(again))
    assert bob.got == ["3 * Ann has left the chat", "[bob] 1"]


async def test_equal_names_are_one_user_of_the_first_spelling(scene: Scene, ann: Recorder) -> None:
    other = await scene.join("ANN", room="dev")
    assert other.got == ["1 * Ann has joined the chat", "[Ann] 1"]
    await scene.ask(leave(ann))
    assert (await scene.join("ann", room="third")).got[-1] == "[Ann] 1"
    await scene.ask(say(other, "hi", "dev"))
    assert other.got[-1] == "2 Ann: hi"


async def test_a_user_may_return_with_another_spelling(scene: Scene, ann: Recorder) -> None:
    await scene.ask(leave(ann))
    other = await scene.join("ANN")
    assert other.got == ["3 * ANN has joined the chat", "[ANN] 1"]
    await scene.ask(leave(other, may_return=True))
    assert scene.hub.names.hold(Recorder(), prepare_name("ann")) == "ANN"


async def test_connections_that_have_not_joined_share_a_spelling(scene: Scene) -> None:
    ann, other = Recorder(), Recorder()
    assert scene.hub.names.hold(ann, prepare_name("Ann")) == "Ann"
    assert scene.hub.names.hold(other, prepare_name("ANN")) == "Ann"
    await scene.ask(join(other, "ANN"))
    assert other.got[-1] == "[Ann] 1"
    await scene.ask(leave(ann), leave(other))
    assert len(scene.hub.names) == 0


async def test_an_ended_connection_leaves_every_room(scene: Scene, ann: Recorder) -> None:
    bob = await scene.join("bob", room="dev")
    await scene.ask(join(ann, "ann", "dev"))
    bob.forget()
    await scene.ask(leave(ann))
    assert bob.got == ["3 * Ann has left the chat", "[bob] 1"]
    assert (await scene.stored())[-1] == "2 *: Ann has left the chat"


async def test_the_cut_is_the_newest_stored_event(scene: Scene) -> None:
    await scene.store.append([Draft(str(n), ROOM, "eve", "old", 0) for n in range(7)])
    ann = await scene.join("ann")
    assert (ann.admission.join.room, ann.admission.cut) == (ROOM, 7)
    assert ann.got[0] == "8 * ann has joined the chat"


async def test_the_cut_precedes_later_events_of_the_same_turn(scene: Scene, ann: Recorder) -> None:
    ann.forget()
    bob = Recorder()
    await scene.ask(say(ann, "before"), join(bob, "bob"), say(ann, "after"))
    assert bob.admission.cut == 2
    assert bob.got == ["3 * bob has joined the chat", "4 Ann: after", "[Ann bob] 2"]
    assert ann.writes == [["2 Ann: before"], bob.got]


async def test_requests_after_a_leave_have_no_effect(scene: Scene, ann: Recorder) -> None:
    bob = await scene.join("bob")
    await scene.ask(leave(bob))
    ann.forget()
    await scene.ask(say(bob, "a ghost"), leave(bob), leave(Recorder()))
    assert ann.got == []
    assert len(await scene.stored()) == 3


async def test_a_member_of_one_turn_receives_the_events_between(
    scene: Scene, ann: Recorder
) -> None:
    bob, other = Recorder(), Recorder()
    ann.forget()
    await scene.ask(join(bob, "bob"), say(bob, "hi"), leave(bob), say(ann, "gone"))
    assert bob.got == ["2 * bob has joined the chat", "3 bob: hi"]
    assert ann.got == [*bob.got, "4 * bob has left the chat", "5 Ann: gone", "[Ann] 1"]
    await scene.ask(join(other, "ann"), leave(other))
    assert other.got == []


async def test_new_rooms_of_a_turn_are_one_query(watched: Watched) -> None:
    ann = Recorder()
    await watched.ask(*(join(ann, "ann", room) for room in ("general", "dev", "dev", "ops")))
    assert [sorted(rooms) for rooms in watched.store.looked_up] == [["dev", "general", "ops"]]
    await watched.ask(join(ann, "ann", "dev"))
    assert len(watched.store.looked_up) == 1
