"""A node that starts waits for what the others have, and not for long."""

import trio
import trio.testing

from tests.cluster.nodes import Cluster
from tests.cluster.test_several_nodes import Published
from tests.hub.scene import Scene
from tests.support.clocks import clock
from trio_chat.cluster.cluster import ANSWER_SECONDS, START_SECONDS
from trio_chat.hub.hub import TICK_SECONDS
from trio_chat.hub.requests import InTurn, Tick


async def test_a_start_does_not_wait_while_the_backplane_is_down(nursery: trio.Nursery) -> None:
    scene = Scene(backplane=Published())
    nursery.start_soon(scene.hub.run)
    await scene.ask(InTurn(scene.cluster.disconnected))
    await scene.cluster.wait_for_peers()


async def test_a_start_waits_a_bounded_time_for_the_backplane() -> None:
    clock().autojump_threshold = 0
    started = trio.current_time()
    await Scene(backplane=Published()).cluster.wait_for_peers()
    assert trio.current_time() - started == START_SECONDS


async def test_a_start_waits_for_the_users_of_other_nodes(nursery: trio.Nursery) -> None:
    cluster = Cluster(nursery)
    await cluster.meet()
    await cluster.join(0, "ann")
    cluster.add()
    await cluster[2].scene.ask(InTurn(cluster[2].scene.cluster.connected))
    clock().autojump_threshold = 0
    started = trio.current_time()
    await cluster[2].scene.cluster.wait_for_peers()
    assert trio.current_time() - started == ANSWER_SECONDS
    await trio.sleep(1)
    await cluster.settle()
    for node in cluster.nodes:
        await node.scene.ask()
    await cluster.settle()
    await cluster.join(2, "ann")
    assert await cluster.logged() == ["ann has joined the chat"]


async def test_a_start_waits_for_a_snapshot_that_is_delayed(nursery: trio.Nursery) -> None:
    cluster = Cluster(nursery)
    await cluster.meet()
    await cluster.join(0, "ann")
    new = cluster.add()
    await new.scene.ask(InTurn(new.scene.cluster.connected))
    await cluster.settle()

    async def go_on() -> None:
        while True:
            await trio.sleep(TICK_SECONDS)
            for node in cluster.nodes:
                await node.scene.ask(Tick())
            await cluster.settle()

    nursery.start_soon(go_on)
    clock().autojump_threshold = 0
    started = trio.current_time()
    await new.scene.cluster.wait_for_peers()
    assert new.users() == ["ann"]
    assert trio.current_time() - started < START_SECONDS
