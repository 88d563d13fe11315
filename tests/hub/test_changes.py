"""Edits and deletions are recorded before a member receives them, wherever they were made."""

import trio
import trio.testing

from tests.cluster.nodes import Cluster
from tests.hub.scene import ROOM, Recorder, Scene, delete, edit, leave, say
from trio_chat.hub.limits import EMPTY_SECONDS
from trio_chat.protocol.commands import LeaveRoom
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import Event, Kind

V2 = Encoding.VERSION_2


async def test_changes_are_recorded_before_a_member_receives_an_edit(scene: Scene) -> None:
    ann = await scene.join("ann", encoding=V2)
    await scene.ask(say(ann, "hi"))
    page = (await scene.store.read_before(ROOM, 3, 1)).events
    seen: list[tuple[Event, ...]] = []
    with ann.admission.changes.reading() as reading:
        ann.on_offer = lambda: seen.append(reading.apply(page))
        await scene.ask(edit(ann, "id-2", "ho"), delete(ann, "id-2"))
    ((event,),) = seen
    assert (event.message, event.is_deleted) == ("", True)


async def test_changes_of_another_node_are_recorded(nursery: trio.Nursery) -> None:
    cluster = Cluster(nursery)
    await cluster.meet()
    ann = await cluster.join(0, "ann")
    bob = await cluster.join(1, "bob")
    await cluster[0].scene.ask(say(ann, "hi"))
    await cluster.settle()
    (page,) = [
        (event,)
        for event in (await cluster.store.read_after(ROOM, 0, 9)).events
        if event.kind is Kind.MESSAGE
    ]
    with bob.admission.changes.reading() as reading:
        await cluster[0].scene.ask(delete(ann, page[0].id))
        await cluster.settle()
        assert reading.apply(page)[0].is_deleted


async def test_closing_a_room_makes_pages_being_read_stale(scene: Scene) -> None:
    bob: Recorder = await scene.join("bob", encoding=V2)
    with bob.admission.changes.reading() as reading:
        await scene.ask(LeaveRoom(ROOM, member=bob), leave(bob))
        await scene.tick_after(EMPTY_SECONDS)
        assert reading.is_stale()
