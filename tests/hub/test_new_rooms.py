"""The limit of new rooms of an address in an hour."""

from collections.abc import Sequence

import pytest
import trio
import trio.testing

from tests.hub.scene import (
    ROOM,
    LivingStore,
    Recorder,
    Scene,
    Watched,
    WatchedStore,
    join,
    leave,
    say,
)
from tests.support.clocks import jump
from trio_chat.access.names import prepare_name
from trio_chat.hub.requests import Join
from trio_chat.protocol.encodings import Encoding

HERE, ELSEWHERE = "192.0.2.7", "192.0.2.8"
LIMIT = 3


@pytest.fixture
def store() -> WatchedStore:
    return LivingStore()


@pytest.fixture
async def bounded(nursery: trio.Nursery, store: WatchedStore) -> Watched:
    """A hub on which an address may open three new rooms in an hour."""
    scene = Watched(store, rates=(0, LIMIT))
    nursery.start_soon(scene.hub.run)
    return scene


async def join_all(scene: Scene, *rooms: str, address: str = HERE) -> Recorder:
    """Join rooms in one turn."""
    member = Recorder(Encoding.VERSION_2)
    await scene.ask(*(join(member, "ann", room, address) for room in rooms))
    return member


def refused(member: Recorder) -> Sequence[str | None]:
    assert {code for code, _, _ in member.errors} <= {"limit_exceeded"}
    return [room for _, _, room in member.errors]


async def test_hub_refuses_new_rooms_beyond_the_limit(bounded: Scene) -> None:
    await bounded.join("bob", room="old", address=ELSEWHERE)
    member = await join_all(bounded, "a", "b", "c", "d", ROOM, "old", "e")
    assert refused(member) == ["d", "e"]
    assert sum("ann has joined" in line for line in member.got) == 5


async def test_a_refused_join_is_answered_with_its_ref(bounded: Scene) -> None:
    await join_all(bounded, "a", "b", "c")
    jump(600)
    member = Recorder(Encoding.VERSION_2)
    await bounded.ask(Join(member, "d", prepare_name("ann"), ref="r1", address=HERE))
    assert member.errors == [("limit_exceeded", "r1", "d")]
    assert member.retry_after_ms == 3_000_000
    jump(3000)
    assert refused(await join_all(bounded, "d")) == []


async def test_each_address_has_its_own_budget_of_new_rooms(bounded: Scene) -> None:
    await join_all(bounded, "a", "b", "c")
    assert refused(await join_all(bounded, "d", "e", "f", "g", address=ELSEWHERE)) == ["g"]
    assert refused(await join_all(bounded, "d", "h")) == ["h"]


async def test_one_join_pays_for_a_new_room_of_several(bounded: Scene) -> None:
    await join_all(bounded, "a", "b", "c")
    one, two = Recorder(), Recorder()
    await bounded.ask(join(one, "ann", "d", HERE), join(two, "bob", "d", ELSEWHERE))
    assert one.errors == two.errors == []


async def test_a_room_with_an_event_costs_nothing(bounded: Watched) -> None:
    member = await join_all(bounded, "a", "b", "c")
    await bounded.ask(say(member, "hi", "a"), leave(member))
    await bounded.tick_after(60)
    assert bounded.store.forgotten == ["b", "c"]
    assert refused(await join_all(bounded, "a", "b")) == ["b"]


async def test_hub_keeps_nothing_of_refused_rooms(bounded: Watched) -> None:
    await join_all(bounded, "a", "b", "c")
    for number in range(100):
        await join_all(bounded, f"more{number}")
    assert len(bounded.store._rooms) == LIMIT
    assert len(bounded.hub._rooms.by_name) == LIMIT


async def test_without_a_limit_all_rooms_open(scene: Scene) -> None:
    rooms = [f"room{number}" for number in range(300)]
    for begin in range(0, 300, 50):
        assert refused(await join_all(scene, *rooms[begin : begin + 50])) == []
