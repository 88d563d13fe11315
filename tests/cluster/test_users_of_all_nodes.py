"""The list of a room's users is one for all nodes, and each coming and going is logged once."""

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from tests.cluster.nodes import Cluster
from tests.hub.scene import ROOM, Recorder, join, leave, say
from trio_chat.cluster.presence import DOUBT_SECONDS
from trio_chat.hub.limits import QUIET_SECONDS
from trio_chat.hub.users import GRACE_SECONDS
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.names import prepare_name

PLAIN, V2 = Encoding.PLAIN, Encoding.VERSION_2

Made = Callable[..., Awaitable[Cluster]]


@pytest.fixture
def made(nursery: trio.Nursery) -> Made:
    """Makes nodes that have heard of each other."""

    async def make(size: int = 2, large_room_size: int = 200) -> Cluster:
        cluster = Cluster(nursery, size, large_room_size=large_room_size)
        await cluster.meet()
        return cluster

    return make


# --- coming --------------------------------------------------------------------------------------


async def test_a_join_is_on_every_list_and_stored_once(made: Made) -> None:
    cluster = await made(3)
    ann = await cluster.join(0, "Ann")
    eve = await cluster.join(1, "eve")
    assert cluster.lists() == [["Ann", "eve"]] * 3
    assert await cluster.logged() == ["Ann has joined the chat", "eve has joined the chat"]
    assert ann.got[-2:] == ["2 * eve has joined the chat", "+eve 2"]
    assert eve.admission is not None
    assert [name.shown for name in eve.admission.members] == ["Ann", "eve"]
    assert eve.admission.count == 2


async def test_plain_members_receive_joins_on_other_nodes(made: Made) -> None:
    cluster = await made()
    ann = await cluster.join(0, "ann", PLAIN)
    ann.forget()
    await cluster.join(1, "eve", PLAIN)
    assert ann.got == ["2 * eve has joined the chat", "[ann eve] 2"]


async def test_a_user_of_one_node_is_not_new_on_another(made: Made) -> None:
    cluster = await made()
    ann = await cluster.join(0, "Ann")
    ann.forget()
    await cluster.join(1, "ann")
    assert ann.got == []
    assert cluster.lists() == [["Ann"], ["Ann"]]
    assert await cluster.logged() == ["Ann has joined the chat"]


async def test_the_first_spelling_counts_on_all_nodes(made: Made) -> None:
    cluster = await made()
    first = await cluster.join(0, "Ann", room="dev")
    await cluster.join(1, "ANN")
    await cluster.leave(0, first)
    await cluster.join(0, "ann")
    assert cluster.lists() == [["Ann"], ["Ann"]]


async def test_an_opened_room_lists_users_of_other_nodes(made: Made) -> None:
    cluster = await made()
    await cluster.join(0, "ann", room="dev")
    eve = await cluster.join(1, "eve", PLAIN, room="dev")
    assert eve.got[-1] == "[ann eve] 2"


async def test_users_from_before_a_room_opened_are_no_change(made: Made) -> None:
    cluster = await made()
    gone = await cluster.join(0, "gil", room="dev")
    await cluster.join(0, "ann", room="dev")
    await cluster.leave(0, gone)
    eve = await cluster.join(1, "eve", room="dev")
    assert [frame for frame in eve.got if frame[0] in "+-"] == []
    assert cluster.lists("dev") == [["ann", "eve"]] * 2


async def test_the_lower_lease_decides_after_two_joins_at_once(made: Made) -> None:
    cluster = await made(3)
    for number, name in enumerate(("Ann", "ANN")):
        await cluster[number].scene.join(name, encoding=V2)
    await cluster.settle()
    assert cluster.lists() == [["Ann"]] * 3
    leases = [
        node.scene.cluster._users.list_of(ROOM).deciding_lease("ann") for node in cluster.nodes
    ]
    assert leases == [("a-1", "Ann")] * 3
    for node in cluster.nodes[:2]:  # and they say so when they are asked
        assert [here.session for here in node.scene.cluster._users.here()] == ["a-1"]


@pytest.mark.parametrize("second", ["ann", "ANN"])
async def test_a_user_who_joins_on_two_nodes_at_once_joins_and_leaves_once(
    made: Made, second: str
) -> None:
    cluster = await made(3)
    eve = await cluster.join(2, "eve")
    first, other = [
        await cluster[number].scene.join(name, encoding=V2)
        for number, name in enumerate(("ann", second))
    ]
    await cluster.settle()
    assert await cluster.logged() == ["eve has joined the chat", "ann has joined the chat"]
    assert [line for line in eve.got if line.endswith("ann has joined the chat")] == [
        "2 * ann has joined the chat"
    ]
    # Neither has heard that the other goes.
    await cluster[0].scene.ask(leave(first))
    await cluster[1].scene.ask(leave(other))
    await cluster.wait(2 * DOUBT_SECONDS)
    assert (await cluster.logged())[2:] == ["ann has left the chat"]


