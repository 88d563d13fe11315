from tests.hub.scene import ROOM, Recorder, Scene, WatchedStore, forget, join, leave, say
from trio_chat.protocol.events import Draft, Kind
from trio_chat.protocol.names import prepare_name


async def test_a_newcomer_receives_its_notice_and_then_the_presence(scene: Scene) -> None:
    ann = await scene.join("ann")
    assert ann.got == ["1 * ann has joined the chat", "[ann] 1"]


async def test_a_leave_is_sent_to_the_remaining_members(scene: Scene) -> None:
    ann, bob = await scene.members("ann", "bob")
    await scene.ask(leave(bob))
    assert ann.got == ["3 * bob has left the chat", "[ann] 1"]
    assert bob.got == []


async def test_a_join_and_a_leave_are_stored_once_each(scene: Scene) -> None:
    ann = await scene.join("ann")
    await scene.ask(leave(ann))
    assert await scene.logged() == ["1 *: ann has joined the chat", "2 *: ann has left the chat"]


async def test_a_notice_names_its_kind_and_the_user_as_displayed(scene: Scene) -> None:
    ann = await scene.join("Ann")
    other = await scene.join("ANN")
    await scene.ask(leave(ann))
    await scene.ask(leave(other))
    page = await scene.store.read_before(ROOM, 9, 9)
    notices = [(event.kind, event.username) for event in page.events]
    assert notices == [(Kind.JOINED, "Ann"), (Kind.LEFT, "Ann")]


async def test_only_a_second_connection_itself_receives_the_presence(scene: Scene) -> None:
    ann, bob = await scene.members("ann", "bob")
    again = await scene.join("ann")
    assert again.got == ["[ann bob] 2"]
    assert ann.got == bob.got == []


async def test_a_user_leaves_with_the_last_connection(scene: Scene) -> None:
    ann, bob = await scene.join("ann"), await scene.join("bob")
    again = await scene.join("ann")
    bob.forget()
    await scene.ask(leave(ann))
    assert bob.got == []
    await scene.ask(leave(again))
    assert bob.got == ["3 * ann has left the chat", "[bob] 1"]


async def test_equal_names_are_one_user_with_the_first_spelling(scene: Scene) -> None:
    await scene.join("Ann")
    other = await scene.join("ANN")
    assert other.got == ["[Ann] 1"]
    await scene.ask(say(other, "hi"))
    assert other.got[1:] == ["2 Ann: hi"]


async def test_a_user_may_return_with_another_spelling(scene: Scene) -> None:
    await scene.ask(leave(await scene.join("Ann")))
    other = await scene.join("ANN")
    assert other.got == ["3 * ANN has joined the chat", "[ANN] 1"]


async def test_a_user_has_one_spelling_in_all_rooms(scene: Scene) -> None:
    ann, other = await scene.join("Ann"), await scene.join("ANN", room="dev")
    assert other.got == ["1 * Ann has joined the chat", "[Ann] 1"]
    await scene.ask(leave(ann))
    assert (await scene.join("ann", room="third")).got[-1] == "[Ann] 1"
    await scene.ask(say(other, "hi", "dev"))
    assert other.got[-1] == "2 Ann: hi"


async def test_connections_that_have_not_joined_share_a_spelling(scene: Scene) -> None:
    ann, other = Recorder(), Recorder()
    assert scene.hub.names.hold(ann, prepare_name("Ann")) == "Ann"
    assert scene.hub.names.hold(other, prepare_name("ANN")) == "Ann"
    await scene.ask(join(other, "ANN"))
    assert other.got[-1] == "[Ann] 1"
    await scene.ask(leave(ann), leave(other))
    assert len(scene.hub.names) == 0


async def test_a_user_who_may_return_keeps_the_spelling(scene: Scene) -> None:
    await scene.ask(leave(await scene.join("Ann"), may_return=True))
    assert scene.hub.names.hold(Recorder(), prepare_name("ANN")) == "Ann"


async def test_messages_stay_in_their_room(scene: Scene) -> None:
    ann, bob = await scene.join("ann"), await scene.join("bob", room="dev")
    forget(ann, bob)
    await scene.ask(say(ann, "hi"), say(bob, "ho", "dev"))
    assert (ann.got, bob.got) == (["2 ann: hi"], ["2 bob: ho"])


async def test_an_ended_connection_leaves_every_room(scene: Scene) -> None:
    ann, bob = await scene.join("ann"), await scene.join("bob", room="dev")
    await scene.ask(join(ann, "ann", "dev"))
    bob.forget()
    await scene.ask(leave(ann))
    assert bob.got == ["3 * ann has left the chat", "[bob] 1"]
    assert (await scene.logged())[-1] == "2 *: ann has left the chat"


async def test_the_cut_is_the_newest_stored_event(scene: Scene) -> None:
    await scene.store.append([Draft(str(n), ROOM, "eve", "old", 0) for n in range(7)])
    ann = await scene.join("ann")
    assert (ann.admission.join.room, ann.admission.cut) == (ROOM, 7)
    assert ann.got[0] == "8 * ann has joined the chat"


async def test_the_cut_precedes_later_events_of_the_same_turn(scene: Scene) -> None:
    ann, bob = await scene.join("ann"), Recorder()
    await scene.ask(say(ann, "before"), join(bob, "bob"), say(ann, "after"))
    assert bob.admission.cut == 2
    assert bob.got == ["3 * bob has joined the chat", "4 ann: after", "[ann bob] 2"]


async def test_requests_after_a_leave_have_no_effect(scene: Scene) -> None:
    ann, bob = await scene.join("ann"), await scene.join("bob")
    await scene.ask(leave(bob))
    ann.forget()
    await scene.ask(say(bob, "a ghost"), leave(bob))
    assert ann.got == []
    assert len(await scene.logged()) == 3


async def test_leaving_without_joining_sends_nothing(scene: Scene) -> None:
    (ann,) = await scene.members("ann")
    await scene.ask(leave(Recorder()))
    assert ann.got == []


async def test_a_member_that_joins_and_leaves_in_a_turn_receives_events_between(
    scene: Scene,
) -> None:
    ann, bob = await scene.join("ann"), Recorder()
    ann.forget()
    await scene.ask(join(bob, "bob"), say(bob, "hi"), leave(bob), say(ann, "gone"))
    assert bob.got == ["2 * bob has joined the chat", "3 bob: hi"]
    assert ann.got == [*bob.got, "4 * bob has left the chat", "5 ann: gone", "[ann] 1"]


async def test_a_connection_that_joins_and_leaves_in_a_turn_receives_no_presence(
    scene: Scene,
) -> None:
    await scene.join("ann")
    other = Recorder()
    await scene.ask(join(other, "ann"), leave(other))
    assert other.got == []


async def test_new_rooms_of_a_turn_are_one_query(watched: Scene, store: WatchedStore) -> None:
    ann = Recorder()
    await watched.ask(*(join(ann, "ann", room) for room in ("general", "dev", "dev", "ops")))
    assert [sorted(rooms) for rooms in store.looked_up] == [["dev", "general", "ops"]]
    await watched.ask(join(ann, "ann", "dev"))
    assert len(store.looked_up) == 1
