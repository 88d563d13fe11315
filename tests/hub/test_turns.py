"""A turn takes a batch, commits it once and writes to each member once."""

import pytest
import trio
import trio.testing

from tests.hub.scene import Recorder, Scene, Watched, WatchedStore, join, say, types
from trio_chat.hub.requests import Flush, Tick


async def test_the_messages_of_a_turn_are_one_commit_and_one_write(watched: Watched) -> None:
    ann, bob = await watched.join("ann"), await watched.join("bob")
    bob.forget()
    await watched.ask(say(ann, "one"), say(bob, "two"), types(ann), say(bob, "three"))
    assert watched.store.batches[2:] == [3]
    assert bob.writes == [["3 ann: one", "4 bob: two", "ann types", "5 bob: three"]]


async def test_notices_of_joins_in_a_turn_are_one_write(watched: Scene) -> None:
    (ann,) = await watched.members("ann")
    others = [Recorder() for _ in range(3)]
    await watched.ask(*(join(other, name) for other, name in zip(others, "bcd", strict=True)))
    notices = [f"{seq} * {name} has joined the chat" for seq, name in enumerate("bcd", 2)]
    assert ann.writes == [[*notices, "[ann b c d] 4"]]


async def test_flush_waits_until_members_have_received_everything_before(watched: Scene) -> None:
    (ann,) = await watched.members("ann")
    seen: list[list[str]] = []
    watched.put(say(ann, "one"), join(Recorder(), "bob"), Flush(lambda: seen.append(ann.got)))
    await watched.hub.flush()
    assert seen == [["2 ann: one", "3 * bob has joined the chat", "[ann bob] 2"]]


async def test_members_receive_nothing_before_the_commit_ends(watched: Watched) -> None:
    (ann,) = await watched.members("ann")
    watched.store.may_go_on = trio.Event()
    watched.store.appending = trio.Event()
    watched.put(types(ann), say(ann, "hi"))
    await watched.store.appending.wait()
    await trio.testing.wait_all_tasks_blocked()
    assert ann.got == []
    watched.store.may_go_on.set()
    await watched.hub.flush()
    assert ann.got == ["ann types", "2 ann: hi", "ann stops"]


async def test_a_turn_without_events_does_not_call_the_store(watched: Watched) -> None:
    ann = await watched.join("ann")
    batches = list(watched.store.batches)
    await watched.ask(types(ann), Tick())
    assert watched.store.batches == batches


async def test_a_bug_in_the_store_ends_the_hub_which_then_refuses_requests() -> None:
    store = WatchedStore()
    scene = Scene(store)
    ann = Recorder()
    scene.put(join(ann, "ann"))
    store.fault = ValueError("a bug")
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="a bug")):
        await scene.hub.run()
    assert ann.got == []
    assert not ann.is_admitted
    with pytest.raises(trio.BrokenResourceError):
        scene.put(Tick())
