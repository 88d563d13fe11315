"""Pages in memory, and the changes that overtake pages being read."""

import pytest

from tests.hub.scene import ROOM, Recorder, Scene, delete, edit, leave, read, say
from trio_chat.hub.limits import EMPTY_SECONDS
from trio_chat.hub.requests import Tick
from trio_chat.protocol.commands import LeaveRoom
from trio_chat.protocol.encodings import Encoding


@pytest.fixture
async def ann(watched: Scene) -> Recorder:
    """A member of a room with one message."""
    ann = await watched.join("ann", encoding=Encoding.VERSION_2)
    await watched.ask(say(ann, "one"))
    return ann


def in_memory(scene: Scene, epoch: str) -> list[str] | None:
    page = scene.hub.recent.before(ROOM, epoch, None, 200)
    return None if page is None else [event.message for event in page.events]


async def test_a_new_room_is_in_memory_until_an_edit(watched: Scene, ann: Recorder) -> None:
    epoch = ann.admission.epoch
    assert in_memory(watched, epoch) == ["ann has joined the chat", "one"]
    await watched.ask(read(ann, 2))
    assert watched.hub.recent.marks(ROOM, epoch, ["ann", "bob"]) == {"ann": 2}
    await watched.ask(edit(ann, "id-2", "two"))
    assert in_memory(watched, epoch) is None


async def test_a_closed_room_is_not_in_memory(watched: Scene, ann: Recorder) -> None:
    with ann.admission.changes.reading() as reading:
        await watched.ask(LeaveRoom(ROOM, member=ann), leave(ann))
        await watched.tick_after(EMPTY_SECONDS)
        assert reading.is_stale()
    assert ROOM not in watched.hub._rooms.by_name
    assert in_memory(watched, ann.admission.epoch) is None


async def test_the_old_history_is_not_served_from_memory(watched: Scene, ann: Recorder) -> None:
    old = ann.admission.epoch
    await watched.store.take_new_epoch(watched.store.epoch)
    await watched.ask(Tick())
    assert ann.admission.epoch != old
    assert in_memory(watched, old) is None
    assert in_memory(watched, ann.admission.epoch) is None


async def test_changes_are_noted_before_edits_are_sent(watched: Scene, ann: Recorder) -> None:
    page = (await watched.store.read_before(ROOM, 3, 1)).events
    seen: list[tuple[str, bool]] = []
    with ann.admission.changes.reading() as reading:
        ann.on_offer = lambda: seen.extend(
            (event.message, event.is_deleted) for event in reading.apply(page)
        )
        await watched.ask(edit(ann, "id-2", "ho"), delete(ann, "id-2"))
    assert seen == [("", True)]
