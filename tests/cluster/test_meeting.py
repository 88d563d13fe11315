"""A starting node waits for the state of the others, for a bounded time."""

import trio
import trio.testing

from tests.cluster.nodes import Cluster, Published
from tests.hub.scene import Scene
from tests.support.clocks import clock
from trio_chat.cluster.cluster import ANSWER_SECONDS, START_SECONDS
from trio_chat.hub.hub import TICK_SECONDS
from trio_chat.hub.requests import Tick


async def seconds_of_start(scene: Scene) -> float:
    clock().autojump_threshold = 0
    began = trio.current_time()
    await scene.cluster.wait_for_peers()
    return trio.current_time() - began


async def test_a_start_does_not_wait_while_the_backplane_is_down(nursery: trio.Nursery) -> None:
    new = Cluster(nursery, 1)[0]
    await new.disconnect()
    assert await seconds_of_start(new.scene) == 0


async def test_a_start_waits_a_bounded_time_for_the_backplane() -> None:
    assert await seconds_of_start(Scene(backplane=Published())) == START_SECONDS


async def test_a_start_waits_for_the_users_of_other_nodes(cluster: Cluster) -> None:
    await cluster.join(0, "ann")
    new = cluster.add()
    await new.connect()
    assert await seconds_of_start(new.scene) == ANSWER_SECONDS
    await trio.sleep(1)
    await cluster.settle()
    for node in cluster.nodes:
        await node.ask()
    await cluster.settle()
    await cluster.join(2, "ann")
    assert await cluster.stored() == ["ann has joined the chat"]


async def test_a_start_waits_for_a_late_snapshot(cluster: Cluster, nursery: trio.Nursery) -> None:
    await cluster.join(0, "ann")
    new = cluster.add()
    await new.connect()
    await cluster.settle()

    async def go_on() -> None:
        while True:
            await trio.sleep(TICK_SECONDS)
            for node in cluster.nodes:
                await node.ask(Tick())
            await cluster.settle()

    nursery.start_soon(go_on)
    assert await seconds_of_start(new.scene) < START_SECONDS
    assert new.users() == ["ann"]
