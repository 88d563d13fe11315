"""The budget of notices; beyond it only the presence shows joins and leaves."""

import pytest
import trio
import trio.testing

from tests.cluster.nodes import Cluster
from tests.hub.scene import ROOM, Recorder, Scene, forget, leave, say
from tests.support.clocks import jump
from trio_chat.access.names import prepare_name
from trio_chat.hub.requests import Join
from trio_chat.protocol.commands import LeaveRoom
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import Author

RATE = 6
HERE, ELSEWHERE = "192.0.2.7", "192.0.2.8"
JOINED, LEFT = "*: {} has joined the chat", "*: {} has left the chat"


@pytest.fixture
async def bounded(nursery: trio.Nursery) -> Scene:
    """A hub on which six notices of a user in a room are announced in ten minutes."""
    scene = Scene(rates=(RATE, 0))
    nursery.start_soon(scene.hub.run)
    return scene


async def notices(scene: Scene, room: str = ROOM) -> list[str]:
    return [line.partition(" ")[2] for line in await scene.stored(room) if " *: " in line]


async def join_and_leave(scene: Scene, name: str, times: int = 1, address: str = HERE) -> None:
    for _ in range(times):
        member = await scene.join(name, address=address)
        await scene.ask(leave(member))


async def test_a_user_has_six_notices_and_then_only_presence(bounded: Scene) -> None:
    plain, other = await bounded.join("bob"), await bounded.join("cid", encoding=Encoding.VERSION_2)
    await join_and_leave(bounded, "ann", 3)
    forget(plain, other)
    await join_and_leave(bounded, "ann")
    assert plain.got == ["[ann bob cid] 3", "[bob cid] 2"]
    assert other.got == ["+ann 3", "-ann 2"]
    expected = [JOINED.format("ann"), LEFT.format("ann")] * 3
    assert (await notices(bounded))[2:] == expected


async def test_a_flaky_client_does_not_push_messages_off_the_newest_page(bounded: Scene) -> None:
    bob = await bounded.join("bob")
    await bounded.ask(say(bob, "hello"))
    await join_and_leave(bounded, "ann", 200)
    assert "2 bob: hello" in (await bounded.stored())[-10:]


async def test_the_budget_of_notices_is_for_ten_minutes(bounded: Scene) -> None:
    await join_and_leave(bounded, "ann", 4)
    jump(600)
    await join_and_leave(bounded, "ann", 4)
    assert await notices(bounded) == [JOINED.format("ann"), LEFT.format("ann")] * 6


@pytest.mark.parametrize("explicit", ["explicitly", ""])
async def test_a_leave_is_announced_only_if_its_join_was(bounded: Scene, explicit: str) -> None:
    async def go(member: Recorder) -> None:
        if explicit:
            await bounded.ask(LeaveRoom(ROOM, member=member))
        else:
            await bounded.ask(leave(member, may_return=True))
            await bounded.tick_after(5)

    await join_and_leave(bounded, "ann", 2)
    announced = await bounded.join("Ann", address=HERE)
    await join_and_leave(bounded, "ann", 5)
    jump(300)
    await go(announced)
    assert (await notices(bounded))[4:] == [JOINED.format("Ann"), LEFT.format("Ann")]
    silent = await bounded.join("ann", address=HERE)
    jump(595)
    await go(silent)
    assert len(await notices(bounded)) == RATE


async def test_a_return_in_time_costs_no_notice(bounded: Scene) -> None:
    for _ in range(50):
        member = await bounded.join("ann", encoding=Encoding.VERSION_2, address=HERE)
        await bounded.ask(leave(member, may_return=True))
        await bounded.tick_after(1)
    await bounded.tick_after(5)
    assert await notices(bounded) == [JOINED.format("ann"), LEFT.format("ann")]


async def test_each_user_room_and_address_has_its_own_budget(bounded: Scene) -> None:
    await join_and_leave(bounded, "ann", 4)
    await join_and_leave(bounded, "ANN", 4)
    assert len(await notices(bounded)) == RATE
    await join_and_leave(bounded, "ann", 1, ELSEWHERE)
    await join_and_leave(bounded, "bob")
    assert len(await notices(bounded)) == RATE + 4
    member = await bounded.join("ann", room="dev", address=HERE)
    await bounded.ask(leave(member))
    assert len(await notices(bounded, "dev")) == 2


async def test_a_proved_name_has_one_budget_for_all_addresses(bounded: Scene) -> None:
    for number in range(8):
        member = Recorder(author=Author("ann", "", is_proven=True))
        name = prepare_name("ann")
        await bounded.ask(Join(member, ROOM, name, address=f"192.0.2.{number}"), leave(member))
    assert len(await notices(bounded)) == RATE


async def test_an_address_has_twenty_budgets_in_a_minute(bounded: Scene) -> None:
    for number in range(100):
        await join_and_leave(bounded, f"user{number}")
    assert len(await notices(bounded)) == RATE * 20
    await join_and_leave(bounded, "bob", 1, ELSEWHERE)
    assert len(await notices(bounded)) == RATE * 20 + 2
    jump(60)
    await join_and_leave(bounded, "late")
    assert len(await notices(bounded)) == RATE * 20 + 4


async def test_without_a_limit_all_notices_are_stored(scene: Scene) -> None:
    await join_and_leave(scene, "ann", 100)
    assert len(await notices(scene)) == 200
    assert not scene.hub._rooms.users._notices._by_user


async def test_the_budget_forgets_users_who_have_left(bounded: Scene) -> None:
    await join_and_leave(bounded, "ann", 5)
    assert not bounded.hub._rooms.users._notices._present


async def test_a_user_who_joined_a_large_room_leaves_without_a_notice(large: Scene) -> None:
    ann, bob, cid = await large.members("ann", "bob", "cid")
    await large.ask(leave(ann), leave(cid), leave(bob))
    expected = [JOINED.format("ann"), JOINED.format("bob"), LEFT.format("bob")]
    assert await notices(large) == expected


async def with_unannounced_session(nursery: trio.Nursery) -> tuple[Cluster, Recorder]:
    """Two nodes, and Ann on the first, whose budget of notices is spent."""
    cluster = Cluster(nursery, rates=(2, 0))
    await cluster.meet()
    await join_and_leave(cluster[0].scene, "ann", address=HERE)
    await cluster.settle()
    first = await cluster[0].scene.join("ann", address=HERE, encoding=Encoding.VERSION_2)
    await cluster.settle()
    return cluster, first


async def test_every_node_knows_whether_a_join_was_announced(nursery: trio.Nursery) -> None:
    cluster, first = await with_unannounced_session(nursery)
    second = await cluster.join(1, "ann")
    await cluster.leave(0, first)
    await cluster.leave(1, second)
    lines = await notices(cluster[0].scene)
    assert lines == [JOINED.format("ann"), LEFT.format("ann")]


@pytest.mark.parametrize("leaves", [True, False])
async def test_an_unannounced_session_stays_so_when_another_node_ends_it(
    nursery: trio.Nursery, *, leaves: bool
) -> None:
    cluster, first = await with_unannounced_session(nursery)
    # Neither node learns in time of the other's users.
    second = await cluster[1].scene.join("ann", encoding=Encoding.VERSION_2)
    await cluster[0].scene.ask(leave(first))
    if leaves:
        await cluster[1].scene.ask(leave(second))
    await cluster.settle()
    await cluster.wait(5)
    assert cluster[0].users() == cluster[1].users() == ([] if leaves else ["ann"])
    assert len(await cluster.stored()) == 2
