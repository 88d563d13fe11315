"""The replacement of one of two nodes: none of 1,000 clients notices."""

import functools
import os
import signal
from bisect import bisect_left
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio

from tests.support import nginx
from tests.support.ports import HOST, free_port
from tests.support.postgres import Cluster
from tests.support.redis import Redis
from tests.support.server import ChatServer
from tests.support.waiting import eventually

from .crowd import Member, assert_well, crowd, gather, rooms, talk, until
from .node import SETTINGS, ask, connections

CLIENTS = 1000
IN_A_ROOM = 20
"""Small rooms: a large one would not announce each join and leave."""

TALKERS = 100
PAUSE_SECONDS = 0.02

STEP_SECONDS = 0.01
HALF_A_SECOND = 0.5
MOST_AT_ONCE = 0.15


@pytest.fixture
def settings(cluster: Cluster, redis: Redis) -> tuple[str, ...]:
    """The flags of each node."""
    return (
        *SETTINGS,
        *("--store", cluster.fresh_url(), "--store-pool-size", "5", "--store-pool-overflow", "5"),
        *("--backplane", redis.url, "--backplane-channel", "rolling", "--log-level", "warning"),
    )


@pytest.fixture
def nodes(stack: ExitStack, settings: tuple[str, ...]) -> list[ChatServer]:
    """Two nodes of one chat."""
    return [start(stack, settings, free_port()) for _ in range(2)]


def start(stack: ExitStack, settings: tuple[str, ...], port: int) -> ChatServer:
    """Start a node that ends with the test."""
    return stack.enter_context(ChatServer(*settings, port=port))


def most_within(times: list[float], seconds: float) -> int:
    """Return the most of these sorted times within a number of seconds."""
    return max(bisect_left(times, begun + seconds) - at for at, begun in enumerate(times))


def is_uneven(room: list[Member]) -> bool:
    """Return whether some members of a room have received less than others."""
    return len({member.record.last for member in room}) > 1


def assert_complete(members: list[Member]) -> None:
    """Assert that members of a room have the same events, each acknowledged message once."""
    for room in rooms(members):
        events = room[0].record.events
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert all(member.record.events == events for member in room)
        said = {(event.id, event.seq): event for event in events if event.type == "message"}
        texts = [event.message for event in said.values()]
        assert len(set(texts)) == len(texts)
        acked = {ack for member in room for ack in member.acked.values()}
        assert acked == set(said)


def waited_seconds(*pids: int) -> float:
    """Return how long these processes have been ready without a processor."""
    files = (Path(f"/proc/{pid}/schedstat") for pid in pids)
    return sum(int(file.read_text().split()[1]) / 1e9 for file in files)


def assert_clients_came_back_evenly(members: list[Member], share: int, waited: float) -> None:
    """Check that the node closed its clients once each, one after another.

    Args:
        members: All clients.
        share: The number of clients of that node.
        waited: Seconds for which the processes were ready but had no processor. The node may have
            closed the clients of that time late, and no others.
    """
    announced = sorted(after for member in members for after in member.announced)
    assert announced == pytest.approx([10 * number for number in range(share)], abs=1)
    came_back = sorted(moment for member in members for moment in member.came_back)
    assert len(came_back) == share
    late = waited / STEP_SECONDS
    assert most_within(came_back, HALF_A_SECOND) <= MOST_AT_ONCE * share + late


def passes_requests_to(proxy: nginx.Nginx, node: ChatServer) -> bool:
    """Ask for something through nginx, and return whether this node has answered."""
    ask(proxy.address, b"/healthz")
    return f'nodes="{HOST}:{node.address[1]}"' in proxy.access_log()[-1]


async def test_a_rolling_replacement_loses_no_message_of_a_thousand_clients(
    stack: ExitStack, settings: tuple[str, ...], nodes: list[ChatServer]
) -> None:
    old, other = nodes
    proxy = stack.enter_context(nginx.running(node.address for node in nodes))
    members = crowd(CLIENTS, IN_A_ROOM)
    late = crowd(IN_A_ROOM, IN_A_ROOM, first=CLIENTS)
    async with trio.open_nursery() as nursery:
        await gather(members, proxy.address, nursery, IN_A_ROOM)
        share = await trio.to_thread.run_sync(connections, old)
        assert CLIENTS * 0.4 < share < CLIENTS * 0.6
        for member in members:
            member.changes.clear()

        async with trio.open_nursery() as talking:
            talking.start_soon(talk, members[:: CLIENTS // TALKERS], PAUSE_SECONDS)
            processes = (old.pid, os.getpid())
            waited = waited_seconds(*processes)
            old.signal(signal.SIGTERM)
            # The figure of a process ends with it.
            await until(lambda: sum(len(m.came_back) for m in members) >= share - 1, members)
            waited = waited_seconds(*processes) - waited
            assert await trio.to_thread.run_sync(old.wait) == 0
            new = await trio.to_thread.run_sync(start, stack, settings, old.address[1])
            # nginx skips a node for 5 s after a failure.
            back = functools.partial(passes_requests_to, proxy, new)
            await trio.to_thread.run_sync(eventually, back, "nginx uses the new node")
            # The new node has the fewest connections, so newcomers get there.
            await gather(late, proxy.address, nursery, IN_A_ROOM)
            assert await trio.to_thread.run_sync(connections, new) >= len(late)
            await until(lambda: all(member.is_in for member in members), members)
            talking.cancel_scope.cancel()
        await until(lambda: not any(member.waiting for member in members), members)
        await until(lambda: not any(map(is_uneven, rooms(members))), members)
        nursery.cancel_scope.cancel()

    assert_well(members)
    assert_complete(members)
    assert not [member.changes for member in members if member.changes]
    assert_clients_came_back_evenly(members, share, waited)
    assert not other.has_ended
