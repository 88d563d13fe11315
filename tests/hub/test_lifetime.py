"""How the hub ends, what it does as time passes, and what it counts."""

import pytest
import trio
import trio.testing
from prometheus_client.parser import text_string_to_metric_families

from tests.hub.scene import (
    HISTORY,
    LivingStore,
    Recorder,
    Scene,
    WatchedStore,
    join,
    leave,
    read,
    say,
    types,
)
from tests.support.clocks import jump
from trio_chat.hub.deliver import MEMBERS_BETWEEN_CHECKPOINTS
from trio_chat.hub.requests import Request, Tick
from trio_chat.protocol.encodings import Encoding


def metric(scene: Scene, name: str) -> float:
    for family in text_string_to_metric_families(scene.metrics.text().decode()):
        for sample in family.samples:
            if sample.name == name:
                return sample.value
    raise KeyError(name)


@pytest.fixture
def store() -> WatchedStore:
    """The store of `watched`."""
    return LivingStore()


# --- life and time --------------------------------------------------------------------------------


async def test_the_clock_ticks_four_times_a_second(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    scene = Scene()
    nursery.start_soon(scene.hub.run)
    nursery.start_soon(scene.hub.keep_time)
    (ann,) = await scene.members("ann")
    times: list[float] = []
    both_told = trio.Event()

    def note() -> None:
        times.append(trio.current_time())
        if len(times) == 2:
            both_told.set()

    ann.on_offer = note
    autojump_clock.jump(0.1)  # between two ticks
    await scene.ask(types(ann))
    await both_told.wait()
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


# --- rooms that nobody is in ----------------------------------------------------------------------


async def test_an_empty_room_of_notices_closes_after_a_minute(
    watched: Scene, store: WatchedStore
) -> None:
    ann = await watched.join("ann")
    await watched.tick_after(100)
    epoch = ann.admission.epoch
    await watched.ask(leave(ann))
    await watched.tick_after(59.9)
    assert store.forgotten == []
    await watched.tick_after(0.1)
    assert store.forgotten == ["general"]
    again = await watched.join("ann")
    assert again.got == ["1 * ann has joined the chat", "[ann] 1"]
    assert again.admission.epoch != epoch


async def test_an_empty_room_with_messages_closes_after_an_hour(
    watched: Scene, store: WatchedStore
) -> None:
    for room in ("spoken", "quiet", "spoken-too"):
        member = await watched.join("ann", room=room)
        if room.startswith("spoken"):
            await watched.ask(say(member, "hi", room))
        await watched.ask(leave(member))
    await watched.tick_after(60)
    assert store.forgotten == ["quiet"]
    await watched.tick_after(3539.9)
    assert store.forgotten == ["quiet"]
    await watched.tick_after(0.1)
    assert store.forgotten == ["quiet", "spoken", "spoken-too"]
    again = await watched.join("ann", room="spoken")
    assert again.got == ["1 * ann has joined the chat", "[ann] 1"]


async def test_a_room_closes_once(watched: Scene, store: WatchedStore) -> None:
    await watched.ask(leave(await watched.join("ann")))
    await watched.tick_after(3600)
    await watched.tick_after(3600)
    assert store.forgotten == ["general"]


async def test_a_room_with_a_member_does_not_close(watched: Scene, store: WatchedStore) -> None:
    await watched.ask(leave(await watched.join("ann")))
    await watched.join("bob")
    never_empty = await watched.join("ann", room="dev")
    await watched.join("bob", room="dev")
    await watched.ask(leave(never_empty))
    await watched.tick_after(10_000)
    assert store.forgotten == []


@pytest.mark.parametrize("strikes_first", [False, True])
async def test_a_room_joined_as_its_time_ends_does_not_close(
    watched: Scene, store: WatchedStore, *, strikes_first: bool
) -> None:
    await watched.ask(leave(await watched.join("ann")))
    jump(3600)
    bob = Recorder()
    both: list[Request] = [join(bob, "bob"), Tick()]
    await watched.ask(*(reversed(both) if strikes_first else both))
    assert bob.errors == []
    assert store.forgotten == []
    assert bob.got[0] == "3 * bob has joined the chat"


# --- metrics --------------------------------------------------------------------------------------


async def test_deliveries_and_bytes_are_counted_for_each_member(scene: Scene) -> None:
    ann, bob = await scene.join("ann"), await scene.join("bob")
    deliveries = metric(scene, "trio_chat_deliveries_total")
    size = metric(scene, "trio_chat_sent_bytes_total")
    before = ann.bytes_offered + bob.bytes_offered
    await scene.ask(say(ann, "one"), say(ann, "two"))
    assert metric(scene, "trio_chat_deliveries_total") - deliveries == 4
    assert metric(scene, "trio_chat_sent_bytes_total") - size == (
        ann.bytes_offered + bob.bytes_offered - before
    )


async def test_deliveries_are_counted_in_all_slices_of_a_big_room(scene: Scene) -> None:
    members = [Recorder() for _ in range(MEMBERS_BETWEEN_CHECKPOINTS + 44)]
    for begin in range(0, len(members), 50):
        await scene.ask(*(join(member, "ann") for member in members[begin : begin + 50]))
    before = metric(scene, "trio_chat_deliveries_total")
    await scene.ask(say(members[0], "hi"))
    assert metric(scene, "trio_chat_deliveries_total") - before == len(members)


async def test_each_turn_is_timed(scene: Scene) -> None:
    for _ in range(3):
        await scene.ask(Tick())
    assert metric(scene, "trio_chat_hub_turn_seconds_count") == 3
    assert metric(scene, "trio_chat_hub_turn_seconds_sum") < 1


async def test_history_does_not_count_as_delivery(scene: Scene) -> None:
    ann = await scene.join("ann", waits=True)
    ann.activate(HISTORY)
    assert metric(scene, "trio_chat_deliveries_total") == 0
