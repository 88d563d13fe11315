"""The requests of a client that wait for the store, and those that wait for its queue."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from tests.hub.scene import Recorder
from tests.websocket.talk import Pending
from trio_chat.hub.requests import Join
from trio_chat.hub.subscription import Gap
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.names import prepare_name
from trio_chat.websocket.joining import Job, Joining

MAX_FRAMES = 4


def joining_of(
    start_soon: Callable[[Job], object] = lambda _: None,
    outbox: Any = None,  # noqa: ANN401 - a fake
) -> Joining:
    connection: Any = SimpleNamespace(start_soon=start_soon, outbox=outbox, address="")
    nothing: Any = None
    return Joining(connection, nothing, nothing)


async def test_jobs_run_one_after_another_in_one_task(nursery: trio.Nursery) -> None:
    done: list[str] = []
    started: list[Job] = []
    gate = trio.Event()

    async def slow() -> None:
        await gate.wait()
        done.append("slow")

    async def quick() -> None:
        await trio.lowlevel.checkpoint()
        done.append("quick")

    def start_soon(task: Job) -> None:
        started.append(task)
        nursery.start_soon(task)

    joining = joining_of(start_soon)
    for expected in (1, 2):
        joining._add(slow)
        joining._add(quick)
        await trio.testing.wait_all_tasks_blocked()
        gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert done == ["slow", "quick"] * expected
        assert len(started) == expected
        assert not nursery.child_tasks


async def test_jobs_that_do_not_block_leave_others_a_turn(nursery: trio.Nursery) -> None:
    done: list[str] = []

    async def at_once() -> None:
        done.append("at once")

    joining = joining_of(nursery.start_soon)
    for _ in range(100):
        joining._add(at_once)
    for _ in range(10):
        await trio.lowlevel.checkpoint()
    assert 0 < len(done) < 100
    await trio.testing.wait_all_tasks_blocked()
    assert len(done) == 100


async def test_error_of_a_job_surfaces_in_the_nursery() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as failure:
        async with trio.open_nursery() as own:
            joining_of(own.start_soon)._add(fail)
    assert failure.value.subgroup(ZeroDivisionError) is not None


async def test_each_part_of_a_backlog_waits_for_space() -> None:
    member = Recorder(Encoding.VERSION_2, max_backlog_frames=MAX_FRAMES)
    pending = Pending(Join(member, "general", prepare_name("ann")), gaps=[Gap(3, 3), Gap(3, 3)])
    asked: list[tuple[int, int]] = []

    async def wait_to_fit(size: int, frames: int) -> None:  # noqa: ARG001
        asked.append((frames, len(pending.activated)))

    joining = joining_of(outbox=SimpleNamespace(wait_to_fit=wait_to_fit))
    assert await joining._fill(pending, Gap(3, 3))
    assert len(pending.activated) == 3
    # The presence and an acknowledgement come on top.
    assert asked == [(MAX_FRAMES + 2, activated) for activated in range(3)]
