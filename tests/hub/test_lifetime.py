"""How the hub ends, what it does as time passes, and what it counts."""

import pytest
import trio
import trio.testing

from tests.hub.scene import (
    HISTORY,
    LivingStore,
    Recorder,
    Scene,
    Watched,
    WatchedStore,
    join,
    leave,
    read,
    say,
    types,
)
from tests.support.clocks import jump
from trio_chat.hub.requests import Request, Tick
from trio_chat.protocol.encodings import Encoding


@pytest.fixture
def store() -> WatchedStore:
    return LivingStore()


async def test_the_clock_ticks_four_times_a_second(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    scene = Scene()
    nursery.start_soon(scene.hub.run)
    nursery.start_soon(scene.hub.keep_time)
    (ann,) = await scene.members("ann")
    times: list[float] = []
    ann.on_offer = lambda: times.append(trio.current_time())
    autojump_clock.jump(0.1)  # between two ticks
    await scene.ask(types(ann))
    await trio.sleep(7)
    assert 6.0 <= times[1] - times[0] <= 6.25


async def test_a_tick_looks_only_at_rooms_in_which_something_may_expire(scene: Scene) -> None:
    restless = scene.hub._rooms._restless
    for room in ("one", "two", "three", "four"):
        await scene.join("eve", room=room)
    ann = await scene.join("ann", room="one")
    bob = await scene.join("bob", room="two", encoding=Encoding.VERSION_2)
    assert not restless
    await scene.ask(types(ann, "one"), leave(bob, may_return=True), read(ann, 1, "one"))
    assert [room.name for room in restless] == ["one", "two"]
    await scene.tick_after(6.0)
    assert not restless


async def test_an_empty_room_of_notices_closes_after_a_minute(watched: Watched) -> None:
    ann = await watched.join("ann")
    await watched.tick_after(100)
    epoch = ann.admission.epoch
    await watched.ask(leave(ann))
    await watched.tick_after(59.9)
    assert watched.store.forgotten == []
    await watched.tick_after(0.1)
    await watched.tick_after(60)
    assert watched.store.forgotten == ["general"]
    again = await watched.join("ann")
    assert again.got == ["1 * ann has joined the chat", "[ann] 1"]
    assert again.admission.epoch != epoch


async def test_an_empty_room_with_messages_closes_after_an_hour(watched: Watched) -> None:
    for room in ("spoken", "quiet", "spoken-too"):
        member = await watched.join("ann", room=room)
        if room.startswith("spoken"):
            await watched.ask(say(member, "hi", room))
        await watched.ask(leave(member))
    await watched.tick_after(60)
    assert watched.store.forgotten == ["quiet"]
    await watched.tick_after(3539.9)
    assert watched.store.forgotten == ["quiet"]
    await watched.tick_after(0.1)
    assert watched.store.forgotten == ["quiet", "spoken", "spoken-too"]
    again = await watched.join("ann", room="spoken")
    assert again.got == ["1 * ann has joined the chat", "[ann] 1"]


async def test_a_room_with_a_member_does_not_close(watched: Watched) -> None:
    await watched.ask(leave(await watched.join("ann")))
    await watched.join("bob")
    never_empty = await watched.join("ann", room="dev")
    await watched.join("bob", room="dev")
    await watched.ask(leave(never_empty))
    await watched.tick_after(10_000)
    assert watched.store.forgotten == []


@pytest.mark.parametrize("strikes_first", [False, True])
async def test_a_room_joined_at_its_end_stays(watched: Watched, *, strikes_first: bool) -> None:
    await watched.ask(leave(await watched.join("ann")))
    jump(3600)
    bob = Recorder()
    both: list[Request] = [join(bob, "bob"), Tick()]
    await watched.ask(*(reversed(both) if strikes_first else both))
    assert bob.errors == []
    assert watched.store.forgotten == []
    assert bob.got[0] == "3 * bob has joined the chat"


async def test_each_turn_is_timed(scene: Scene) -> None:
    for _ in range(3):
        await scene.ask(Tick())
    sample = scene.metrics._registry.get_sample_value
    assert sample("trio_chat_hub_turn_seconds_count") == 3
    assert (sample("trio_chat_hub_turn_seconds_sum") or 0) < 1


async def test_history_does_not_count_as_delivery(scene: Scene) -> None:
    ann = await scene.join("ann", waits=True)
    ann.activate(HISTORY)
    assert scene.metrics.deliveries.count == 0
