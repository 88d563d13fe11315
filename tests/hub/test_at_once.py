"""A turn on the spot: when it may be taken, and that it is a turn like any other."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from tests.hub.scene import (
    ROOM,
    Recorder,
    Scene,
    WatchedLog,
    join,
    leave,
    read,
    say,
    stops,
    types,
)
from trio_chat.hub.tell import MEMBERS_BETWEEN_CHECKPOINTS
from trio_chat.log.base import Commit, Mark
from trio_chat.log.memory import MemoryLog
from trio_chat.protocol.events import Draft
from trio_chat.protocol.membership import LeaveRoom, Request
from trio_chat.protocol.outgoing import Form


class SlowLog(MemoryLog):
    """A log that may have to wait."""

    append_now = None  # type: ignore[assignment]

    async def append(self, drafts: Sequence[Draft], marks: Sequence[Mark] = ()) -> Commit:
        """Append, after a while."""
        await trio.lowlevel.checkpoint()
        return MemoryLog.append_now(self, drafts, marks)


@asynccontextmanager
async def running(scene: Scene) -> AsyncIterator[Scene]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.hub.run)
        await trio.testing.wait_all_tasks_blocked()
        yield scene
        nursery.cancel_scope.cancel()


# --- when ----------------------------------------------------------------------------------------


async def test_an_idle_hub_is_free(scene: Scene) -> None:
    await trio.testing.wait_all_tasks_blocked()
    assert scene.hub.is_free()


async def test_a_hub_that_does_not_run_is_not_free() -> None:
    assert not Scene().hub.is_free()


async def test_a_hub_is_not_free_from_the_moment_a_request_is_put_until_it_has_been_dealt_with(
    scene: Scene,
) -> None:
    await trio.testing.wait_all_tasks_blocked()
    scene.put(join(Recorder(), "ann"))
    assert not scene.hub.is_free()
    assert scene.hub.is_prompt()
    await trio.testing.wait_all_tasks_blocked()
    assert scene.hub.is_free()


async def test_a_hub_whose_log_is_busy_is_not_free(watched: Scene, log: WatchedLog) -> None:
    ann = await watched.join("ann")
    log.may_go_on = trio.Event()
    watched.put(say(ann, "hi"))
    await trio.testing.wait_all_tasks_blocked()
    assert not watched.hub.is_free()
    log.may_go_on.set()
    await trio.testing.wait_all_tasks_blocked()
    assert watched.hub.is_free()


async def test_a_hub_whose_log_may_have_to_wait_is_never_free() -> None:
    async with running(Scene(SlowLog())) as scene:
        assert not scene.hub.is_free()
        assert not scene.hub.is_prompt()


async def test_a_room_of_more_than_a_slice_takes_its_time_so_the_hub_is_not_free() -> None:
    async with running(Scene()) as scene:

        async def free_after(*requests: Request) -> bool:
            await scene.ask(*requests)
            await trio.testing.wait_all_tasks_blocked()
            assert scene.hub.is_prompt() is scene.hub.is_free()
            return scene.hub.is_free()

        members = [Recorder() for _ in range(MEMBERS_BETWEEN_CHECKPOINTS + 2)]
        for number, member in enumerate(members[:-2]):
            await scene.ask(join(member, f"u{number}"))
        assert await free_after()
        assert not await free_after(join(members[-2], "one more"))
        assert not await free_after(join(members[-1], "the last"))
        assert not await free_after(leave(members[0]))
        assert await free_after(leave(members[1]))


# --- what ----------------------------------------------------------------------------------------


async def test_when_it_returns_all_is_logged_and_told_in_one_write(
    watched: Scene, log: WatchedLog
) -> None:
    ann, bob = await watched.join("ann"), await watched.join("bob")
    bob.forget()
    await trio.testing.wait_all_tasks_blocked()
    watched.hub.turn_at_once([say(ann, "one"), types(ann), say(bob, "two")], trio.current_time())
    assert bob.writes == [["3 ann: one", "ann types", "4 bob: two"]]
    assert (await watched.logged())[2:] == ["3 ann: one", "4 bob: two"]
    assert log.batches == [1, 1]  # the joins: the rest went by `append_now`


async def test_it_is_counted_as_a_turn(scene: Scene) -> None:
    ann = await scene.join("ann")
    before = scene.metrics.hub_turn_seconds._sum
    scene.hub.turn_at_once([say(ann, "hi")], trio.current_time())
    assert scene.metrics.hub_turn_seconds._sum > before


async def test_a_log_that_fails_is_the_end_of_who_asked(watched: Scene, log: WatchedLog) -> None:
    ann = await watched.join("ann")

    def fail(_drafts: object, _marks: object) -> None:
        raise RuntimeError

    log.append_now = fail  # type: ignore[assignment,method-assign]
    with pytest.raises(RuntimeError):
        watched.hub.turn_at_once([say(ann, "hi")], trio.current_time())


NAMES = ("ann", "bob", "cy")
Act = tuple[str, str]


def requests(members: dict[str, Recorder], acts: list[Act]) -> list[Request]:
    return [
        types(members[who])
        if what == "types"
        else stops(members[who])
        if what == "stops"
        else say(members[who], what)
        for who, what in acts
    ]


ACTS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["types", "stops", "hi", "ho"])), min_size=1
)


@given(st.lists(st.tuples(st.booleans(), ACTS), max_size=6))
def test_whichever_way_requests_come_everybody_gets_the_same(
    turns: list[tuple[bool, list[Act]]],
) -> None:
    async def play(mixed: bool) -> list[list[str]]:  # noqa: FBT001 - both are played
        async with running(Scene()) as scene:
            members = {name: await scene.join(name) for name in NAMES}
            for at_once, acts in turns:
                await trio.testing.wait_all_tasks_blocked()
                if at_once and mixed:
                    assert scene.hub.is_free()
                    scene.hub.turn_at_once(requests(members, acts), trio.current_time())
                else:
                    await scene.ask(*requests(members, acts))
            return [member.got for member in members.values()]

    assert trio.run(play, True) == trio.run(play, False)  # noqa: FBT003 - trio.run has no names


# --- what is not done on the spot ----------------------------------------------------------------


async def test_a_join_waits_in_the_inbox_as_its_room_may_have_to_be_opened(scene: Scene) -> None:
    ann, bob = await scene.join("ann"), Recorder()
    scene.hub.turn_at_once([join(bob, "bob"), say(ann, "first")], trio.current_time())
    assert ann.got[-1] == "2 ann: first"
    assert not scene.hub.is_free()
    await scene.hub.settle()
    assert ann.got[-2:] == ["3 * bob has joined the chat", "[ann bob] 2"]


async def test_who_leaves_a_room_on_the_spot_is_told_of_at_once(scene: Scene) -> None:
    ann, bob = await scene.join("ann"), await scene.join("bob", form=Form.VERSION_2)
    ann.forget()
    scene.hub.turn_at_once([LeaveRoom(bob, ROOM, "r1")], trio.current_time())
    assert bob.got[-1] == "ack r1"
    assert ann.got == ["3 * bob has left the chat", "[ann] 1"]


async def test_how_far_a_user_has_read_is_told_on_the_spot(scene: Scene) -> None:
    ann = await scene.join("ann", form=Form.VERSION_2)
    scene.hub.turn_at_once([read(ann, 1)], trio.current_time())
    assert ann.got[-1] == "ann read 1"