async def test_a_user_of_two_nodes_that_are_cut_off_leaves_once(made: Made) -> None:
    cluster = await made()
    members = [await cluster[number].scene.join("ann", encoding=V2) for number in range(2)]
    for node, member in zip(cluster.nodes, members, strict=True):
        await node.scene.ask(leave(member))
    assert await cluster.logged() == ["ann has joined the chat", "ann has left the chat"]


async def test_each_join_and_leave_within_a_turn_is_stored(made: Made) -> None:
    cluster = await made()
    scene, ann, again = cluster[0].scene, Recorder(V2), Recorder(V2)
    await scene.ask(join(ann, "ann"), leave(ann), join(again, "ann"))
    came = "ann has joined the chat"
    assert await cluster.logged() == [came, "ann has left the chat", came]


async def test_a_join_beside_a_message_does_not_change_how_its_ref_is_compared(made: Made) -> None:
    cluster = await made()
    scene, ann = cluster[0].scene, await cluster.join(0, "ann")
    await scene.ask(say(ann, "hi", ref="r"))
    await scene.ask(say(ann, "another text", ref="r"), join(Recorder(V2), "bob"))
    assert ann.errors == [("conflict", "r", ROOM)]


async def test_a_user_who_joins_twice_in_a_turn_keeps_the_newer_session(made: Made) -> None:
    cluster = await made()
    for name in ("ann", "zoe"):
        await cluster[0].scene.join(name, encoding=V2)
    ann, again, zoe = Recorder(V2), Recorder(V2), Recorder(V2)
    await cluster[1].scene.ask(join(ann, "ann"), leave(ann), join(again, "ann"), join(zoe, "zoe"))
    await cluster.settle()
    assert cluster.lists() == [["ann", "zoe"]] * 2


async def test_a_session_may_end_before_another_node_knows_of_it(made: Made) -> None:
    cluster = await made()
    await cluster[0].scene.join("ann", encoding=V2)
    ann = Recorder(V2)
    await cluster[1].scene.ask(join(ann, "ann"), leave(ann))
    await cluster.settle()
    assert cluster.lists() == [["ann"]] * 2


async def test_one_of_two_spellings_is_displayed_on_all_nodes(made: Made) -> None:
    cluster = await made()
    await cluster[0].scene.join("Ann", encoding=V2)
    eve = await cluster[1].scene.join("ANN", encoding=V2)
    await cluster.settle()
    assert eve.got[-1] == "+Ann -ANN 1"
    for node in cluster.nodes:  # to a connection that comes then, too
        assert node.scene.hub.names.hold(Recorder(), prepare_name("aNN")) == "Ann"


# --- going ---------------------------------------------------------------------------------------


async def test_a_leave_is_on_every_list_and_stored_once(made: Made) -> None:
    cluster = await made(3)
    ann, eve = await cluster.join(0, "ann"), await cluster.join(1, "eve")
    ann.forget()
    await cluster.leave(1, eve)
    assert ann.got == ["3 * eve has left the chat", "-eve 1"]
    await cluster.wait(DOUBT_SECONDS)
    assert cluster.lists() == [["ann"]] * 3
    assert (await cluster.logged()).count("eve has left the chat") == 1


async def test_a_user_of_another_node_has_not_left(made: Made) -> None:
    cluster = await made()
    first, _ = await cluster.join(0, "ann"), await cluster.join(1, "ann")
    await cluster.leave(0, first)
    assert cluster.lists() == [["ann"], ["ann"]]
    assert await cluster.logged() == ["ann has joined the chat"]


@pytest.mark.parametrize("at_once", [False, True])
async def test_leaving_two_nodes_is_stored_once(made: Made, *, at_once: bool) -> None:
    cluster = await made(3)
    first, second = await cluster.join(0, "ann"), await cluster.join(1, "ann")
    await cluster[0].scene.ask(leave(first))
    if not at_once:
        await cluster.settle()
    await cluster.leave(1, second)
    assert cluster.lists() == [[]] * 3
    await cluster.wait(DOUBT_SECONDS)
    assert await cluster.logged() == ["ann has joined the chat", "ann has left the chat"]


async def test_a_user_who_returns_before_the_notice_has_not_left(made: Made) -> None:
    cluster = await made()
    first, second = await cluster.join(0, "ann"), await cluster.join(1, "ann")
    await cluster[0].scene.ask(leave(first))
    await cluster[1].scene.ask(leave(second))
    await cluster.settle()
    await cluster.join(0, "ann")
    await cluster.wait(DOUBT_SECONDS)
    assert await cluster.logged() == ["ann has joined the chat"]


async def test_a_user_who_may_return_stays_on_all_lists(made: Made) -> None:
    cluster = await made()
    ann, eve = await cluster.join(0, "ann"), await cluster.join(1, "eve")
    eve.forget()
    await cluster.leave(0, ann, may_return=True)
    assert cluster.lists() == [["ann", "eve"]] * 2
    await cluster.wait(GRACE_SECONDS)
    assert eve.got == ["3 * ann has left the chat", "-ann 1"]
    assert cluster.lists() == [["eve"]] * 2


