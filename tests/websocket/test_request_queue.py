"""RequestQueue: done one after another, by a task that is there only while there are some."""

import pytest
import trio
import trio.testing

from trio_chat.websocket.request_queue import MAX_PENDING, Job, RequestQueue


async def test_jobs_run_one_after_another(nursery: trio.Nursery) -> None:
    done: list[str] = []
    gate = trio.Event()

    async def slow() -> None:
        await gate.wait()
        done.append("slow")

    async def quick() -> None:
        await trio.lowlevel.checkpoint()
        done.append("quick")

    jobs = RequestQueue(nursery.start_soon)
    jobs.add(slow)
    jobs.add(quick)
    await trio.testing.wait_all_tasks_blocked()
    assert done == []
    gate.set()
    await trio.testing.wait_all_tasks_blocked()
    assert done == ["slow", "quick"]


async def test_jobs_that_do_not_block_leave_others_a_turn(nursery: trio.Nursery) -> None:
    done: list[str] = []

    async def at_once() -> None:
        done.append("at once")

    jobs = RequestQueue(nursery.start_soon)
    for _ in range(100):
        jobs.add(at_once)
    for _ in range(10):
        await trio.lowlevel.checkpoint()
    assert 0 < len(done) < 100
    await trio.testing.wait_all_tasks_blocked()
    assert len(done) == 100


async def test_queue_starts_one_task_while_it_has_jobs(nursery: trio.Nursery) -> None:
    started = 0

    def start_soon(task: Job) -> None:
        nonlocal started
        started += 1
        nursery.start_soon(task)

    jobs = RequestQueue(start_soon)
    for expected in (1, 2):
        for _ in range(3):
            jobs.add(trio.lowlevel.checkpoint)
        await trio.testing.wait_all_tasks_blocked()
        assert started == expected
        assert not nursery.child_tasks


async def test_queue_is_full_with_128_jobs() -> None:
    jobs = RequestQueue(lambda _: None)
    for _ in range(MAX_PENDING):
        assert not jobs.is_full
        jobs.add(trio.lowlevel.checkpoint)
    assert jobs.is_full
    jobs.clear()
    assert not jobs.is_full


async def test_error_of_a_job_surfaces_in_the_nursery() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as failure:
        async with trio.open_nursery() as own:
            RequestQueue(own.start_soon).add(fail)
    assert failure.value.subgroup(ZeroDivisionError) is not None
