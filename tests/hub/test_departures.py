"""Hundreds of users who leave dozens of rooms at once; no client that reads is dropped."""

from collections.abc import Sequence

import pytest
import trio
import trio.testing
from attrs import define

from tests.cluster.nodes import Cluster
from tests.hub.scene import Recorder, Scene, join, leave
from tests.support.clocks import clock, jump
from trio_chat.cluster.peers import LEASE_SECONDS
from trio_chat.hub.hub import RUSH_TICK_SECONDS, TICK_SECONDS
from trio_chat.hub.limits import A_TICK, A_TURN, Departures
from trio_chat.hub.requests import Request, Tick
from trio_chat.protocol.encodings import Encoding

QUEUE_FRAMES = 256
ROOMS = [f"room{number}" for number in range(20)]
USERS = [f"user{number}" for number in range(60)]
ALL = len(ROOMS) * len(USERS)


@define(eq=False)
class Deaf(Recorder):
    """Ignores all frames."""

    def offer(self, frames: Sequence[bytes], joined: bytes) -> None:
        """Do nothing."""


@define(eq=False)
class Reader(Recorder):
    """Reads whenever the clock ticks, and counts the frames that wait until then."""

    waiting: int = 0
    most: int = 0

    def offer(self, frames: Sequence[bytes], joined: bytes) -> None:
        super().offer(frames, joined)
        self.waiting += len(frames)
        self.most = max(self.most, self.waiting)


async def put_all(scene: Scene, requests: Sequence[Request]) -> None:
    """Put requests into the inbox, as many at a time as it takes."""
    for begin in range(0, len(requests), 200):
        scene.put(*requests[begin : begin + 200])
        await trio.testing.wait_all_tasks_blocked()


async def fill(scene: Scene) -> tuple[Reader, list[Deaf]]:
    """Join all rooms with all users, and with a reader."""
    members = [Deaf(Encoding.VERSION_2) for _ in USERS]
    everybody = zip(members, USERS, strict=True)
    await put_all(scene, [join(one, name, room) for one, name in everybody for room in ROOMS])
    reader = Reader(Encoding.VERSION_2)
    await put_all(scene, [join(reader, "reader", room) for room in ROOMS])
    reader.forget()
    reader.waiting = reader.most = 0
    return reader, members


async def tick(scene: Scene, clock: trio.testing.MockClock, reader: Reader) -> None:
    clock.jump(RUSH_TICK_SECONDS)
    reader.waiting = 0
    scene.put(Tick())
    await trio.testing.wait_all_tasks_blocked()


def left(reader: Reader) -> int:
    return sum(line.endswith("has left the chat") for line in reader.got)


@pytest.mark.parametrize("may_return", [True, False])
async def test_a_mass_departure_drops_no_reading_client(scene: Scene, *, may_return: bool) -> None:
    reader, members = await fill(scene)
    await put_all(scene, [leave(member, may_return=may_return) for member in members])
    if may_return:
        assert reader.got == []
        jump(5)
    for _ in range(2 + ALL // A_TICK):
        await tick(scene, clock(), reader)
    assert left(reader) == ALL
    assert reader.most <= QUEUE_FRAMES
    assert [line for line in reader.got if line.endswith(" 1")]
    assert all(len(scene.hub._rooms.by_name[room].presence) == 1 for room in ROOMS)


async def test_a_turn_announces_a_bounded_number_of_departures(scene: Scene) -> None:
    reader, members = await fill(scene)
    await put_all(scene, [leave(member) for member in members])
    # The changes of a turn are one presence for each room.
    assert [line for line in reader.got if line.startswith("-")] == [
        *["-user0 -user1 -user2 -user3 57"] * 4,
        *["-user0 -user1 -user2 58"] * 16,
    ]
    assert left(reader) == A_TURN
    await put_all(scene, [join(Deaf(), "late", ROOMS[0])])
    assert left(reader) == A_TURN
    await tick(scene, clock(), reader)
    assert left(reader) == A_TURN + A_TICK


async def test_a_turn_after_a_rush_announces_as_many_as_ever(scene: Scene) -> None:
    await scene.join("ann")
    room = scene.hub._rooms.by_name["general"]
    departures = Departures(200)

    def announced(*, has_tick: bool) -> int:
        departures.begin_turn(has_tick=has_tick)
        return sum(departures.may_announce(room) for _ in range(A_TURN))

    assert announced(has_tick=False) == A_TURN
    assert not departures.may_announce(room)
    assert [announced(has_tick=False), announced(has_tick=True)] == [0, A_TICK]
    departures.begin_turn(has_tick=True)
    assert not departures.are_late
    assert announced(has_tick=False) == A_TURN


async def test_flush_waits_until_all_members_have_left(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    scene = Scene()
    nursery.start_soon(scene.hub.run)
    reader, members = await fill(scene)
    nursery.start_soon(scene.hub.keep_time)
    began = autojump_clock.current_time()
    scene.put(*(leave(member) for member in members[:10]))
    await scene.hub.flush()
    assert left(reader) == 10 * len(ROOMS)
    ticks = (10 * len(ROOMS) - A_TURN) / A_TICK
    passed = autojump_clock.current_time() - began
    assert passed <= TICK_SECONDS + RUSH_TICK_SECONDS * (ticks + 1)


async def test_a_member_leaves_a_large_room_at_once(large: Scene) -> None:
    members = [Deaf() for _ in range(200)]
    await put_all(large, [join(member, f"user{n}") for n, member in enumerate(members)])
    await large.ask(*(leave(member) for member in members[:-2]))
    assert len(large.hub._rooms.by_name["general"].presence) == 2


async def test_the_users_of_a_dead_node_leave_at_the_same_pace(nursery: trio.Nursery) -> None:
    cluster = Cluster(nursery)
    await cluster.meet()
    reader = await cluster.join(0, "reader")
    users = A_TURN + 10
    for number in range(users):
        await cluster[1].scene.join(f"user{number}")
    await cluster.settle()
    cluster.remove(1)
    await cluster.wait(LEASE_SECONDS + 3)
    notices = [sum(line.endswith("has left the chat") for line in one) for one in reader.writes]
    assert [count for count in notices if count] == [A_TURN, 10]
    assert cluster[0].users() == ["reader"]
