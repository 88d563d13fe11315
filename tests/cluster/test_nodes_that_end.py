"""Users of nodes that die, pause or leave, and random losses of envelopes."""

import random
from collections import Counter

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cluster.nodes import Cluster
from tests.hub.scene import Recorder, leave
from trio_chat.cluster.node import LEAVING_SECONDS
from trio_chat.cluster.peers import ASK_SECONDS, HEARTBEAT_SECONDS, LEASE_SECONDS
from trio_chat.cluster.presence import DOUBT_SECONDS
from trio_chat.hub.requests import Tick
from trio_chat.hub.users import GRACE_SECONDS
from trio_chat.protocol.encodings import Encoding

V2 = Encoding.VERSION_2


@pytest.fixture
def cluster(three: Cluster) -> Cluster:
    return three


async def test_users_of_a_dead_node_leave_within_45_seconds_once(cluster: Cluster) -> None:
    await cluster.join(0, "ann")
    await cluster.join(1, "eve")
    await cluster.join(1, "ann")
    cluster.remove(1)
    await cluster.wait(45)
    assert cluster.lists() == [["ann"]] * 2
    assert (await cluster.stored()).count("eve has left the chat") == 1


async def test_users_of_a_dead_node_leave_a_room_without_other_users(cluster: Cluster) -> None:
    await cluster.join(1, "eve", room="dev")
    cluster.remove(1)
    await cluster.wait(45)
    assert await cluster.stored("dev") == ["eve has joined the chat", "eve has left the chat"]


async def test_a_paused_node_returns_without_notices(cluster: Cluster) -> None:
    await cluster.join(0, "ann")
    eve = await cluster.join(1, "eve")
    paused = cluster.nodes.pop(1)
    await cluster.wait(60)
    assert cluster.lists() == [["ann"]] * 2
    cluster.nodes.append(paused)
    await cluster.wait(2 * HEARTBEAT_SECONDS)
    assert cluster.lists() == [["ann", "eve"]] * 3
    await cluster.leave(2, eve)
    await cluster.wait(DOUBT_SECONDS)
    assert cluster.lists() == [["ann"]] * 3
    joins = ["ann has joined the chat", "eve has joined the chat"]
    assert sorted(await cluster.stored()) == [*joins, "eve has left the chat"]


async def test_joins_and_leaves_of_an_outage_arrive_after_it(cluster: Cluster) -> None:
    ann = await cluster.join(0, "ann")
    await cluster[0].ask(leave(ann))
    await cluster[1].scene.join("eve", encoding=V2)
    await cluster.lose()
    await cluster.meet()
    await cluster.wait(DOUBT_SECONDS)
    assert cluster.lists() == [["eve"]] * 3
    assert (await cluster.stored()).count("ann has left the chat") == 1


async def test_a_user_who_moves_during_an_outage_does_not_leave(cluster: Cluster) -> None:
    ann = await cluster.join(0, "ann")
    await cluster.join(2, "eve")
    await cluster.join(1, "ann")
    await cluster[1].connect()
    await cluster[0].ask(leave(ann))
    await cluster.settle()
    await cluster.wait(DOUBT_SECONDS)
    assert cluster.lists() == [["ann", "eve"]] * 3
    assert len(await cluster.stored()) == 2


async def test_a_user_whose_move_arrives_late_does_not_leave(cluster: Cluster) -> None:
    """The third node learns that Ann left the first before it learns that she joined the second."""
    ann = await cluster.join(0, "ann")
    await cluster.join(2, "eve")
    await cluster[1].scene.join("ann", encoding=V2)
    cluster.carry()
    late = cluster[2].post
    cluster[2].post = []
    await cluster.settle()
    await cluster[0].ask(leave(ann))
    await cluster.settle()
    assert cluster.lists() == [["ann", "eve"], ["ann", "eve"], ["eve"]]
    await cluster.deliver(cluster[2], late)
    await cluster.wait(2 * HEARTBEAT_SECONDS)
    assert cluster.lists() == [["ann", "eve"]] * 3
    assert len(await cluster.stored()) == 2


async def test_a_user_who_moves_from_a_leaving_node_does_not_leave(cluster: Cluster) -> None:
    await cluster.wait(LEAVING_SECONDS)
    eve = await cluster.join(0, "eve")
    await cluster.leave(1, await cluster.join(1, "ann"), may_return=True)
    await end(cluster, 1, await cluster.join(1, "bob"))
    cluster.remove(1)
    eve.forget()
    await cluster.join(0, "ann")
    await cluster.wait(LEAVING_SECONDS - 1)
    assert eve.got == []
    await cluster.wait(1 + DOUBT_SECONDS)
    assert eve.got == ["-bob 2", "4 * bob has left the chat"]
    assert cluster.lists() == [["ann", "eve"]] * 2


async def end(cluster: Cluster, number: int, member: Recorder) -> None:
    """Drop the member of a node, which then leaves."""
    await cluster.leave(number, member, may_return=True)
    cluster[number].scene.cluster.peers.leave()
    await cluster.settle()


