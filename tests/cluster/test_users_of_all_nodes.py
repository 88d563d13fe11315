"""All nodes have the same users in a room, and the store has each join and leave once."""

import pytest
import trio
import trio.testing

from tests.cluster.nodes import Cluster
from tests.hub.scene import ROOM, Recorder, join, leave, say
from trio_chat.access.names import prepare_name
from trio_chat.cluster.presence import DOUBT_SECONDS
from trio_chat.hub.limits import QUIET_SECONDS
from trio_chat.hub.users import GRACE_SECONDS
from trio_chat.protocol.encodings import Encoding

PLAIN, V2 = Encoding.PLAIN, Encoding.VERSION_2


async def test_a_join_is_on_every_list_and_stored_once(three: Cluster) -> None:
    ann = await three.join(0, "Ann")
    eve = await three.join(1, "eve")
    assert three.lists() == [["Ann", "eve"]] * 3
    assert await three.stored() == ["Ann has joined the chat", "eve has joined the chat"]
    assert ann.got[-2:] == ["2 * eve has joined the chat", "+eve 2"]
    assert [name.shown for name in eve.admission.members] == ["Ann", "eve"]
    assert eve.admission.count == 2


async def test_a_user_of_one_node_is_not_new_on_another(cluster: Cluster) -> None:
    ann = await cluster.join(0, "Ann")
    ann.forget()
    await cluster.join(1, "ann")
    assert ann.got == []
    assert cluster.lists() == [["Ann"], ["Ann"]]
    assert await cluster.stored() == ["Ann has joined the chat"]


async def test_the_first_spelling_counts_on_all_nodes(cluster: Cluster) -> None:
    first = await cluster.join(0, "Ann", room="dev")
    await cluster.join(1, "ANN")
    await cluster.leave(0, first)
    await cluster.join(0, "ann")
    assert cluster.lists() == [["Ann"], ["Ann"]]


async def test_users_from_before_a_room_opened_are_no_change(cluster: Cluster) -> None:
    gil = await cluster.join(0, "gil", room="dev")
    await cluster.join(0, "ann", room="dev")
    await cluster.leave(0, gil)
    eve = await cluster.join(1, "eve", room="dev")
    assert [line for line in eve.got if line[0] in "+-"] == []
    assert cluster.lists("dev") == [["ann", "eve"]] * 2


async def test_the_lower_lease_decides_after_two_joins_at_once(three: Cluster) -> None:
    for number, name in enumerate(("Ann", "ANN")):
        await three[number].scene.join(name, encoding=V2)
    await three.settle()
    assert three.lists() == [["Ann"]] * 3
    for node in three.nodes:
        users = node.scene.cluster._users.list_of(ROOM)
        assert users.deciding_lease("ann") == ("a-1", "Ann")
    for node in three.nodes[:2]:
        assert [here.session for here in node.scene.cluster._users.here()] == ["a-1"]


@pytest.mark.parametrize("second", ["ann", "ANN"])
async def test_two_joins_at_once_are_one_join_and_one_leave(three: Cluster, second: str) -> None:
    eve = await three.join(2, "eve")
    first, other = [
        await three[number].scene.join(name, encoding=V2)
        for number, name in enumerate(("ann", second))
    ]
    await three.settle()
    assert await three.stored() == ["eve has joined the chat", "ann has joined the chat"]
    assert [line for line in eve.got if line.endswith("ann has joined the chat")] == [
        "2 * ann has joined the chat"
    ]
    # Neither knows that the other leaves.
    await three[0].ask(leave(first))
    await three[1].ask(leave(other))
    await three.wait(2 * DOUBT_SECONDS)
    assert (await three.stored())[2:] == ["ann has left the chat"]


async def test_a_user_of_two_nodes_that_are_cut_off_leaves_once(cluster: Cluster) -> None:
    members = [await cluster[number].scene.join("ann", encoding=V2) for number in range(2)]
    for node, member in zip(cluster.nodes, members, strict=True):
        await node.ask(leave(member))
    assert await cluster.stored() == ["ann has joined the chat", "ann has left the chat"]


async def test_each_join_and_leave_within_a_turn_is_stored(cluster: Cluster) -> None:
    scene, ann, again = cluster[0].scene, Recorder(V2), Recorder(V2)
    await scene.ask(join(ann, "ann"), leave(ann), join(again, "ann"))
    joined = "ann has joined the chat"
    assert await cluster.stored() == [joined, "ann has left the chat", joined]


