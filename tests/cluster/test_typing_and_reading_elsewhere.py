"""Typing and read markers of members on another node."""

from collections.abc import Sequence
from functools import partial

import pytest
import trio
import trio.testing

from tests.cluster.nodes import Cluster
from tests.hub.scene import ROOM, WALL_MS, Recorder, WatchedStore, leave, read, say, stops, types
from tests.hub.test_outages import FailingStore
from tests.support.clocks import jump
from trio_chat.cluster import unseen
from trio_chat.cluster.envelope import Ask, Envelope, Snapshot, UserJoined
from trio_chat.cluster.peers import ASK_SECONDS, HEARTBEAT_SECONDS
from trio_chat.hub.ephemeral import READ_SECONDS, TYPING_SECONDS
from trio_chat.hub.plan import Typed
from trio_chat.hub.requests import InTurn, Request, Tick
from trio_chat.protocol.messages import HasRead


class Chat(Cluster):
    """Two nodes: Ann joined the first, then Eve the second."""

    ann: Recorder
    eve: Recorder

    async def ask(self, *requests: Request, number: int = 0) -> None:
        """Ask a node, and deliver all envelopes."""
        await self[number].ask(*requests)
        await self.settle()


@pytest.fixture
async def chat(nursery: trio.Nursery) -> Chat:
    chat = Chat(nursery)
    await chat.meet()
    chat.ann = await chat.join(0, "ann")
    chat.eve = await chat.join(1, "eve")
    chat.eve.forget()
    return chat


def new(member: Recorder) -> Sequence[str]:
    """Return and forget the frames of a member."""
    got = member.got
    member.forget()
    return got


async def test_typing_arrives_from_another_node(chat: Chat) -> None:
    await chat.ask(types(chat.ann))
    assert new(chat.eve) == ["ann types"]
    await chat.ask(types(chat.ann))
    assert new(chat.eve) == []
    await chat.ask(stops(chat.ann))
    assert new(chat.eve) == ["ann stops"]


async def test_typing_on_another_node_ends_by_itself(chat: Chat) -> None:
    await chat.ask(types(chat.ann))
    await chat.wait(TYPING_SECONDS - 1)
    await chat.ask(types(chat.ann))
    await chat.wait(TYPING_SECONDS - 1)
    assert new(chat.eve) == ["ann types"]
    await chat.wait(1)
    assert new(chat.eve) == ["ann stops"]


async def test_typing_and_sending_in_a_turn_ends_typing(chat: Chat) -> None:
    await chat.ask(types(chat.ann), say(chat.ann, "hi"))
    assert new(chat.eve) == ["3 ann: hi", "ann types", "ann stops"]


async def test_a_user_who_may_return_stops_typing(chat: Chat) -> None:
    await chat.ask(types(chat.ann))
    chat.eve.forget()
    await chat.leave(0, chat.ann, may_return=True)
    assert new(chat.eve) == ["ann stops"]


async def test_read_markers_arrive_from_another_node(chat: Chat) -> None:
    await chat.ask(read(chat.ann, 1))
    assert new(chat.eve) == ["ann read 1"]
    await chat.ask(read(chat.ann, 2))
    assert new(chat.eve) == []
    await chat.wait(READ_SECONDS)
    assert new(chat.eve) == ["ann read 2"]


async def test_the_highest_marker_wins_in_any_order(chat: Chat) -> None:
    again = await chat.join(1, "ann")
    await chat.ask(say(chat.ann, "one"), say(chat.ann, "two"))
    chat.eve.forget()
    await chat.ask(read(chat.ann, 1))
    await chat[0].ask(read(chat.ann, 2))
    await chat[1].ask(read(again, 3))
    await chat.settle()
    await chat.wait(READ_SECONDS)
    assert new(chat.eve) == ["ann read 1", "ann read 3"]


async def test_a_lower_marker_of_another_node_is_not_sent(chat: Chat) -> None:
    again = await chat.join(1, "ann")
    await chat.ask(read(chat.ann, 2))
    chat.eve.forget()
    await chat.ask(read(again, 1), number=1)
    await chat.ask(read(again, 2), number=1)
    assert new(chat.eve) == []
    assert await chat.store.marks(ROOM, ["ann"]) == {"ann": 2}


async def test_markers_sent_to_members_never_decrease(chat: Chat) -> None:
    again = await chat.join(1, "ann")
    await chat[0].ask(read(chat.ann, 1))  # its envelope is late
    late = list(chat[0].published.payloads)
    chat[0].published.payloads.clear()
    await chat[1].ask(read(again, 2))
    assert new(chat.eve)[-1] == "ann read 2"
    await chat.wait(READ_SECONDS)
    await chat.deliver(chat[1], late)
    await chat.wait(READ_SECONDS)
    assert new(chat.eve) == []


async def test_a_marker_set_during_an_outage_arrives_after_it(chat: Chat) -> None:
    chat[1].is_cut_off = True
    await chat.ask(read(chat.ann, 2))
    chat[1].is_cut_off = False
    assert new(chat.eve) == []
    await chat[1].connect()
    await chat.wait(2 * ASK_SECONDS)
    assert new(chat.eve) == ["ann read 2"]


async def test_a_marker_arrives_after_a_gap_though_its_user_moved(nursery: trio.Nursery) -> None:
    cluster = Chat(nursery, 3)
    await cluster.meet()
    eve = await cluster.join(1, "eve")
    ann = await cluster.join(0, "ann")
    cluster[1].is_cut_off = True
    await cluster.ask(read(ann, 2))
    await cluster.join(2, "ann")
    await cluster.leave(0, ann)
    cluster[1].is_cut_off = False
    eve.forget()
    await cluster.wait(2 * HEARTBEAT_SECONDS)
    assert new(eve)[-1] == "ann read 2"


