"""Joins and history after events that another node stored."""

import pytest

from tests.cluster.nodes import Pair, cut
from tests.hub.scene import ROOM, Recorder, Scene, leave, say
from trio_chat.access.names import prepare_name
from trio_chat.errors import DamagedData
from trio_chat.hub import heads
from trio_chat.hub.requests import InTurn, Join
from trio_chat.protocol.commands import Since
from trio_chat.protocol.encodings import Encoding
from trio_chat.store.base import Page

V2 = Encoding.VERSION_2


def in_memory(scene: Scene, room: str) -> list[str] | None:
    """Return the texts that a join receives without a read of the store."""
    page = scene.hub.recent.before(room, scene.hub._rooms.by_name[room].epoch, None, 50)
    return None if page is None else [event.message for event in page.events]


async def test_a_lost_deletion_does_not_leave_the_text_in_memory(pair: Pair) -> None:
    scene = pair.scene
    await pair.receive(())
    pair.request(())  # is lost
    causes = (pair.request(()), InTurn(scene.cluster.disconnected), pair.connected)
    for number, request in enumerate(causes):
        room = f"room-{number}"  # a new room is in memory without a read
        ann = await scene.join("ann", room=room, encoding=V2)
        await pair.ask(say(ann, "secret", room))
        assert in_memory(scene, room) == ["ann has joined the chat", "secret"]
        await pair.ask(request)
        assert in_memory(scene, room) is None


async def test_a_read_overtaken_by_a_gap_is_not_kept_in_memory(pair: Pair) -> None:
    await pair.ask(pair.connected, say(pair.ann, "secret"))
    for gap in ([], [pair.connected]):
        with pair.scene.hub.recent.filling(ROOM) as filling:
            page = await pair.store.read_before(ROOM, 1 << 60, 50)
            await pair.ask(*gap)
            filling.keep_page(page)
        assert (in_memory(pair.scene, ROOM) is None) == bool(gap)


def coming(room: str, since: int) -> tuple[Recorder, Join]:
    """Return a join of Ann after she received this many events on another node."""
    again = Recorder(V2, waits=True)
    return again, Join(again, room, prepare_name("ann"), Since(since, "the epoch"))


async def test_a_client_finds_the_events_it_received_on_another_node(pair: Pair) -> None:
    pair.stores("one", "two")
    again, request = coming(ROOM, since=3)
    await pair.ask(request)
    assert cut(again) == 3
    assert pair.got == ["2 eve: one", "3 eve: two"]


async def test_a_room_that_was_empty_catches_up_at_a_join(pair: Pair) -> None:
    await pair.ask(leave(pair.ann, may_return=True))
    pair.stores("one")
    again, request = coming(ROOM, since=1)
    await pair.ask(request)
    assert cut(again) == 2


@pytest.mark.parametrize("what", ["fails", "reads_fail"])
async def test_a_client_ahead_of_this_node_is_refused_in_an_outage(pair: Pair, what: str) -> None:
    pair.stores("one")
    setattr(pair.store, what, True)
    again, request = coming(ROOM, since=2)
    bob, other = coming(ROOM, since=1)
    await pair.ask(request, other)
    assert again.errors == [("unavailable", None, ROOM)]
    assert (again.is_admitted, cut(bob), pair.got) == (False, 1, [])
    setattr(pair.store, what, False)
    await pair.ask(request)
    assert (cut(again), pair.got) == (2, ["2 eve: one"])
    again.activate()
    assert again.got == []


async def test_damaged_events_refuse_no_join(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    async def damaged(room: str, after: int, limit: int) -> Page:
        raise DamagedData(f"no {room} {after} {limit}")

    pair.stores("one")
    monkeypatch.setattr(pair.store, "read_after", damaged)
    again, request = coming(ROOM, since=2)
    await pair.ask(request)
    assert (again.errors, cut(again)) == ([], 1)


async def test_a_joined_room_is_read_first(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_READ_AT_ONCE", 1)
    for room in ("dev", "ops"):
        await pair.scene.join("ann", room=room, encoding=V2)
    pair.stores("one", room="dev")
    pair.stores("two", room="ops")
    pair.store.reads_fail = True
    await pair.ask(pair.connected)
    pair.store.reads_fail = False
    pair.stores("three", room="ops")
    again, request = coming("ops", since=3)
    await pair.ask(request)
    assert cut(again) == 3
