"""Who types and who has read, on another node."""

from collections.abc import Sequence

import pytest
import trio
import trio.testing

from tests.hub.cluster import Cluster, said_by
from tests.hub.scene import ROOM, Recorder, edit, read, say, stops, types
from trio_chat.hub.receipts import READ_SECONDS
from trio_chat.hub.typing import TYPING_SECONDS
from trio_chat.protocol.membership import Request
from trio_chat.protocol.nodes import HasRead, Typed


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


async def test_who_types_on_another_node_types(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    await ask(cluster, types(ann))
    assert told(eve) == ["ann types"]
    await ask(cluster, types(ann))
    assert told(eve) == []
    await ask(cluster, stops(ann))
    assert told(eve) == ["ann stops"]


async def test_typing_on_another_node_ends_by_itself(
    cluster: Cluster, ann: Recorder, eve: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    await ask(cluster, types(ann))
    await cluster.wait(mock_clock, TYPING_SECONDS - 1)
    await ask(cluster, types(ann))
    await cluster.wait(mock_clock, TYPING_SECONDS - 1)
    assert told(eve) == ["ann types"]
    await cluster.wait(mock_clock, 1)
    assert told(eve) == ["ann stops"]


async def test_a_message_from_another_node_ends_its_authors_typing(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    await ask(cluster, types(ann))
    eve.forget()
    await ask(cluster, say(ann, "hi"))
    assert told(eve) == ["3 ann: hi", "ann stops"]


async def test_who_types_and_sends_in_one_turn_types_no_more(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    await ask(cluster, types(ann), say(ann, "hi"))
    assert told(eve) == ["3 ann: hi", "ann types", "ann stops"]


async def test_an_edit_from_another_node_does_not(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    await ask(cluster, say(ann, "hi"))
    await ask(cluster, types(ann))
    eve.forget()
    await ask(cluster, edit(ann, "a-2", "ho"))
    assert told(eve) == ["4 edited a-2: ho"]


async def test_who_goes_and_may_return_has_ended_to_type(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    await ask(cluster, types(ann))
    eve.forget()
    await cluster.leave(0, ann, may_return=True)
    assert told(eve) == ["ann stops"]


# --- reading -------------------------------------------------------------------------------------


async def test_who_has_read_on_another_node_has_read(
    cluster: Cluster, ann: Recorder, eve: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    await ask(cluster, read(ann, 1))
    assert told(eve) == ["ann read 1"]
    await ask(cluster, read(ann, 2))
    assert told(eve) == []
    await cluster.wait(mock_clock, READ_SECONDS)
    assert told(eve) == ["ann read 2"]


async def test_of_marks_heard_in_another_order_the_highest_is_told(
    cluster: Cluster, ann: Recorder, eve: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    again = await cluster.join(1, "ann")
    await ask(cluster, say(ann, "one"), say(ann, "two"))
    eve.forget()
    await ask(cluster, read(ann, 1))
    await cluster[0].scene.ask(read(ann, 2))
    await cluster[1].scene.ask(read(again, 3))
    await cluster.settle()
    await cluster.wait(mock_clock, READ_SECONDS)
    assert told(eve) == ["ann read 1", "ann read 3"]


async def test_a_mark_below_one_of_another_node_is_no_step_back(
    cluster: Cluster, ann: Recorder, eve: Recorder
) -> None:
    again = await cluster.join(1, "ann")
    await ask(cluster, read(ann, 2))
    eve.forget()
    await ask(cluster, read(again, 1), number=1)
    await ask(cluster, read(again, 2), number=1)
    assert told(eve) == []
    assert await cluster.log.marks(ROOM, ["ann"]) == {"ann": 2}


# --- what is of no interest ----------------------------------------------------------------------


@pytest.mark.parametrize("room", ["dev", ROOM])
async def test_what_a_user_does_who_is_not_in_a_room_here_is_passed_over(
    cluster: Cluster, eve: Recorder, room: str
) -> None:
    typed, has_read = Typed(room, "zoe", "zoe", is_typing=True), HasRead(room, "zoe", "zoe", 1)
    cluster[0].scene.hub._nodes.tell((typed, has_read))
    assert said_by(cluster[0]) == [typed, has_read]
    await cluster.settle()
    assert told(eve) == []