async def test_a_join_beside_a_message_changes_no_comparison_of_refs(cluster: Cluster) -> None:
    scene, ann = cluster[0].scene, await cluster.join(0, "ann")
    await scene.ask(say(ann, "hi", ref="r"))
    await scene.ask(say(ann, "another text", ref="r"), join(Recorder(V2), "bob"))
    assert ann.errors == [("conflict", "r", ROOM)]


async def test_a_user_who_joins_twice_in_a_turn_keeps_the_newer_session(cluster: Cluster) -> None:
    for name in ("ann", "zoe"):
        await cluster[0].scene.join(name, encoding=V2)
    ann, again, zoe = Recorder(V2), Recorder(V2), Recorder(V2)
    await cluster[1].ask(join(ann, "ann"), leave(ann), join(again, "ann"), join(zoe, "zoe"))
    await cluster.settle()
    assert cluster.lists() == [["ann", "zoe"]] * 2


async def test_a_session_may_end_before_another_node_knows_of_it(cluster: Cluster) -> None:
    await cluster[0].scene.join("ann", encoding=V2)
    ann = Recorder(V2)
    await cluster[1].ask(join(ann, "ann"), leave(ann))
    await cluster.settle()
    assert cluster.lists() == [["ann"]] * 2


async def test_one_of_two_spellings_is_displayed_on_all_nodes(cluster: Cluster) -> None:
    await cluster[0].scene.join("Ann", encoding=V2)
    eve = await cluster[1].scene.join("ANN", encoding=V2)
    await cluster.settle()
    assert eve.got[-1] == "+Ann -ANN 1"
    for node in cluster.nodes:  # the name of later connections, too
        assert node.scene.hub.names.hold(Recorder(), prepare_name("aNN")) == "Ann"


async def test_a_leave_is_on_every_list_and_stored_once(three: Cluster) -> None:
    ann, eve = await three.join(0, "ann"), await three.join(1, "eve")
    ann.forget()
    await three.leave(1, eve)
    assert ann.got == ["3 * eve has left the chat", "-eve 1"]
    await three.wait(DOUBT_SECONDS)
    assert three.lists() == [["ann"]] * 3
    assert (await three.stored()).count("eve has left the chat") == 1


@pytest.mark.parametrize("at_once", [False, True])
async def test_only_leaving_the_last_node_is_stored(three: Cluster, *, at_once: bool) -> None:
    first, second = await three.join(0, "ann"), await three.join(1, "ann")
    await three[0].ask(leave(first))
    if not at_once:
        await three.settle()
        assert three.lists() == [["ann"]] * 3
        assert await three.stored() == ["ann has joined the chat"]
    await three.leave(1, second)
    assert three.lists() == [[]] * 3
    await three.wait(DOUBT_SECONDS)
    assert await three.stored() == ["ann has joined the chat", "ann has left the chat"]


async def test_a_user_who_returns_before_the_notice_has_not_left(cluster: Cluster) -> None:
    first, second = await cluster.join(0, "ann"), await cluster.join(1, "ann")
    await cluster[0].ask(leave(first))
    await cluster[1].ask(leave(second))
    await cluster.settle()
    await cluster.join(0, "ann")
    await cluster.wait(DOUBT_SECONDS)
    assert await cluster.stored() == ["ann has joined the chat"]


async def test_a_user_who_may_return_stays_on_all_lists(cluster: Cluster) -> None:
    ann, eve = await cluster.join(0, "ann"), await cluster.join(1, "eve")
    eve.forget()
    await cluster.leave(0, ann, may_return=True)
    assert cluster.lists() == [["ann", "eve"]] * 2
    await cluster.wait(GRACE_SECONDS)
    assert eve.got == ["3 * ann has left the chat", "-ann 1"]
    assert cluster.lists() == [["eve"]] * 2


async def test_a_user_who_returns_to_another_node_has_not_left(cluster: Cluster) -> None:
    ann, eve = await cluster.join(0, "ann"), await cluster.join(1, "eve")
    eve.forget()
    await cluster.leave(0, ann, may_return=True)
    again = await cluster.join(1, "ann")
    await cluster.wait(GRACE_SECONDS)
    assert eve.got == []
    await cluster.leave(1, again)  # no node waits for her
    assert eve.got == ["-ann 1", "3 * ann has left the chat"]


