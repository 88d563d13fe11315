"""Who types and who has read, on another node."""

from collections.abc import Sequence

import pytest
import trio
import trio.testing

from tests.cluster.nodes import Cluster, said_by
from tests.hub.scene import ROOM, Recorder, WatchedStore, edit, leave, read, say, stops, types
from tests.hub.test_outages import FailingStore
from tests.support.clocks import jump
from trio_chat.cluster import unseen
from trio_chat.cluster.envelope import Ask, Snapshot
from trio_chat.cluster.peers import ASK_SECONDS, PULSE_SECONDS
from trio_chat.hub.ephemeral import READ_SECONDS, TYPING_SECONDS
from trio_chat.hub.plan import Typed
from trio_chat.hub.requests import InTurn, Request, Tick
from trio_chat.protocol.messages import HasRead


@pytest.fixture
async def cluster(nursery: trio.Nursery) -> Cluster:
    cluster = Cluster(nursery)
    await cluster.meet()
    return cluster


@pytest.fixture
async def ann(cluster: Cluster) -> Recorder:
    """On the first node."""
    return await cluster.join(0, "ann")


@pytest.fixture
async def eve(cluster: Cluster, ann: Recorder) -> Recorder:  # noqa: ARG001 - she came first
    """On the second node; she and Ann have been told nothing yet."""
    eve = await cluster.join(1, "eve")
    eve.forget()
    return eve


async def ask(cluster: Cluster, *requests: Request, number: int = 0) -> None:
    await cluster[number].scene.ask(*requests)
    await cluster.settle()


def told(member: Recorder) -> Sequence[str]:
    got = member.got
    member.forget()
    return got


# --- typing --------------------------------------------------------------------------------------