async def test_a_snapshot_has_only_markers_of_users_on_its_node(chat: Chat) -> None:
    await chat.ask(read(chat.ann, 2))
    assert new(chat.eve) == ["ann read 2"]
    snapshots = [list(node.scene.cluster._markers()) for node in chat.nodes]
    assert snapshots == [[HasRead(ROOM, "ann", "ann", 2)], []]
    await chat.join(1, "ann")
    assert list(chat[1].scene.cluster._markers()) == [HasRead(ROOM, "ann", "ann", 2)]


async def test_the_marker_of_a_leaving_user_is_sent_and_forgotten(chat: Chat) -> None:
    await chat.ask(read(chat.ann, 1))
    await chat.ask(read(chat.ann, 2), leave(chat.ann))
    await chat.wait(READ_SECONDS)
    await chat.wait(READ_SECONDS / 2)
    assert [line for line in new(chat.eve) if "read" in line] == ["ann read 1", "ann read 2"]
    await chat.wait(READ_SECONDS)
    for node in chat.nodes:
        receipts = node.scene.hub._rooms.by_name[ROOM].receipts
        assert (receipts.known(), receipts.is_quiet) == ({}, True)


async def test_a_read_names_the_user_as_the_presence_of_its_turn(chat: Chat) -> None:
    joined = UserJoined(ROOM, "ann", "Ann", "-")  # the lowest session names the user
    envelopes = [Envelope("third", 1, (joined,), chat.store.epoch, WALL_MS)]
    receive = InTurn(partial(chat[0].scene.cluster.receive, envelopes, lambda: None))
    chat.ann.forget()
    await chat[0].ask(read(chat.ann, 2), receive)
    assert new(chat.ann)[-1] == "Ann read 2"


async def test_a_snapshot_sends_no_markers_to_a_large_room(nursery: trio.Nursery) -> None:
    cluster = Chat(nursery, 2, large_room_size=1)
    await cluster.meet()
    ann = await cluster.join(0, "ann")
    await cluster.ask(read(ann, 1))
    await cluster.join(1, "eve")
    jump(2 * ASK_SECONDS)
    cluster[1].scene.cluster.peers.publish((Ask(""),))
    cluster.carry()
    await cluster.deliver(cluster[0], cluster[0].post)
    messages = cluster[0].published.messages()
    assert [one.read for one in messages if isinstance(one, Snapshot)] == [()]


@pytest.fixture
async def lagging(chat: Chat) -> Chat:
    """Ann sends event 3, of which the second node learns nothing."""
    await chat[0].ask(say(chat.ann, "hi"))
    await chat.lose()
    chat.eve.forget()
    return chat


async def test_a_marker_ahead_of_this_node_brings_the_event(lagging: Chat) -> None:
    lagging[1].scene.put(read(lagging.eve, 3))  # alone in its turn
    await trio.testing.wait_all_tasks_blocked()
    assert (lagging.eve.errors, new(lagging.eve)) == ([], [])
    await lagging[1].ask(Tick())
    assert (lagging.eve.errors, new(lagging.eve)) == ([], ["3 ann: hi", "eve read 3"])
    assert await lagging.store.marks(ROOM, ["eve"]) == {"eve": 3}


async def test_a_marker_beyond_the_store_is_refused_at_the_next_tick(lagging: Chat) -> None:
    await lagging[1].ask(read(lagging.eve, 4))
    assert lagging.eve.errors == []
    await lagging[1].ask(Tick())
    assert lagging.eve.errors == [("bad_request", None, ROOM)]


async def test_made_up_markers_cost_one_query(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unseen, "_MOST_MEMBERS", 1)
    store = WatchedStore()
    cluster = Chat(nursery, 1, store)
    eve, ann = await cluster.join(0, "eve"), await cluster.join(0, "ann")
    await cluster.ask(Tick())
    store.looked_up.clear()
    await cluster.ask(*(read(eve, 1000 + number) for number in range(20)), read(ann, 1000))
    assert (len(eve.errors), len(ann.errors)) == (12, 1)
    await cluster.ask(Tick())
    assert (len(eve.errors), store.looked_up) == (20, [{ROOM}])


async def test_the_deferred_marker_of_a_member_that_left_is_skipped(lagging: Chat) -> None:
    await lagging[1].ask(
        read(lagging.eve, 3), read(lagging.eve, 3, "dev"), leave(lagging.eve), Tick()
    )
    assert lagging.eve.errors == [("not_joined", None, "dev")]


async def test_a_deferred_marker_is_unavailable_during_an_outage(nursery: trio.Nursery) -> None:
    store = FailingStore()
    cluster = Chat(nursery, 1, store)
    eve = await cluster.join(0, "eve")
    store.fails = True
    await cluster.ask(read(eve, 9))
    await cluster.ask(Tick())
    assert eve.errors == [("unavailable", None, ROOM)]


@pytest.mark.parametrize("room", ["dev", ROOM])
async def test_typing_and_markers_of_absent_users_are_skipped(chat: Chat, room: str) -> None:
    typed, has_read = Typed(room, "zoe", "zoe", is_typing=True), HasRead(room, "zoe", "zoe", 1)
    chat[0].scene.cluster.peers.publish((typed, has_read))
    assert chat[0].published.messages() == [typed, has_read]
    await chat.settle()
    assert new(chat.eve) == []