async def test_no_node_waits_for_a_user_who_has_returned_to_another(cluster: Cluster) -> None:
    ann = await cluster.join(0, "ann")
    await cluster.leave(0, ann, may_return=True)
    again = await cluster.join(1, "ann")
    await cluster.leave(1, again)
    assert cluster.lists() == [[], []]


async def test_a_leave_stored_too_early_is_followed_by_a_join(cluster: Cluster) -> None:
    ann = await cluster.join(0, "ann")
    again = await cluster[1].scene.join("ann", encoding=V2)
    await cluster[0].ask(leave(ann))
    await cluster.settle()
    assert cluster.lists() == [["ann"], ["ann"]]
    await cluster.leave(1, again)
    joined, left = "ann has joined the chat", "ann has left the chat"
    assert await cluster.stored() == [joined, left, joined, left]


async def test_nodes_agree_on_a_new_session_after_an_early_leave(three: Cluster) -> None:
    ann = await three.join(0, "ann")
    members = [await three[number].scene.join("ann", encoding=V2) for number in (1, 2)]
    await three.lose()
    await three[0].ask(leave(ann))
    three.carry()
    for number in (1, 2):
        await three.deliver(three[number], three[number].post)
    await three.leave(2, members[1])
    assert three.lists() == [["ann"]] * 3
    await three.leave(1, members[0])
    assert await three.stored() == ["ann has joined the chat", "ann has left the chat"] * 3


async def test_users_of_all_nodes_make_a_room_large(nursery: trio.Nursery) -> None:
    cluster = Cluster(nursery, large_room_size=2)
    await cluster.meet()
    for number, name in enumerate(("ann", "eve", "bob", "cid")):
        await cluster.join(number % 2, name)
    assert len(await cluster.stored()) == 2
    first = await cluster.join(0, "dan")
    second = await cluster.join(1, "dan")
    await cluster[0].ask(leave(first))
    await cluster[1].ask(leave(second))
    await cluster.settle()
    await cluster.wait(DOUBT_SECONDS)
    assert len(await cluster.stored()) == 2
    assert cluster.lists() == [["ann", "bob", "cid", "eve"]] * 2


async def test_a_new_session_in_a_large_room_is_not_stored(nursery: trio.Nursery) -> None:
    cluster = Cluster(nursery, large_room_size=1)
    await cluster.meet()
    ann = await cluster.join(0, "ann")
    await cluster[1].scene.join("ann", encoding=V2)
    await cluster[1].scene.join("eve", encoding=V2)
    await cluster[0].ask(leave(ann))
    await cluster.settle()
    assert cluster.lists() == [["ann", "eve"]] * 2
    assert await cluster.stored() == ["ann has joined the chat", "ann has left the chat"]


async def test_a_room_without_members_here_closes(cluster: Cluster) -> None:
    await cluster.join(0, "ann")
    await cluster.leave(1, await cluster.join(1, "eve"))
    rooms = cluster[1].scene.hub._rooms.by_name
    await cluster.wait(3600, step=5)
    assert ROOM not in rooms
    assert cluster.lists() == [["ann"], ["ann"]]


async def test_a_paused_node_announces_users_who_did_not_return(cluster: Cluster) -> None:
    cluster[0].scene.hub._rooms.empty._seconds = QUIET_SECONDS
    await cluster.leave(0, await cluster.join(0, "ann"), may_return=True)
    await cluster.wait(2 * QUIET_SECONDS, step=2 * QUIET_SECONDS)
    assert (await cluster.stored()).count("ann has left the chat") == 1
    await cluster.wait(QUIET_SECONDS)
    assert ROOM not in cluster[0].scene.hub._rooms.by_name


async def test_nothing_is_kept_of_a_room_without_users(cluster: Cluster) -> None:
    await cluster.leave(0, await cluster.join(0, "ann"))
    assert cluster[1].scene.cluster._users._lists == {}
    await cluster.wait(3600, step=5)
    assert cluster[0].scene.cluster._users._lists == {}
    assert len(cluster[0].scene.hub.names) == 0