async def test_typing_arrives_from_another_node(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    await ask(cluster, types(ann))
    assert told(eve) == ["ann types"]
    await ask(cluster, types(ann))
    assert told(eve) == []
    await ask(cluster, stops(ann))
    assert told(eve) == ["ann stops"]


async def test_typing_on_another_node_ends_by_itself(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    await ask(cluster, types(ann))
    await cluster.wait(TYPING_SECONDS - 1)
    await ask(cluster, types(ann))
    await cluster.wait(TYPING_SECONDS - 1)
    assert told(eve) == ["ann types"]
    await cluster.wait(1)
    assert told(eve) == ["ann stops"]


async def test_a_message_on_another_node_ends_typing(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    await ask(cluster, types(ann))
    eve.forget()
    await ask(cluster, say(ann, "hi"))
    assert told(eve) == ["3 ann: hi", "ann stops"]


async def test_typing_and_sending_in_a_turn_ends_typing(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    await ask(cluster, types(ann), say(ann, "hi"))
    assert told(eve) == ["3 ann: hi", "ann types", "ann stops"]


async def test_an_edit_on_another_node_does_not_end_typing(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    await ask(cluster, say(ann, "hi"))
    await ask(cluster, types(ann))
    eve.forget()
    await ask(cluster, edit(ann, "a-2", "ho"))
    assert told(eve) == ["4 edited a-2: ho"]


async def test_a_user_who_may_return_stops_typing(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    await ask(cluster, types(ann))
    eve.forget()
    await cluster.leave(0, ann, may_return=True)
    assert told(eve) == ["ann stops"]


# --- reading -------------------------------------------------------------------------------------


async def test_read_markers_arrive_from_another_node(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    await ask(cluster, read(ann, 1))
    assert told(eve) == ["ann read 1"]
    await ask(cluster, read(ann, 2))
    assert told(eve) == []
    await cluster.wait(READ_SECONDS)
    assert told(eve) == ["ann read 2"]


async def test_the_highest_marker_wins_in_any_order(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    again = await cluster.join(1, "ann")
    await ask(cluster, say(ann, "one"), say(ann, "two"))
    eve.forget()
    await ask(cluster, read(ann, 1))
    await cluster[0].scene.ask(read(ann, 2))
    await cluster[1].scene.ask(read(again, 3))
    await cluster.settle()
    await cluster.wait(READ_SECONDS)
    assert told(eve) == ["ann read 1", "ann read 3"]


async def test_a_lower_marker_of_another_node_is_not_sent(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    again = await cluster.join(1, "ann")
    await ask(cluster, read(ann, 2))
    eve.forget()
    await ask(cluster, read(again, 1), number=1)
    await ask(cluster, read(again, 2), number=1)
    assert told(eve) == []
    assert await cluster.store.marks(ROOM, ["ann"]) == {"ann": 2}


async def test_markers_sent_to_members_never_decrease(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    again = await cluster.join(1, "ann")
    await cluster[0].scene.ask(read(ann, 1))  # is on its way
    late = list(cluster[0].published.payloads)
    cluster[0].published.payloads.clear()
    await cluster[1].scene.ask(read(again, 2))
    assert told(eve)[-1] == "ann read 2"
    await cluster.wait(READ_SECONDS)
    await cluster.hear(cluster[1], late)
    await cluster.wait(READ_SECONDS)
    assert told(eve) == []


async def test_a_marker_set_during_an_outage_arrives_after_it(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    cluster[1].is_cut_off = True
    await ask(cluster, read(ann, 2))
    cluster[1].is_cut_off = False
    assert told(eve) == []
    await cluster[1].scene.ask(InTurn(cluster[1].scene.cluster.connected))
    await cluster.wait(2 * ASK_SECONDS)
    assert told(eve) == ["ann read 2"]


async def test_a_marker_arrives_after_a_gap_though_its_user_has_moved(
    nursery: trio.Nursery,
) -> None:
    cluster = Cluster(nursery, 3)
    await cluster.meet()
    eve = await cluster.join(1, "eve")
    ann = await cluster.join(0, "ann")
    cluster[1].is_cut_off = True
    await ask(cluster, read(ann, 2))
    await cluster.join(2, "ann")
    await cluster.leave(0, ann)
    cluster[1].is_cut_off = False
    eve.forget()
    await cluster.wait(2 * PULSE_SECONDS)
    assert told(eve)[-1] == "ann read 2"


async def test_a_snapshot_has_only_markers_of_users_on_its_node(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    await ask(cluster, read(ann, 2))
    assert told(eve) == ["ann read 2"]
    snapshots = [list(node.scene.cluster._markers()) for node in cluster.nodes]
    assert snapshots == [[HasRead(ROOM, "ann", "ann", 2)], []]
    await cluster.join(1, "ann")
    assert list(cluster[1].scene.cluster._markers()) == [HasRead(ROOM, "ann", "ann", 2)]


async def test_the_marker_of_a_leaving_user_is_sent_and_forgotten(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    await ask(cluster, read(ann, 1))
    await ask(cluster, read(ann, 2), leave(ann))
    await cluster.wait(READ_SECONDS)
    await cluster.wait(READ_SECONDS / 2)
    assert [line for line in told(eve) if "read" in line] == ["ann read 1", "ann read 2"]
    await cluster.wait(READ_SECONDS)
    for node in cluster.nodes:
        receipts = node.scene.hub._rooms[ROOM].receipts
        assert (receipts.known(), receipts.is_quiet) == ({}, True)


async def test_a_snapshot_sends_no_markers_to_a_large_room(nursery: trio.Nursery) -> None:
    cluster = Cluster(nursery, 2, large_room_size=1)
    await cluster.meet()
    ann = await cluster.join(0, "ann")
    await ask(cluster, read(ann, 1))
    await cluster.join(1, "eve")
    jump(2 * ASK_SECONDS)
    cluster[1].scene.cluster.peers.publish((Ask(""),))
    cluster.carry()
    await cluster.hear(cluster[0], cluster[0].post)
    assert [said.read for said in said_by(cluster[0]) if isinstance(said, Snapshot)] == [()]


# --- what another node has shown already ---------------------------------------------------------


@pytest.fixture
async def lagging(cluster: Cluster, ann: Recorder, eve: Recorder) -> Cluster:
    """Ann has said 3, which the second node has not heard of."""
    await cluster[0].scene.ask(say(ann, "hi"))
    await cluster.lose()
    eve.forget()
    return cluster


async def test_a_marker_ahead_of_this_node_brings_the_event(
    lagging: Cluster, eve: Recorder
) -> None:
    lagging[1].scene.put(read(eve, 3))  # alone in its turn
    await trio.testing.wait_all_tasks_blocked()
    assert (eve.errors, told(eve)) == ([], [])
    await lagging[1].scene.ask(Tick())
    assert (eve.errors, told(eve)) == ([], ["3 ann: hi", "eve read 3"])
    assert await lagging.store.marks(ROOM, ["eve"]) == {"eve": 3}


async def test_a_marker_beyond_the_store_is_refused_at_the_next_tick(
    lagging: Cluster, eve: Recorder
) -> None:
    await lagging[1].scene.ask(read(eve, 4))
    assert eve.errors == []
    await lagging[1].scene.ask(Tick())
    assert eve.errors == [("bad_request", None, ROOM)]


async def test_made_up_markers_cost_one_query(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unseen, "_MOST_MEMBERS", 1)
    store = WatchedStore()
    cluster = Cluster(nursery, 1, store)
    eve, ann = await cluster.join(0, "eve"), await cluster.join(0, "ann")
    await ask(cluster, Tick())
    store.looked_up.clear()
    await ask(cluster, *(read(eve, 1000 + number) for number in range(20)), read(ann, 1000))
    assert (len(eve.errors), len(ann.errors)) == (12, 1)
    await ask(cluster, Tick())
    assert (len(eve.errors), store.looked_up) == (20, [{ROOM}])


async def test_the_deferred_marker_of_a_member_that_left_is_skipped(
    lagging: Cluster, eve: Recorder
) -> None:
    await lagging[1].scene.ask(read(eve, 3), read(eve, 3, "dev"), leave(eve), Tick())
    assert eve.errors == [("not_joined", None, "dev")]


async def test_a_deferred_marker_is_unavailable_during_an_outage(nursery: trio.Nursery) -> None:
    store = FailingStore()
    cluster = Cluster(nursery, 1, store)
    eve = await cluster.join(0, "eve")
    store.fails = True
    await ask(cluster, read(eve, 9))
    await ask(cluster, Tick())
    assert eve.errors == [("unavailable", None, ROOM)]


# --- what is of no interest ----------------------------------------------------------------------


@pytest.mark.parametrize("room", ["dev", ROOM])
async def test_typing_and_markers_of_absent_users_are_skipped(
    cluster: Cluster, eve: Recorder, room: str
) -> None:
    typed, has_read = Typed(room, "zoe", "zoe", is_typing=True), HasRead(room, "zoe", "zoe", 1)
    cluster[0].scene.cluster.peers.publish((typed, has_read))
    assert said_by(cluster[0]) == [typed, has_read]
    await cluster.settle()
    assert told(eve) == []