async def test_a_user_who_returns_to_another_node_has_not_left(made: Made) -> None:
    cluster = await made()
    ann, eve = await cluster.join(0, "ann"), await cluster.join(1, "eve")
    eve.forget()
    await cluster.leave(0, ann, may_return=True)
    again = await cluster.join(1, "ann")
    await cluster.wait(GRACE_SECONDS)
    assert eve.got == []
    await cluster.leave(1, again)  # and is awaited nowhere
    assert eve.got == ["-ann 1", "3 * ann has left the chat"]


async def test_no_node_waits_for_a_user_who_has_returned_to_another(made: Made) -> None:
    cluster = await made()
    ann = await cluster.join(0, "ann")
    await cluster.leave(0, ann, may_return=True)
    again = await cluster.join(1, "ann")
    await cluster.leave(1, again)
    assert cluster.lists() == [[], []]


async def test_a_leave_stored_too_early_is_followed_by_a_join(made: Made) -> None:
    cluster = await made()
    ann = await cluster.join(0, "ann")
    again = await cluster[1].scene.join("ann", encoding=V2)
    await cluster[0].scene.ask(leave(ann))
    await cluster.settle()
    assert cluster.lists() == [["ann"], ["ann"]]
    await cluster.leave(1, again)
    joined, left = "ann has joined the chat", "ann has left the chat"
    assert await cluster.logged() == [joined, left, joined, left]


async def test_nodes_agree_on_a_new_session_after_an_early_leave(made: Made) -> None:
    cluster = await made(3)
    ann = await cluster.join(0, "ann")
    members = [await cluster[number].scene.join("ann", encoding=V2) for number in (1, 2)]
    await cluster.lose()
    await cluster[0].scene.ask(leave(ann))
    cluster.carry()
    for number in (1, 2):
        await cluster.hear(cluster[number], cluster[number].post)
    await cluster.leave(2, members[1])
    assert cluster.lists() == [["ann"]] * 3
    await cluster.leave(1, members[0])
    assert await cluster.logged() == ["ann has joined the chat", "ann has left the chat"] * 3


async def test_a_notice_of_a_closed_room_is_stored(made: Made) -> None:
    cluster = await made(3)
    first = await cluster.join(0, "ann", room="dev")
    second = await cluster.join(1, "ann", room="dev")
    await cluster[0].scene.ask(leave(first))
    await cluster[1].scene.ask(leave(second))
    await cluster.settle()
    del cluster.nodes[:2]
    await cluster.wait(DOUBT_SECONDS)
    assert (await cluster.logged("dev"))[-1] == "ann has left the chat"


# --- crowds --------------------------------------------------------------------------------------


async def test_users_of_all_nodes_make_a_room_large(made: Made) -> None:
    cluster = await made(large_room_size=2)
    for number, name in enumerate(("ann", "eve", "bob", "cid")):
        await cluster.join(number % 2, name)
    assert len(await cluster.logged()) == 2
    first = await cluster.join(0, "dan")
    second = await cluster.join(1, "dan")
    await cluster[0].scene.ask(leave(first))
    await cluster[1].scene.ask(leave(second))
    await cluster.settle()
    await cluster.wait(DOUBT_SECONDS)
    assert len(await cluster.logged()) == 2
    assert cluster.lists() == [["ann", "bob", "cid", "eve"]] * 2


async def test_a_new_session_in_a_large_room_is_not_stored(made: Made) -> None:
    cluster = await made(large_room_size=1)
    ann = await cluster.join(0, "ann")
    await cluster[1].scene.join("ann", encoding=V2)
    await cluster[1].scene.join("eve", encoding=V2)
    await cluster[0].scene.ask(leave(ann))
    await cluster.settle()
    assert cluster.lists() == [["ann", "eve"]] * 2
    assert await cluster.logged() == ["ann has joined the chat", "ann has left the chat"]


# --- rooms nobody is in here ---------------------------------------------------------------------


async def test_a_room_without_members_here_closes(made: Made) -> None:
    cluster = await made()
    await cluster.join(0, "ann")
    await cluster.leave(1, await cluster.join(1, "eve"))
    rooms = cluster[1].scene.hub._rooms
    await cluster.wait(3600, step=5)
    assert ROOM not in rooms
    assert cluster.lists() == [["ann"], ["ann"]]


async def test_a_paused_node_announces_users_who_did_not_return(made: Made) -> None:
    cluster = await made()
    cluster[0].scene.hub._rooms._empty._seconds = QUIET_SECONDS
    await cluster.leave(0, await cluster.join(0, "ann"), may_return=True)
    await cluster.wait(2 * QUIET_SECONDS, step=2 * QUIET_SECONDS)
    assert (await cluster.logged()).count("ann has left the chat") == 1
    await cluster.wait(QUIET_SECONDS)
    assert ROOM not in cluster[0].scene.hub._rooms


async def test_nothing_is_kept_of_a_room_without_users(made: Made) -> None:
    cluster = await made()
    await cluster.leave(0, await cluster.join(0, "ann"))
    assert cluster[1].scene.cluster._users._lists == {}
    await cluster.wait(3600, step=5)
    assert cluster[0].scene.cluster._users._lists == {}
    assert len(cluster[0].scene.hub.names) == 0
