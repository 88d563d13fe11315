"""What the hub keeps in memory of the rooms that are open."""

import pytest
import trio
import trio.testing

from tests.hub.scene import ROOM, Scene, edit, leave, read, say
from tests.support.clocks import jump
from trio_chat.hub.limits import EMPTY_SECONDS
from trio_chat.hub.requests import Tick
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import Draft
from trio_chat.store.memory import MemoryStore


@pytest.fixture
def scene(watched: Scene) -> Scene:
    return watched


def in_memory(scene: Scene) -> list[str] | None:
    """The texts of the events of the room."""
    (stand,) = [room.epoch for room in scene.hub._rooms.by_name.values() if room.name == ROOM]
    page = scene.hub.recent.before(ROOM, stand, None, 200)
    return None if page is None else [event.message for event in page.events]


async def test_a_new_room_is_in_memory_without_a_read(scene: Scene) -> None:
    ann = await scene.join("ann")
    await scene.ask(say(ann, "one"), say(ann, "two"))
    assert in_memory(scene) == ["ann has joined the chat", "one", "two"]
    epoch = scene.hub._rooms[ROOM].epoch
    await scene.ask(read(ann, 2))
    assert scene.hub.recent.marks(ROOM, epoch, ["ann", "bob"]) == {"ann": 2}


async def test_a_room_with_events_is_not_in_memory_before_a_read(nursery: trio.Nursery) -> None:
    store = MemoryStore()
    await store.append([Draft("id0", ROOM, "bob", "before", 0)])
    scene = Scene(store)
    nursery.start_soon(scene.hub.run)
    ann = await scene.join("ann")
    await scene.ask(say(ann, "one"))
    assert in_memory(scene) is None


async def test_an_edit_drops_the_page(scene: Scene) -> None:
    ann = await scene.join("ann", encoding=Encoding.VERSION_2)
    await scene.ask(say(ann, "one"))
    page = in_memory(scene)
    assert page is not None
    await scene.ask(edit(ann, "id-2", "two"))
    assert in_memory(scene) is None


async def test_a_closed_room_is_not_in_memory(scene: Scene) -> None:
    ann = await scene.join("ann")
    await scene.ask(say(ann, "one"))
    epoch = scene.hub._rooms[ROOM].epoch
    await scene.ask(leave(ann))
    jump(EMPTY_SECONDS)
    await scene.ask(Tick())
    assert ROOM not in scene.hub._rooms
    assert scene.hub.recent.before(ROOM, epoch, None, 1) is None


async def test_the_old_history_is_not_served_from_memory(scene: Scene) -> None:
    ann = await scene.join("ann")
    await scene.ask(say(ann, "one"))
    epoch = scene.hub._rooms[ROOM].epoch
    await scene.store.take_new_epoch(scene.store.epoch)
    await scene.ask(Tick())
    assert scene.hub._rooms[ROOM].epoch != epoch
    assert scene.hub.recent.before(ROOM, epoch, None, 1) is None
    assert in_memory(scene) is None