@pytest.mark.parametrize("seconds", [DOUBT_SECONDS + 1, LEAVING_SECONDS - 1])
async def test_each_leaving_node_gives_a_user_five_seconds(
    cluster: Cluster, seconds: float
) -> None:
    """The user moves from the first node to the second. A new node knows only the second."""
    eve = await cluster.join(2, "eve")
    await end(cluster, 0, await cluster.join(0, "ann"))
    ann = await cluster.join(1, "ann")
    new = cluster.add()
    cluster.remove(0)
    await new.connect()
    await cluster.wait(ASK_SECONDS)
    assert new.users() == ["ann", "eve"]
    await end(cluster, 0, ann)
    eve.forget()
    await cluster.wait(seconds)
    await cluster.join(2, "ann")
    await cluster.wait(LEAVING_SECONDS + DOUBT_SECONDS)
    assert eve.got == []
    assert (await cluster.stored()).count("ann has left the chat") == 0


async def test_a_user_who_moved_from_a_leaving_node_may_return(cluster: Cluster) -> None:
    eve = await cluster.join(2, "eve")
    await end(cluster, 0, await cluster.join(0, "ann"))
    ann = await cluster.join(1, "ann")
    cluster.remove(0)
    await cluster.wait(LEAVING_SECONDS - 1)
    await cluster.leave(0, ann, may_return=True)
    eve.forget()
    await cluster.wait(GRACE_SECONDS - 1)
    ann = await cluster.join(0, "ann")
    await cluster.wait(DOUBT_SECONDS + 1)
    assert eve.got == []
    await cluster.leave(0, ann)
    assert eve.got == ["3 * ann has left the chat", "-ann 1"]


async def test_a_user_leaves_once_if_the_end_of_a_node_is_known_late(cluster: Cluster) -> None:
    """The grace period ends while the list still has the user on the node that left."""
    await end(cluster, 0, await cluster.join(0, "ann"))
    ann = await cluster.join(1, "ann")
    cluster.remove(0)
    await cluster[0].disconnect()
    await cluster.leave(0, ann)
    await cluster.wait(GRACE_SECONDS)
    assert cluster[0].users() == ["ann"]
    await cluster[0].connect()
    await cluster.wait(LEAVING_SECONDS + DOUBT_SECONDS)
    assert cluster.lists() == [[], []]
    assert (await cluster.stored()).count("ann has left the chat") == 1


class Storm:
    """Users join and leave three nodes, and envelopes are lost, repeated and reordered."""

    def __init__(self, rng: random.Random, cluster: Cluster) -> None:
        self.rng = rng
        self.cluster = cluster
        self.members: list[tuple[int, Recorder]] = []
        self.seen: set[str] = set()

    async def step(self, clock: trio.testing.MockClock) -> None:
        rng, number = self.rng, self.rng.randrange(3)
        scene = self.cluster[number].scene
        if self.members and rng.random() < 0.45:
            place, member = self.members.pop(rng.randrange(len(self.members)))
            may_return = rng.random() < 0.5
            await self.cluster[place].ask(leave(member, may_return=may_return))
        else:
            name = rng.choice(("ann", "Ann", "bob", "eve"))
            self.members.append((number, await scene.join(name, encoding=V2)))
            self.seen.add(name.lower())
        if rng.random() < 0.3:
            clock.jump(rng.randrange(1, 4))
            for node in self.cluster.nodes:
                await node.ask(Tick())
        if rng.random() < 0.6:
            await self.deliver_some()

    async def deliver_some(self) -> None:
        self.cluster.carry()
        for node in self.cluster.nodes:
            self.rng.shuffle(node.post)
            some = [one for one in node.post for _ in range(self.rng.choice((0, 1, 1, 2)))]
            await self.cluster.deliver(node, some)


async def _storm(rng: random.Random, clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        cluster = Cluster(nursery, 3)
        await cluster.meet()
        storm = Storm(rng, cluster)
        for _ in range(30):
            await storm.step(clock)
        await cluster.wait(LEASE_SECONDS)
        users = cluster[0].users()
        assert {name.lower() for name in users} == {one.author.user for _, one in storm.members}
        assert cluster.lists() == [users] * 3
        for number, member in storm.members:
            await cluster[number].ask(leave(member))
        await cluster.wait(LEASE_SECONDS)
        assert cluster.lists() == [[]] * 3
        notices = Counter(line.lower() for line in await cluster.stored())
        for name in storm.seen:
            joins, leaves = (notices[f"{name} has {what} the chat"] for what in ("joined", "left"))
            assert 0 < leaves <= joins
        nursery.cancel_scope.cancel()


# Each takes a third of a second, and on a busy machine several times as long.
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_lost_envelopes_leave_equal_lists_and_one_notice_for_each_leave(seed: int) -> None:
    clock = trio.testing.MockClock()
    trio.run(_storm, random.Random(seed), clock, clock=clock)
